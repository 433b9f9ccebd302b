# Everything runs in .venv, which is made on first use and again when its inputs change.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := src tests benchmarks examples release

.PHONY: help setup demo test check format bench bench-scale clean fuzz
.PHONY: kill disk-full together soak package dependencies pins audit

help:
	@echo "make demo    the main job on Fashion-MNIST: figures, similar items, demo/report.html"
	@echo "make test    format, lint, types, layers, then every test"
	@echo "make check   the same without the tests"
	@echo "make format  put every file into shape"
	@echo "make bench   the benchmark table of the README (takes long; best on a quiet machine)"
	@echo "make bench-scale  the tables of docs/scale.md, up to a million items (ten minutes)"
	@echo "make kill, disk-full, together, soak    what docs/guarantees.md says, tried at length"
	@echo "make package, dependencies, pins, audit  what a release needs"
	@echo "make fuzz    ten minutes of fuzzing: pictures and models (SECONDS=N for each of the two)"
	@echo "make clean   remove .venv and everything made"

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Vitrine needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0 -e ".[train,dev]"
	@touch $@

demo: setup
	$(BIN)/python examples/demo.py

check: setup
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder -m "not alone"
	$(BIN)/pytest -m alone

format: setup
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: setup
	$(BIN)/python -m benchmarks

bench-scale: setup
	$(BIN)/python benchmarks/scale.py --peers

kill: setup
	$(BIN)/python -m tests.trust.kill --moments 300

disk-full: setup
	$(BIN)/python -m tests.trust.disk_full
	$(BIN)/python -m tests.trust.disk_full --limit

together: setup
	$(BIN)/python -m tests.trust.together --seconds 180

soak: setup
	$(BIN)/python -m tests.trust.soak --seconds 600

package: setup
	$(BIN)/python -m release.package

dependencies: setup
	$(BIN)/python -m release.inventory

pins: setup
	$(BIN)/python -m release.pins

audit: setup
	$(BIN)/python -m venv .venv-audit
	.venv-audit/bin/pip install --quiet pip-audit
	.venv-audit/bin/pip-audit --require-hashes -r requirements-service.txt

SECONDS ?= 300
fuzz: setup
	VITRINE_FUZZ_SECONDS=$(SECONDS) $(BIN)/pytest tests/hostile/test_fuzz.py -s

clean:
	rm -rf .venv .venv-audit build dist demo screenshots .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
