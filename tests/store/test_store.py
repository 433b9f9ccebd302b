import sqlite3

import numpy as np
import pytest

from vitrine.catalogue.items import PictureRef
from vitrine.errors import ShopExistsError, ShopFormatError, ShopNotFoundError
from vitrine.store import Store, StoredItem

D = 4


def item(item_id, value=1.0, thumbnail=b"small", **attributes):
    vector = None if value is None else np.full(D, value, np.float32)
    pictures = (PictureRef(f"/pictures/{item_id}.jpg"),)
    return StoredItem(item_id, pictures, f"print {value}", attributes, vector, thumbnail)


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "shop.db", {"encoder": "test"})
    store.widen({"colour": "text", "price": "integer"})
    yield store
    store.close()


@pytest.fixture
def encoder_id(store):
    return store.save_encoder("test", {"manifest.json": b"{}", "arrays.npz": b"\x00\x01"})


def everything(store, encoder_id, since=0):
    with store.changes(since, encoder_id) as change:
        rows = {}
        for chunk in change.chunks:
            triples = zip(chunk.item_ids, chunk.attributes, chunk.vectors, strict=True)
            rows.update({key: (values, vector[0]) for key, values, vector in triples})
        return rows, change.deleted, change.state.change_number


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
    store.put([item("a", None, None, colour="blue")], encoder_id)
    rows, _, _ = everything(store, encoder_id)
    assert rows == {"a": ({"colour": "blue"}, 2.0)}
    assert store.thumbnails(["a"]) == {"a": b"small"}


def test_a_replaced_picture_takes_its_thumbnail_along(store, encoder_id):
    store.put([item("a")], encoder_id)
    store.put([item("a", 2.0, thumbnail=None)], encoder_id)
    assert store.thumbnails(["a"]) == {}


def test_a_removed_item_leaves_nothing_behind(store, encoder_id, tmp_path):
    store.put([item("a"), item("b")], encoder_id)
    store.remove(["a"])
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        counts = [
            connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("items", "vectors", "thumbnails")
        ]
    connection.close()
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


def test_a_writer_waits_for_another_and_no_update_is_lost(store, encoder_id, tmp_path):
    other = Store.open(tmp_path / "shop.db")
    for n in range(20):
        (store if n % 2 else other).put([item(f"i{n}")], encoder_id)
    assert store.count() == other.count() == 20
    other.close()


def test_what_is_not_a_shop_is_refused(tmp_path, store):
    with pytest.raises(ShopNotFoundError, match="vitrine create"):
        Store.open(tmp_path / "nothing" / "shop.db")
    with pytest.raises(ShopExistsError, match="already"):
        Store.create(tmp_path / "shop.db", {})
    (tmp_path / "text.db").write_text("this is not a database " * 100)
    with pytest.raises(ShopFormatError, match="not a shop's database"):
        Store.open(tmp_path / "text.db")
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE something (a INTEGER)")
    connection.close()
    with pytest.raises(ShopFormatError, match="not a shop's database"):
        Store.open(tmp_path / "other.db")


def test_a_database_that_was_never_filled_is_no_shop_and_can_become_one(tmp_path):
    for path, content in ((tmp_path / "a.db", b""), (tmp_path / "b.db", None)):
        if content is None:
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
        else:
            path.write_bytes(content)
        with pytest.raises(ShopNotFoundError):
            Store.open(path)
        Store.create(path, {}).close()
        assert Store.open(path).count() == 0


def test_a_shop_of_a_newer_format_is_refused(store, tmp_path):
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("UPDATE shop SET format_version = 99")
    connection.close()
    with pytest.raises(ShopFormatError, match="format 99"):
        Store.open(tmp_path / "shop.db")
