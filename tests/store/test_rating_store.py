import sqlite3

import numpy as np
import pytest
from tests.store.test_store import everything, item

from vitrine.errors import ShopFormatError
from vitrine.store import RatingStore, Store, StoredRating


@pytest.fixture
def store(tmp_path):
    store = Store.create(tmp_path / "shop.db", {"encoder": "test"})
    yield store
    store.close()


@pytest.fixture
def ratings(store):
    return RatingStore(store.engine)


def rating(user, item_id, value=4.0, timestamp=None):
    return StoredRating(user, item_id, value, timestamp)


def counts(ratings, since=0):
    return {row.item_id: (row.n_ratings, row.total) for row in ratings.counts(since)[1]}


def test_ratings_are_upserted_and_counted(ratings):
    written = ratings.put([rating("ann", "x", 5), rating("ann", "y", 3), rating("bob", "x", 1)],
                          "explicit")  # fmt: skip
    assert written == (3, 0, 0)
    assert counts(ratings) == {"x": (2, 6.0), "y": (1, 3.0)}
    again = ratings.put([rating("ann", "x", 5), rating("ann", "y", 4, 9), rating("bob", "z")],
                        "explicit")  # fmt: skip
    assert again == (1, 1, 1)
    assert counts(ratings) == {"x": (2, 6.0), "y": (1, 4.0), "z": (1, 4.0)}
    assert ratings.history("ann") == [rating("ann", "y", 4.0, 9), rating("ann", "x", 5.0)]


def test_of_several_ratings_of_one_pair_the_last_counts(ratings):
    assert ratings.put([rating("ann", "x", 1), rating("ann", "x", 2)], "explicit") == (1, 0, 0)
    assert ratings.history("ann") == [rating("ann", "x", 2)]
    assert counts(ratings) == {"x": (1, 2.0)}


def test_every_write_takes_a_change_number_and_the_counts_follow_it(store, ratings):
    ratings.put([rating("ann", "x")], "explicit")
    first = ratings.state().change_number
    assert first == store.change_number()
    ratings.put([rating("bob", "y")], "explicit")
    assert counts(ratings, first) == {"y": (1, 4.0)}
    assert ratings.changed_after(first) == 1
    assert ratings.remove("ann", ["x", "nothing"]) == 1
    assert counts(ratings, first + 1) == {"x": (0, 0.0)}
    assert ratings.remove("nobody") == 0


def test_a_user_who_is_forgotten_leaves_no_byte(ratings, store, tmp_path):
    others = [rating(f"user {n}", f"item {m}") for n in range(50) for m in range(20)]
    ratings.put(others, "explicit")
    name = "somebody with a long name"
    ratings.put([rating(name, f"item {m}", 2.5) for m in range(20)], "explicit")
    assert ratings.forget(name) == 20
    assert ratings.forget(name) == 0
    assert ratings.history(name) == []
    assert counts(ratings)["item 3"] == (50, 200.0)
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("shop.db*"))
    assert b"user 49" in kept
    assert name.encode() not in kept
    code = ratings.seen_by("user 49")[1]
    ratings.put([rating("somebody new", "item 1")], "explicit")
    assert ratings.seen_by("somebody new")[1] > code + 1  # a code is never given twice


def test_columns_hold_everything_in_order(ratings):
    ratings.put([rating("b", "y", 2, 7), rating("a", "x", 1, 5), rating("b", "x", 3, 6)],
                "explicit")  # fmt: skip
    columns = ratings.columns()
    assert np.diff(columns.user_codes).tolist() == [0, 1]
    assert [columns.item_ids[code] for code in columns.item_codes.tolist()] == ["y", "x", "x"]
    assert columns.values.tolist() == [2, 3, 1]
    assert columns.timestamps.tolist() == [7, 6, 5]
    assert columns.change_number == ratings.state().change_number
    ratings.put([rating("c", "x", 3)], "explicit")
    assert ratings.columns().timestamps is None


