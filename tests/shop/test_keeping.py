"""Check, backup and restore."""

import io
import json
import re
import sqlite3
import threading
from contextlib import closing

import numpy as np
import pytest
from PIL import Image
from tests.pictures import make_picture, write_table

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import ShopError, ShopExistsError, ShopNotFoundError
from vitrine.index import NearestNeighbours
from vitrine.shop import Shop, mending
from vitrine.shop.backup import backup, restore
from vitrine.shop.checking import check
from vitrine.shop.mending import mend
from vitrine.shop.receiving import NewItem


@pytest.fixture
def path(tmp_path):
    table = write_table(tmp_path / "catalogue")
    encoder = make_encoder("colour", n_components=3)
    Shop.create(tmp_path / "shop", Catalogue.read(table), encoder).close()
    return tmp_path / "shop"


def execute(path, statement, *values):
    with closing(sqlite3.connect(path / "shop.db")) as connection, connection:
        connection.execute(statement, values)


def test_a_whole_shop_has_no_fault(path):
    result = check(path)
    assert result.problems == []
    assert (result.items, result.encoded_again, result.pictures_gone) == (24, 24, 0)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("DELETE FROM vectors WHERE item_code = 11", "item 'leaf-2' has no vector"),
        ("UPDATE vectors SET vector = x'00' WHERE item_code = 11", "of 1 bytes, not 12"),
        (
            "UPDATE vectors SET vector = x'0000C07F0000000000000000' WHERE item_code = 11",
            "item 'leaf-2' has a vector that is not finite",
        ),
        ("UPDATE artifact_files SET content = x'00' WHERE name LIKE '%.npz'", "digest|damaged"),
        ("UPDATE shop SET ready = 0", "broke off"),
    ],
)
def test_each_fault_is_found_and_its_mending_said(path, fault, said):
    execute(path, fault)
    [problem] = check(path).problems
    assert re.search(said, problem.what), problem.what
    assert "vitrine" in problem.mend


def test_a_vector_that_its_picture_does_not_give_is_found(path):
    other = np.array([5, -3, 1], "<f4").tobytes()
    execute(path, "UPDATE vectors SET vector = ? WHERE item_code = 18", other)
    assert [problem.what for problem in check(path).problems] == [
        "item 'sea-1' has another vector than its picture gives now"
    ]


def test_pictures_that_have_gone_are_counted_not_called_a_fault(path, tmp_path):
    (tmp_path / "catalogue" / "sea" / "sea-1.png").unlink()
    result = check(path)
    assert (result.problems, result.encoded_again, result.pictures_gone) == ([], 23, 1)


