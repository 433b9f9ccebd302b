"""The rating examples run from their first cell to their last on small made data."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(script: str, *arguments: str | Path) -> str:
    """Run an example with warnings as errors; return what it printed."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / script), *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def made_ratings(rng, n_users=30, n_items=40):
    """Who rated what: even users like even items."""
    users, items = np.nonzero(rng.random((n_users, n_items)) < 0.5)
    stars = np.clip(np.where(users % 2 == items % 2, 5, 2) + rng.integers(-1, 1, len(users)), 1, 5)
    return users, items, stars


def test_ratings_svd(tmp_path):
    rows = zip(*made_ratings(np.random.default_rng(0)), strict=True)
    text = "".join(f"{u + 1}\t{i + 1}\t{s}\t{t}\n" for t, (u, i, s) in enumerate(rows))
    (tmp_path / "u.data").write_text(text)
    (tmp_path / "u.item").write_text("".join(f"{i + 1}|Film {i + 1}|\n" for i in range(40)))
    out = run("ratings_svd.py", tmp_path, "--folds", "2", "--user", "3")
    assert "of 40 films by 30 users" in out
    lines = [line.split() for line in out.splitlines()]
    table = {line[0]: float(line[1]) for line in lines if len(line) == 7 and line[4] == "to"}
    assert set(table) == {
        "mean", "biases", "pca", "truncated-svd", "item-knn", "svd", "svdpp", "bayesian-svdpp",
    }  # fmt: skip
    assert table["bayesian-svdpp"] < 0.8 * table["mean"]
    recommended = out.split("bayesian-svdpp recommends to user 3:")[1].splitlines()[1:6]
    assert all(int(line.split()[-1]) % 2 for line in recommended)
    assert "Like Film" in out


def test_pictures_and_ratings(tmp_path):
    rng = np.random.default_rng(0)
    users, items, stars = made_ratings(rng)
    (tmp_path / "pictures").mkdir()
    with gzip.open(tmp_path / "meta.json.gz", "wt") as file:
        for item in range(40):
            kind = ["Shoes", "Hats"][item % 2]
            file.write(json.dumps({"asin": f"B{item}", "category": ["Fashion", kind]}) + "\n")
            picture = rng.integers(0, 60, (40, 40, 3), dtype=np.uint8)
            picture[5:20, item % 2 * 20 :][:, :15] += 150
            Image.fromarray(picture).save(tmp_path / "pictures" / f"B{item}.jpg")
    with gzip.open(tmp_path / "reviews.json.gz", "wt") as file:
        for user, item, overall in zip(users, items, stars, strict=True):
            row = {"overall": float(overall), "reviewerID": f"A{user}", "asin": f"B{item}",
                   "unixReviewTime": 1_400_000_000}  # fmt: skip
            file.write(json.dumps(row) + "\n")
    arguments = [tmp_path / name for name in ("reviews.json.gz", "meta.json.gz", "pictures")]
    out = run("pictures_and_ratings.py", *arguments, "--folds", "2", "--out", tmp_path / "out")
    assert "40 products with a picture, 2 categories" in out
    assert "adjusted Rand index 1.00" in out
    assert "right" in out.split("by pictures")[1].splitlines()[0]
    errors = {line[:18].strip(): float(line.split("RMSE")[1].split()[0])
              for line in out.splitlines() if " RMSE " in line}  # fmt: skip
    assert errors["bayesian-hybrid"] < 0.8 * errors["mean"]
    assert {"visual-knn", "visual-knn, vote", "biases"} <= set(errors)


@pytest.mark.parametrize("name", ["ratings_svd", "pictures_and_ratings"])
def test_cells(name):
    lines = (EXAMPLES / f"{name}.py").read_text().splitlines()
    assert lines[0] == "# %% [markdown]"
    assert lines.count("# %%") >= 5
