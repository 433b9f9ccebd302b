import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select, update

from tests.store.items import everything, item
from vitrine.catalogue.items import PictureRef
from vitrine.errors import (
    EncoderReplacedError,
    ItemsChangedError,
    ShopExistsError,
    ShopFormatError,
    ShopNotFoundError,
)
from vitrine.store import Store, StoredItem
from vitrine.store.database import reading, writing
from vitrine.store.tables import items, shop, thumbnails, vectors


def test_items_come_back_with_their_vectors_and_types(store, encoder_id):
    store.put([item("b", 2.0, colour="red"), item("a", 1.0, price=3)], encoder_id)
    rows, deleted, _ = everything(store, encoder_id)
    assert rows == {"b": ({"colour": "red"}, 2.0), "a": ({"price": 3}, 1.0)}
    assert list(rows) == ["b", "a"]  # in the order they came
    assert deleted == []
    assert store.vectors(["a", "b"], encoder_id)[:, 0].tolist() == [1.0, 2.0]
    assert store.count() == 2


def test_every_write_takes_the_next_change_number_and_is_in_the_feed(store, encoder_id):
    store.put([item("a"), item("b")], encoder_id)
    _, _, seen = everything(store, encoder_id)
    store.put([item("b", 5.0), item("c", 6.0)], encoder_id)
    store.remove(["a", "nobody"])
    rows, deleted, now = everything(store, encoder_id, since=seen)
    assert rows == {"b": ({}, 5.0), "c": ({}, 6.0)}
    assert deleted == ["a"]
    assert now == seen + 2 == store.change_number()


def test_an_item_that_returns_is_no_longer_among_the_deleted(store, encoder_id):
    store.put([item("a")], encoder_id)
    assert store.remove(["a"]) == 1
    assert store.remove(["a"]) == 0
    store.put([item("a", 3.0)], encoder_id)
    rows, deleted, _ = everything(store, encoder_id)
    assert rows["a"][1] == 3.0
    assert deleted == []


def test_an_item_without_a_vector_keeps_the_one_it_has(store, encoder_id):
    store.put([item("a", 2.0, colour="red")], encoder_id)
    same = replace(item("a", 2.0, colour="blue"), vector=None, thumbnail=None)
    store.put([same], encoder_id)
    rows, _, _ = everything(store, encoder_id)
    assert rows == {"a": ({"colour": "blue"}, 2.0)}
    assert store.thumbnails(["a"]) == {"a": b"small"}
    for changed in (item("a", None, None, colour="green"), item("b", None, None)):
        with pytest.raises(ItemsChangedError, match=repr(changed.id)):
            store.put([changed], encoder_id)
    assert everything(store, encoder_id)[0] == rows


def test_a_replaced_picture_takes_its_thumbnail_along(store, encoder_id):
    store.put([item("a")], encoder_id)
    store.put([item("a", 2.0, thumbnail=None)], encoder_id)
    assert store.thumbnails(["a"]) == {}


def test_a_removed_item_leaves_nothing_behind(store, encoder_id):
    store.put([item("a"), item("b")], encoder_id)
    store.remove(["a"])
    with reading(store.engine) as connection:
        counts = [
            connection.scalar(select(func.count()).select_from(table))
            for table in (items, vectors, thumbnails)
        ]
    assert counts == [1, 1, 1]


def test_another_encoder_makes_everything_new(store, encoder_id):
    store.put([item("a", 1.0)], encoder_id)
    number = store.change_number()
    newer = store.save_encoder("test", {"manifest.json": b"{}"})
    store.put([item("a", 9.0)], newer)
    rows, _, _ = everything(store, encoder_id, since=number)
    assert rows == {"a": ({}, 9.0)}
    assert store.artifact(encoder_id) == {"manifest.json": b"{}", "arrays.npz": b"\x00\x01"}


def test_known_items_are_found_by_id_in_any_number(store, encoder_id):
    store.put([item(f"i{n}", colour="red") for n in range(6_000)], encoder_id)
    known = store.known([f"i{n}" for n in range(0, 12_000, 2)])
    assert len(known) == 3_000
    assert known["i0"] == ("print 1.0", {"colour": "red"})
    assert store.pictures(["i0"]) == {"i0": [PictureRef("/pictures/i0.jpg")]}


def test_the_schema_widens_and_the_feed_says_so(store, encoder_id):
    store.put([item("a", price=3)], encoder_id)
    assert store.widen({"price": "number", "made": "date"})["price"] == "number"
    rows, _, _ = everything(store, encoder_id)
    assert rows["a"][0] == {"price": 3.0}
    assert store.state().attributes == {"colour": "text", "price": "number", "made": "date"}


def test_a_writer_waits_for_another_and_no_update_is_lost(store, encoder_id, place):
    other = Store.open(place)
    for n in range(20):
        (store if n % 2 else other).put([item(f"i{n}")], encoder_id)
    assert store.count() == other.count() == 20
    other.close()


def test_an_encoder_that_was_replaced_writes_nothing(store, encoder_id):
    store.save_encoder("test", {"manifest.json": b"{}"})
    with pytest.raises(EncoderReplacedError):
        store.put([item("a")], encoder_id)
    assert store.count() == 0


def test_there_is_one_shop_at_a_place(store, place, new_place, request):
    with pytest.raises(ShopExistsError, match="already"):
        Store.create(place, {})
    elsewhere = new_place("sqlite" if place.name.startswith("shop-") else "postgres")
    assert not elsewhere.exists()
    with pytest.raises(ShopNotFoundError, match="vitrine create"):
        Store.open(elsewhere)
    elsewhere.check_free()


def test_a_file_that_is_kept_is_at_hand_also_where_the_folder_was_emptied(store, encoder_id):
    name = "pictures/3f/3f.jpg"
    store.kept.put(name, b"a picture")
    store.kept.put(name, b"a picture")
    kept = StoredItem("a", (PictureRef(str(store.folder / name)),), "print", {}, np.ones(4))
    store.put([kept], encoder_id)
    assert list(store.kept.names()) == [name]
    assert store.kept.read(name) == b"a picture"
    if store.engine.dialect.name == "postgresql":
        shutil.rmtree(store.folder)
    [ref] = store.pictures(["a"])["a"]
    assert Path(ref.path).read_bytes() == b"a picture"


def test_a_shop_of_a_newer_format_is_refused(store, place):
    with writing(store.engine) as connection:
        connection.execute(update(shop).values(format_version=99))
    with pytest.raises(ShopFormatError, match="format 99"):
        Store.open(place)
