"""One Spark on this machine for all tests of this folder: it takes its time to start."""

import os
import sys

import numpy as np
import pytest

from tests.pictures import write_table
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.shop import Shop

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

# Spark closes its sockets to workers when it likes; nothing of ours is left open.
IGNORED = (
    "ignore:unclosed.*:ResourceWarning",
    "ignore:subprocess .* is still running:ResourceWarning",
    "ignore::pytest.PytestUnraisableExceptionWarning",
)


def pytest_collection_modifyitems(items):
    for item in items:
        if "tests/spark" in item.path.as_posix():
            for text in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(text))


@pytest.fixture(scope="session")
def spark():
    """A session in this process, on two cores; mark tests ``java``."""
    from vitrine.spark import session

    with session("local[2]", ["spark.sql.shuffle.partitions=4"]) as opened:
        yield opened


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A shop of 24 pictures, with a network for its encoder, and the table that it was made of."""
    from tests.encoders.tiny_models import write_network

    folder = tmp_path_factory.mktemp("made")
    table = write_table(folder / "catalogue")
    network = write_network(folder / "net.onnx", side=8)
    encoder = make_encoder(f"onnx:{network}")
    with Shop.create(folder / "shop", Catalogue.read(table), encoder) as shop:
        yield shop, table


@pytest.fixture(scope="session")
def clustered():
    """600 vectors in 12 groups of very different sizes, float32 (600, 16), and their ids."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(12, 16))
    groups = rng.choice(12, 600, p=np.array([12 - i for i in range(12)]) / 78)
    vectors = (centres[groups] + 0.2 * rng.normal(size=(600, 16))).astype(np.float32)
    return [f"item-{i}" for i in range(600)], vectors
