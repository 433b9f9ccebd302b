"""Real processes are killed in the middle of real imports."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from tests.pictures import write_class_folders

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import ShopExistsError, ShopFormatError, ShopNotFoundError
from vitrine.shop import Shop, importing

# Small batches and a pause in each, so that a kill finds the import in every state.
CREATE = """
import sys, time
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.shop import Shop, importing
importing.BATCH_ITEMS = 4
put = importing.Store.put
def slow_put(self, *arguments):
    time.sleep(0.01)
    put(self, *arguments)
    print("batch", flush=True)
importing.Store.put = slow_put
Shop.create(sys.argv[1], Catalogue.read(sys.argv[2]), make_encoder("pixels", n_components=3))
"""
N_EACH = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_class_folders(tmp_path_factory.mktemp("catalogue") / "pictures", N_EACH)


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    """Vectors of a shop whose import nobody disturbed."""
    path = tmp_path_factory.mktemp("whole") / "shop"
    with Shop.create(path, Catalogue.read(folder), make_encoder("pixels", n_components=3)) as shop:
        return dict(zip(shop.item_ids, shop.vectors, strict=True))


def start(shop, folder):
    command = [sys.executable, "-c", CREATE, str(shop), str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@pytest.mark.parametrize("n_batches", [1, 2, 5, 9, 14, 20])
def test_a_killed_import_leaves_whole_batches_and_completes_when_run_again(
    n_batches, folder, whole, tmp_path, monkeypatch
):
    process = start(tmp_path / "shop", folder)
    for _ in range(n_batches):
        assert process.stdout.readline() == "batch\n"
    time.sleep(0.002 * n_batches)
    os.kill(process.pid, signal.SIGKILL)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL

    with Shop.open(tmp_path / "shop") as shop:
        there = len(shop)
        # The first put writes attributes that changed alone (there are none) and stores nothing.
        assert there % 4 == 0
        assert (n_batches - 1) * 4 <= there < len(whole)
        assert not shop.info().ready
        for item_id, vector in zip(shop.item_ids, shop.vectors, strict=True):
            np.testing.assert_array_equal(vector, whole[item_id])

    encoded = []
    encode = importing.encode_items
    monkeypatch.setattr(
        importing, "encode_items", lambda *args: encoded.extend(args[1]) or encode(*args)
    )
    encoder = make_encoder("pixels", n_components=3)
    with Shop.create(tmp_path / "shop", Catalogue.read(folder), encoder) as shop:
        assert len(encoded) == len(whole) - there  # nothing was done twice
        assert shop.info().ready
        assert set(shop.item_ids) == set(whole)
        for item_id, vector in zip(shop.item_ids, shop.vectors, strict=True):
            np.testing.assert_array_equal(vector, whole[item_id])


@pytest.mark.parametrize("seconds", [0.3, 1.0, 1.5, 2.0])
def test_a_kill_at_any_time_leaves_no_broken_shop(seconds, folder, whole, tmp_path):
    process = start(tmp_path / "shop", folder)
    time.sleep(seconds)
    process.kill()
    process.wait()
    process.stdout.close()
    # Nothing yet, a beginning or a whole shop: all of it opens, or says how to go on.
    try:
        Shop.open(tmp_path / "shop").close()
    except (ShopNotFoundError, ShopFormatError) as error:
        message = str(error)
    else:
        message = "vitrine create"
    assert "vitrine create" in message
    encoder = make_encoder("pixels", n_components=3)
    try:
        shop = Shop.create(tmp_path / "shop", Catalogue.read(folder), encoder)
    except ShopExistsError:  # the process had come to its end before the kill
        shop = Shop.open(tmp_path / "shop")
    with shop:
        assert shop.info().ready
        assert set(shop.item_ids) == set(whole)
