"""The package as users get it: built, installed alone, and used; its parts and their hashes."""

import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from release import inventory, package, pins
from release.closure import asked_for, closure, normal

import vitrine

SRC = package.ROOT / "src" / "vitrine"
FILES = re.compile(r"\.(py|typed|css|js|html|svg|json)$")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return package.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def core(built, tmp_path_factory):
    """A virtual environment with the wheel and what the core needs, and nothing else."""
    home = tmp_path_factory.mktemp("core") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    [site] = home.glob("lib/python*/site-packages")
    for there in closure().values():
        link(there, site)
    python = home / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*command, "--no-deps", "--no-index", str(built[0])], check=True)
    return python


@pytest.fixture(scope="module")
def used(core, tmp_path_factory):
    """Where the core alone has made a shop, and how many similar items it found there."""
    folder = tmp_path_factory.mktemp("used") / "folder"
    return folder, package.use(core, folder)


def link(there, site):
    """Link what a distribution put into site-packages: packages, libraries, metadata."""
    for top in {
        file.parts[0] for file in there.files if file.parts[0] not in ("..", "__pycache__")
    }:
        source = Path(there.locate_file(top))
        if source.exists() and not (site / top).exists():
            (site / top).symlink_to(source)


def test_wheel_and_sdist_hold_every_file_and_the_licence(built):
    wheel, sdist = built
    inside = zipfile.ZipFile(wheel).namelist()
    with tarfile.open(sdist) as archive:
        packed = archive.getnames()
    ours = [f"vitrine/{path.relative_to(SRC).as_posix()}" for path in SRC.rglob("*")
            if FILES.search(path.name) and "__pycache__" not in path.parts]  # fmt: skip
    assert len(ours) > 200
    assert set(ours) <= set(inside)
    assert {"vitrine/py.typed", "vitrine/service/page/templates/browse.html"} <= set(inside)
    assert any(name.endswith("licenses/LICENSE") for name in inside)
    assert {"LICENSE", "README.md", "pyproject.toml"} <= {Path(name).name for name in packed}
    assert {name.partition("/")[2] for name in packed} >= {f"src/{name}" for name in ours}


def test_the_core_alone_makes_a_shop_and_answers(used):
    assert used[1] == 3


MISSING = {
    "serve": "serve shop",
    "hdf5": "export shop vectors.h5",
    "train": "retrain shop --encoder dense-autoencoder",
    "hub": "create other pictures --encoder pretrained:resnet50",
    "tensorboard": "create other pictures --encoder dense-autoencoder --log-dir logs",
    "postgres": "info postgresql://me@127.0.0.1/shops",
}
RUN_ALL = """
import sys
from vitrine.cli.main import run
for command in sys.argv[1:]:
    print(f"{run(command.split())} = {command}", file=sys.stderr)
"""


def test_an_extra_that_is_missing_names_itself(core, used):
    ended = subprocess.run(
        [str(core), "-c", RUN_ALL, *MISSING.values()],
        cwd=used[0], capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    rest = " ".join(ended.stderr.split())
    for extra, command in MISSING.items():
        said, found, rest = rest.partition(f"1 = {command}")
        assert found, f"{command}: {rest}"
        assert f'pip install "vitrine[{extra}]"' in said


def test_the_core_brings_no_torch_and_nothing_of_the_extras():
    names = closure().keys()
    assert not {"torch", "onnx", "fastapi", "uvicorn", "pyspark", "h5py", "psycopg"} & names
    assert {normal(re.split(r"[<>=;\[ ]", one)[0]) for one in asked_for()} <= names


def test_the_inventory_of_dependencies_is_up_to_date():
    assert inventory.TARGET.read_text() == inventory.text(), "run: make dependencies"


def test_every_dependency_states_a_licence_and_none_that_binds_who_uses_vitrine():
    rows = re.findall(r"^\| (\S+) \| \S+ \| (.+?) \|", inventory.text(), re.MULTILINE)[1:]
    assert len(rows) > 60
    for name, licence in rows:
        assert licence != "not stated", name
        assert not re.search(r"\bA?GPL", licence), f"{name}: {licence}"


def test_the_services_image_is_pinned_by_hash():
    text = pins.TARGET.read_text()
    pinned = dict(re.findall(r"^(\S+)==(\S+) \\$", text, re.MULTILINE))
    wanted = closure("serve") | closure("postgres")
    for name, there in wanted.items():
        assert pinned.get(name) == there.version, f"{name}: run make pins"
    hashed = re.split(r"^(?=\S+==)", text, flags=re.MULTILINE)[1:]
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}$", one, re.MULTILINE) for one in hashed)
    assert "--require-hashes" in (package.ROOT / "Dockerfile").read_text()


def test_the_version_is_one():
    assert distribution("vitrine").version == vitrine.__version__
