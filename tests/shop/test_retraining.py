import signal
import subprocess
import sys

import numpy as np
import pytest
from tests.pictures import write_class_folders, write_table

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import EncoderReplacedError, InputError, ShopError
from vitrine.shop import CannotEncodeError, Shop, retraining
from vitrine.shop.creating import request_of
from vitrine.store.encoders import EARLIER, STAGED, OtherEncoders


def pixels(n=4):
    return make_encoder("pixels", n_components=n)


@pytest.fixture
def table(tmp_path):
    return write_table(tmp_path / "catalogue")


@pytest.fixture
def shop(tmp_path, table):
    encoder = make_encoder("colour", n_components=3)
    with Shop.create(tmp_path / "shop", Catalogue.read(table), encoder) as shop:
        yield shop


def test_a_retrained_shop_is_what_a_new_one_would_be(shop, tmp_path, table):
    switched = shop.retrain(pixels())
    assert (switched.before, switched.after, switched.dimensions) == ("colour", "pixels", 4)
    assert (switched.items, switched.encoded, switched.resumed) == (24, 24, False)
    with Shop.create(tmp_path / "new", Catalogue.read(table), pixels()) as new:
        assert shop.item_ids == new.item_ids
        np.testing.assert_allclose(shop.vectors, new.vectors, atol=1e-6)
        assert shop.similar("leaf-2", where="price<15") == new.similar("leaf-2", where="price<15")


def test_rolling_back_gives_the_old_vectors_and_twice_the_new_ones(shop):
    old = shop.vectors
    shop.retrain(pixels())
    new = shop.vectors
    back = shop.roll_back()
    assert (back.before, back.after, back.encoded) == ("pixels", "colour", 0)
    np.testing.assert_array_equal(shop.vectors, old)
    assert shop.roll_back().after == "pixels"
    np.testing.assert_array_equal(shop.vectors, new)


def test_a_shop_with_one_encoder_has_none_to_go_back_to(shop):
    with pytest.raises(ShopError, match="one encoder only"):
        shop.roll_back()


def test_without_an_encoder_the_shops_own_is_fitted_anew(shop, tmp_path):
    shop.add(Catalogue.read(write_class_folders(tmp_path / "more", 3, first_seed=40)))
    before = shop.vectors
    assert shop.retrain().after == "colour"
    assert len(shop) == 33
    assert not np.allclose(shop.vectors, before)


def test_another_process_follows_and_never_mixes_vectors(shop):
    with Shop.open(shop.path) as other:
        assert other.encoder.kind == "colour"
        shop.retrain(pixels(5))
        # Not refreshed yet: it answers by the old encoder, all of it.
        old = other._live._memory
        assert other._store.vectors(["sea-1"], old.encoder_id).shape == (1, 3)
        other.refresh()
        assert other.encoder.kind == "pixels"
        assert other.vectors.shape == (24, 5)
        assert [hit.id for hit in other.similar("sea-1")] == [
            hit.id for hit in shop.similar("sea-1")
        ]


def test_what_came_since_is_encoded_before_going_back(shop, tmp_path):
    shop.retrain(pixels())
    shop.add(Catalogue.read(write_class_folders(tmp_path / "more", 2, first_seed=40)))
    back = shop.roll_back()
    assert (back.items, back.encoded) == (30, 6)
    assert shop.vectors.shape == (30, 3)
    assert len(shop.similar("leaf-40", k=29)) == 29


def test_an_item_whose_picture_changed_loses_its_other_vectors(shop, tmp_path):
    shop.retrain(pixels())
    path = tmp_path / "catalogue" / "leaf" / "leaf-2.png"
    path.write_bytes((tmp_path / "catalogue" / "apple" / "apple-1.png").read_bytes())
    shop.add(Catalogue.read(tmp_path / "catalogue" / "items.csv"))
    assert shop.roll_back().encoded == 1
    assert shop.similar("leaf-2", k=1)[0].id == "apple-1"