def test_a_fitted_model_replaces_the_former_one(ratings, store):
    ratings.put([rating("a", "x")], "explicit")
    first = ratings.save_model("ease", {"manifest.json": b"1"}, 1)
    second = ratings.save_model("svd", {"manifest.json": b"2"}, 2)
    state = ratings.state()
    assert (state.model_id, state.model_change_number) == (second, 2)
    assert store.artifact(first) == {}
    assert store.artifact(second) == {"manifest.json": b"2"}
    assert ratings.model_kind(second)[0] == "svd"


OLD_TABLES = """
CREATE TABLE shop (id INTEGER NOT NULL, format_version INTEGER NOT NULL,
    change_number BIGINT NOT NULL, encoder_id INTEGER, ready INTEGER NOT NULL,
    attributes JSON NOT NULL, settings JSON NOT NULL, PRIMARY KEY (id));
CREATE TABLE artifacts (id INTEGER NOT NULL, kind VARCHAR NOT NULL, created VARCHAR NOT NULL,
    PRIMARY KEY (id));
CREATE TABLE artifact_files (artifact_id INTEGER NOT NULL, name VARCHAR NOT NULL,
    content BLOB NOT NULL, PRIMARY KEY (artifact_id, name),
    FOREIGN KEY(artifact_id) REFERENCES artifacts (id) ON DELETE CASCADE);
CREATE TABLE items (code INTEGER NOT NULL, item_id VARCHAR NOT NULL, change_number BIGINT NOT NULL,
    pictures JSON NOT NULL, pictures_fingerprint VARCHAR NOT NULL, attributes JSON NOT NULL,
    PRIMARY KEY (code), UNIQUE (item_id));
CREATE INDEX ix_items_change_number ON items (change_number);
CREATE TABLE vectors (item_code INTEGER NOT NULL, encoder_id INTEGER NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (item_code, encoder_id),
    FOREIGN KEY(item_code) REFERENCES items (code) ON DELETE CASCADE,
    FOREIGN KEY(encoder_id) REFERENCES artifacts (id) ON DELETE CASCADE);
CREATE TABLE thumbnails (item_code INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (item_code),
    FOREIGN KEY(item_code) REFERENCES items (code) ON DELETE CASCADE);
CREATE TABLE deletions (item_id VARCHAR NOT NULL, change_number BIGINT NOT NULL,
    PRIMARY KEY (item_id));
CREATE INDEX ix_deletions_change_number ON deletions (change_number);
INSERT INTO shop VALUES (1, 1, 2, 1, 1, '{"colour": "text"}', '{"encoder": "test"}');
INSERT INTO artifacts VALUES (1, 'test', '2026-01-01T00:00:00+00:00');
INSERT INTO artifact_files VALUES (1, 'manifest.json', X'7B7D');
INSERT INTO items VALUES (1, 'hat', 2, '[["/hat.jpg", null]]', 'print', '{"colour": "red"}');
INSERT INTO vectors VALUES (1, 1, X'0000803F0000803F0000803F0000803F');
"""


def test_a_shop_of_the_first_format_opens_with_what_is_missing_added(tmp_path):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(OLD_TABLES)
    connection.close()
    store = Store.open(path)
    rows, _, number = everything(store, 1)
    assert rows == {"hat": ({"colour": "red"}, 1.0)}
    assert number == 2
    ratings = RatingStore(store.engine)
    assert ratings.state().feedback is None
    ratings.put([rating("ann", "hat")], "explicit")
    store.put([item("cap", 2.0, colour="blue")], 1)
    store.close()
    again = Store.open(path)
    assert RatingStore(again.engine).history("ann") == [rating("ann", "hat")]
    assert again.count() == 2
    again.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT format_version FROM shop").fetchone() == (2,)
        connection.execute("UPDATE shop SET format_version = 0")
    connection.close()
    with pytest.raises(ShopFormatError, match="format 0"):
        Store.open(path)
