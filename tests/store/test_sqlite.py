import sqlite3

import pytest

from tests.store.items import everything, item
from vitrine.errors import ShopFormatError, ShopNotFoundError
from vitrine.store import Folder, RatingStore, Store, StoredRating


def test_what_is_not_a_shop_is_refused(tmp_path):
    with pytest.raises(ShopNotFoundError, match="vitrine create"):
        Store.open(tmp_path / "nothing" / "shop.db")
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
    ratings.put([StoredRating("ann", "hat", 4.0, None)], "explicit")
    store.put([item("cap", 2.0, colour="blue")], 1)
    store.close()
    again = Store.open(path)
    assert RatingStore(again.engine).history("ann") == [StoredRating("ann", "hat", 4.0, None)]
    assert again.count() == 2
    again.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT format_version FROM shop").fetchone() == (2,)
        connection.execute("UPDATE shop SET format_version = 0")
    connection.close()
    with pytest.raises(ShopFormatError, match="format 0"):
        Store.open(path)


def test_a_user_who_is_forgotten_leaves_no_byte(tmp_path):
    store = Store.create(Folder(tmp_path), {})
    ratings = RatingStore(store.engine)
    names = [f"user {n}" for n in range(50)] + ["somebody with a long name"]
    ratings.put([StoredRating(name, f"item {m}", 4.0, None) for name in names for m in range(20)],
                "explicit")  # fmt: skip
    assert ratings.forget(names[-1]) == 20
    kept = b"".join(file.read_bytes() for file in tmp_path.glob("shop.db*"))
    assert b"user 49" in kept
    assert names[-1].encode() not in kept
    store.close()