def test_pages_that_were_overwritten_are_found(path):
    with closing(sqlite3.connect(path / "shop.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'thumbnails'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with (path / "shop.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\x00" * 64)
    assert check(path).problems


def test_a_backup_is_a_shop_and_can_be_put_back(path, tmp_path):
    with Shop.open(path) as shop:
        before = [hit.id for hit in shop.similar("apple-0")]
    backup(path, tmp_path / "copy")
    assert check(tmp_path / "copy").problems == []
    with Shop.open(path) as shop:
        shop.remove(shop.item_ids)
    with pytest.raises(ShopExistsError, match="move it away"):
        restore(tmp_path / "copy", path)
    path.rename(tmp_path / "broken")
    restore(tmp_path / "copy", path)
    with Shop.open(path) as shop:
        assert [hit.id for hit in shop.similar("apple-0")] == before
        assert shop.remove(["apple-0"]) == 1  # it can be written
    with Shop.open(tmp_path / "copy") as shop:
        assert "apple-0" in shop  # and the backup stays as it was


def test_a_backup_taken_amid_writes_is_of_one_state(path, tmp_path):
    stop = threading.Event()
    folder = tmp_path / "more"
    folder.mkdir()

    def write():
        for number in range(1000):
            if stop.is_set():
                return
            Image.fromarray(make_picture("apple", number)).save(folder / f"{number % 5}.png")
            with Shop.open(path) as shop:
                shop.add(Catalogue.read(folder))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            made = backup(path, tmp_path / f"copy-{number}")
            assert [p for p in check(made).problems if "vector" not in p.what] == []
            with Shop.open(made) as shop:
                assert len(shop) >= 24
    finally:
        stop.set()
        writer.join()


def test_what_cannot_be_copied_is_refused_and_leaves_nothing(path, tmp_path):
    with pytest.raises(ShopNotFoundError):
        backup(tmp_path / "none", tmp_path / "copy")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(ShopExistsError, match="something already"):
        backup(path, tmp_path / "full")
    assert (tmp_path / "full" / "file").read_text() == "mine"
    (path / "shop.db").write_bytes(b"no database at all, but as long as one would begin" * 9)
    with pytest.raises(ShopError):
        backup(path, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    assert not (tmp_path / "copy.partial").exists()


def test_a_place_that_is_no_directory_is_refused(path, tmp_path):
    with pytest.raises(ShopError, match="vitrine copy"):
        backup(path, "postgresql://me@127.0.0.1/shops")


def test_a_picture_that_is_being_written_is_left_out_of_a_copy(path, tmp_path):
    (path / "pictures" / "ab").mkdir(parents=True)
    (path / "pictures" / "ab" / "abc.png").write_bytes(b"whole")
    (path / "pictures" / "ab" / ".new-x").symlink_to("gone by the time it would be copied")
    copy = backup(path, tmp_path / "copy")
    assert [p.name for p in copy.rglob("ab/*")] == ["abc.png"]


def rated(path):
    with Shop.open(path) as shop:
        shop.browsing.prepare()
        shop.ratings.rate_many([(f"u{n % 4}", f"sea-{n % 6}", 1 + n % 5, None) for n in range(24)])
        shop.ratings.fit("ease")
        shop.cluster(2)
        shop.retrain(make_encoder("pixels", n_components=3))
    assert check(path).problems == []


@pytest.mark.parametrize(
    ("fault", "said", "mended"),
    [
        ("DELETE FROM item_words WHERE rowid = 11", "1 items are missing among the words", True),
        ("UPDATE rated_items SET n_ratings = 9 WHERE item_id = 'sea-2'", "'sea-2'", True),
        ("UPDATE rated_items SET total = total + 1 WHERE item_id = 'sea-2'", "'sea-2'", True),
        (
            "UPDATE artifact_files SET content = x'00' WHERE name = 'arrays.npz' AND artifact_id = "
            "(SELECT model_id FROM rating_state)",
            "the rating model: arrays.npz is damaged",
            False,
        ),
        (
            "UPDATE artifact_files SET content = x'00' WHERE name = 'arrays.npz' AND artifact_id = "
            "(SELECT json_extract(settings, '$.earlier.encoder_id') FROM shop)",
            "the earlier encoder: arrays.npz is damaged",
            False,
        ),
    ],
)
def test_what_is_kept_beside_the_items_is_looked_through_too(path, fault, said, mended):
    rated(path)
    execute(path, fault)
    [problem] = check(path).problems
    assert said in problem.what
    assert "vitrine" in problem.mend
    assert bool(mend(path)) is mended
    assert (check(path).problems == []) is mended


def test_an_encoder_that_gives_other_vectors_than_it_did_is_found(path):
    other = json.dumps([1.0, -2.0, 3.0]).encode()
    execute(path, "UPDATE artifact_files SET content = ? WHERE name = 'canonical.json'", other)
    [problem] = check(path).problems
    assert "gives another vector than when it was fitted" in problem.what
    assert "vitrine retrain" in problem.mend


def test_a_shop_from_before_canonical_vectors_has_no_fault_for_that(path):
    execute(path, "DELETE FROM artifact_files WHERE name = 'canonical.json'")
    assert check(path).problems == []


def test_memory_that_is_not_what_is_stored_is_found(path, monkeypatch):
    def other(self, positions):
        return np.zeros((len(positions), 3), np.float32)

    monkeypatch.setattr(NearestNeighbours, "prepared", other)
    assert "is searched by another vector" in check(path).problems[0].what
    monkeypatch.undo()
    monkeypatch.setattr(mending, "raw_vectors", lambda *_: [("sea-99", b""), ("sea-1", b"")])
    said = [problem.what for problem in check(path).problems]
    assert said[0] == "item 'sea-99' is not searched"
    assert said[1] == "item 'apple-0' is searched, and gone"


def test_what_opens_a_shop_fast_is_removed_when_a_shop_is_mended(path):
    (path / "cache" / "memory").mkdir(parents=True)
    assert mend(path) == ["what opens the shop fast was removed; it is made again by itself"]
    assert mend(path) == []


def test_a_shop_that_is_written_to_is_looked_through_without_a_false_alarm(path, tmp_path):
    stop = threading.Event()

    def write():
        with Shop.open(path) as shop:
            for number in range(10_000):
                if stop.is_set():
                    return
                file = io.BytesIO()
                Image.fromarray(make_picture("apple", number)).save(file, "PNG")
                shop.receive([NewItem(f"sea-{number % 4}", {"price": number}, [file.getvalue()])])
                if number % 3 == 0:
                    shop.remove([f"sea-{number % 4}"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert [check(path).problems for _ in range(4)] == [[]] * 4
    finally:
        stop.set()
        writer.join()