def test_items_that_come_during_the_filling_are_filled_too(shop, tmp_path, monkeypatch):
    more = Catalogue.read(write_class_folders(tmp_path / "more", 1, first_seed=40))
    switch, called = OtherEncoders.switch, []

    def switch_late(self, encoder_id):
        if len(called) == 1:  # everything is encoded, then something comes
            with Shop.open(shop.path) as other:
                other.add(more)
        called.append(encoder_id)
        return switch(self, encoder_id)

    monkeypatch.setattr(OtherEncoders, "switch", switch_late)
    assert shop.retrain(pixels()).encoded == 27
    assert len(called) == 3
    assert shop.vectors.shape == (27, 4)


def test_an_import_that_is_overtaken_goes_on_with_the_new_encoder(shop, tmp_path, monkeypatch):
    more = Catalogue.read(write_class_folders(tmp_path / "more", 1, first_seed=40))
    put, seen = type(shop._store).put, []

    def put_late(self, batch, encoder_id):
        if batch and not seen:
            seen.append(encoder_id)
            with Shop.open(shop.path) as other:
                other.retrain(pixels())
        put(self, batch, encoder_id)

    monkeypatch.setattr(type(shop._store), "put", put_late)
    assert shop.add(more).added == 3
    assert shop.encoder.kind == "pixels"
    assert shop.vectors.shape == (27, 4)


def test_files_that_have_gone_are_read_from_what_the_shop_keeps(shop, tmp_path):
    (tmp_path / "catalogue" / "leaf" / "leaf-2.png").unlink()
    assert shop.retrain(pixels()).from_thumbnails == 1
    assert len(shop) == 24


def test_items_without_any_picture_stop_the_switch_and_are_named(tmp_path, table):
    catalogue = Catalogue.read(table)
    with Shop.create(tmp_path / "bare", catalogue, "colour", thumbnails=False) as shop:
        (tmp_path / "catalogue" / "leaf" / "leaf-2.png").unlink()
        with pytest.raises(CannotEncodeError, match="vitrine remove SHOP leaf-2"):
            shop.retrain(pixels())
        assert shop.encoder.kind == "colour"
        assert "leaf-2" in shop.rejected_path.read_text()
        shop.remove(["leaf-2"])
        assert shop.retrain(pixels()).items == 23


def test_an_encoder_that_learns_needs_a_label_that_is_there(shop):
    with pytest.raises(InputError, match="no attribute 'kind'"):
        shop.retrain(make_encoder("category"), label="kind")


def test_a_second_retraining_takes_the_place_of_an_unfinished_one(shop):
    others = OtherEncoders(shop._store)
    fitted = pixels(2).fit(shop.pictures(shop.item_ids))
    first = others.stage(request_of(fitted, None), fitted.to_artifact().to_files())
    shop.retrain(pixels())
    assert others.find(STAGED) is None
    assert shop._store.artifact(first) == {}
    [item] = next(iter(others.unencoded(first, 1)))
    with pytest.raises(EncoderReplacedError):
        others.put_vectors(first, [item], np.zeros((1, 2), np.float32))
    assert others.find(EARLIER).request["encoder"] == "colour"


RETRAIN = """
import os, signal, sys
from vitrine.encoders import make_encoder
from vitrine.shop import Shop, retraining
retraining.BATCH_ITEMS = 4
put, batches = retraining.OtherEncoders.put_vectors, []
def put_and_die(self, *arguments):
    put(self, *arguments)
    batches.append(1)
    if len(batches) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
retraining.OtherEncoders.put_vectors = put_and_die
Shop.open(sys.argv[1]).retrain(make_encoder("pixels", n_components=4))
"""


def test_a_killed_retraining_leaves_the_old_encoder_and_is_taken_up(shop, monkeypatch):
    old = shop.vectors
    done = subprocess.run([sys.executable, "-c", RETRAIN, str(shop.path), "3"], check=False)
    assert done.returncode == -signal.SIGKILL
    shop.refresh()
    assert shop.encoder.kind == "colour"
    np.testing.assert_array_equal(shop.vectors, old)
    monkeypatch.setattr(retraining, "_fit", lambda *_: pytest.fail("it was fitted already"))
    switched = shop.retrain(pixels())
    assert switched.resumed
    assert switched.encoded == 12
    assert shop.vectors.shape == (24, 4)
