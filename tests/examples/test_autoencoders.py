"""The autoencoder examples run from their first cell to their last on a small sample."""

import gzip
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.encoders.contracts import shapes
from tests.pictures import write_class_folders

EXAMPLES = Path(__file__).parents[2] / "examples"

pytest.importorskip("torch")
pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def idx_folder(tmp_path_factory) -> Path:
    """A folder of IDX files with small pictures of four kinds of shape, in two parts."""
    folder = tmp_path_factory.mktemp("idx")
    for part, n in (("train", 120), ("t10k", 40)):
        pictures, labels = shapes(n, seed=n)
        pictures = np.pad(pictures, ((0, 0), (2, 2), (2, 2)))  # 28×28
        header = struct.pack(">IIII", 0x803, *pictures.shape)
        with gzip.open(folder / f"{part}-images-idx3-ubyte.gz", "wb") as file:
            file.write(header + pictures.tobytes())
        with gzip.open(folder / f"{part}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">II", 0x801, n) + labels.astype(np.uint8).tobytes())
    return folder


def run(script: str, out: Path, *arguments: str) -> str:
    """Run an example with warnings as errors; return what it printed."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), "--epochs", "2"]
    done = subprocess.run(
        [*command, "--out", str(out), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pages(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.html")}


def test_fashion(tmp_path, idx_folder, monkeypatch):
    source = (EXAMPLES / "fashion_autoencoder.py").read_text()
    script = tmp_path / "fashion.py"
    script.write_text(source.replace('"fashion-mnist"', repr(str(idx_folder))))
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES))
    out = run(str(script), tmp_path / "out", "--sample", "100")
    assert "45.07 %" in out
    assert out.count("3,922") == 3  # the summary's total, the published number and ours
    expected = {"learning", "reconstructions", "map", "one_category", "nearest"}
    assert pages(tmp_path / "out") == expected


def test_digits(tmp_path, idx_folder):
    out = run("digits_autoencoder.py", tmp_path, "--digits", str(idx_folder))
    assert out.count("101,200") == 3
    assert pages(tmp_path) == {"learning", "codes", "reconstructions", "between"}


def test_photos(tmp_path):
    folder = write_class_folders(tmp_path / "photos", n_each=5)
    out = run("convolutional_photos.py", tmp_path / "out", str(folder))
    assert "19×19×8" in out
    assert out.count("2,888") == 2
    assert pages(tmp_path / "out") == {"learning", "reconstructions", "nearest"}


@pytest.mark.parametrize(
    "name", ["fashion_autoencoder", "digits_autoencoder", "convolutional_photos"]
)
def test_cells(name):
    lines = (EXAMPLES / f"{name}.py").read_text().splitlines()
    assert lines[0] == "# %% [markdown]"
    assert lines.count("# %%") >= 6
