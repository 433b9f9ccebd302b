"""A real process is killed while it adds ratings: what it had acknowledged is there."""

import os
import signal
import subprocess
import sys

import pytest
from tests.pictures import write_class_folders

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.shop import Shop

RATE = """
import sys
from vitrine.shop import Shop
with Shop.open(sys.argv[1]) as shop:
    for n in range(100_000):
        shop.ratings.rate(f"user {n % 7}", f"item {n}", 1 + n % 5)
        print(n, flush=True)
"""
ADD = """
import sys
from vitrine.shop import Shop, ratings
ratings.BATCH_RATINGS = 50
put = ratings.RatingStore.put
def said(self, *arguments):
    written = put(self, *arguments)
    print("batch", flush=True)
    return written
ratings.RatingStore.put = said
with Shop.open(sys.argv[1]) as shop:
    shop.ratings.add(sys.argv[2])
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    encoder = make_encoder("pixels", n_components=3)
    Shop.create(folder / "shop", Catalogue.read(write_class_folders(folder / "c", 2)), encoder)
    return folder / "shop"


def killed_after(n_lines, script, *arguments):
    command = [sys.executable, "-c", script, *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline() for _ in range(n_lines)]
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return lines


def consistent(shop):
    """Counts that are kept up must be what the ratings themselves say."""
    info = shop.ratings.info()
    counted = sum(row.n_ratings for row in shop.ratings._ratings.counts()[1])
    assert counted == info.ratings
    return info.ratings


def test_every_acknowledged_rating_is_there(made):
    for n_lines in (1, 7, 40):
        killed_after(n_lines, RATE, made)
        with Shop.open(made) as shop:
            assert consistent(shop) >= n_lines
            rated = {row.id for n in range(7) for row in shop.ratings.history(f"user {n}")}
            assert {f"item {n}" for n in range(n_lines)} <= rated


def test_an_interrupted_file_leaves_whole_batches_and_is_completed(made, tmp_path):
    path = tmp_path / "ratings.csv"
    lines = [f"v{n % 40},thing {n // 40},{1 + n % 5}" for n in range(2_000)]
    path.write_text("\n".join(["user,item,rating", *lines]))
    with Shop.open(made) as shop:
        before = consistent(shop)
    killed_after(9, ADD, made, path)
    with Shop.open(made) as shop:
        there = consistent(shop) - before
        assert there >= 450
        assert there % 50 == 0
        result = shop.ratings.add(path)
        assert (result.added, result.unchanged) == (2_000 - there, there)
        assert consistent(shop) == before + 2_000
