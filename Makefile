# Everything runs in .venv, which is made on first use and again when its inputs change.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := src tests benchmarks examples

.PHONY: help setup demo test check format bench clean

help:
	@echo "make demo    the main job on Fashion-MNIST: figures, similar items, demo/report.html"
	@echo "make test    format, lint, types, layers, then every test"
	@echo "make check   the same without the tests"
	@echo "make format  put every file into shape"
	@echo "make bench   the benchmark table of the README (takes long; best on a quiet machine)"
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
	$(BIN)/pytest

format: setup
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/ruff check --fix $(SOURCES)

bench: setup
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv build dist demo screenshots .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
