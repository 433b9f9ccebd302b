"""The example of the category embedding runs on made photos and a made network."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.encoders.tiny_models import pooling_network
from tests.pictures import write_class_folders

EXAMPLES = Path(__file__).parents[2] / "examples"

pytest.importorskip("torch")
pytest.importorskip("onnx")


def test_it_runs_from_the_first_cell_to_the_last(tmp_path):
    photos = write_class_folders(tmp_path / "photos", 15)
    network = f"{pooling_network()}:mean=0.5:std=0.5"
    out = tmp_path / "out"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / "category_embedding.py"), str(photos),
         "--backbone", network, "--epochs", "20", "--out", str(out)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {path.stem for path in out.glob("*.html")} == {"learning", "nearest"}
    assert "36 photos to learn from, 9 to ask about" in done.stdout
    [line] = [line for line in done.stdout.splitlines() if line.startswith("the right category")]
    assert float(line.split()[4].rstrip("%")) > 80
    found = [line for line in done.stdout.splitlines() if line.startswith("leaf")]
    assert found
    assert found[0].count("leaf") >= 5
