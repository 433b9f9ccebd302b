"""A shop that is opened from a snapshot is the shop that its database holds."""

import errno
import logging
import shutil
import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from vitrine.catalogue.items import PictureRef
from vitrine.encoders import make_encoder
from vitrine.index import neighbours, searching
from vitrine.shop import Shop, filed, snapshots
from vitrine.store import DATABASE_NAME, Store, StoredItem

N, D = 600, 16
SCHEMA = {"title": "text", "price": "number", "stock": "boolean", "count": "integer",
          "since": "date"}  # fmt: skip
FILTERS = [None, "stock=true", "price<30 and count>2", 'title="item 7"', "since>2020-01-05"]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    # On so little data, threads that wait for each other cost more than they bring.
    with threadpool_limits(1):
        yield


@pytest.fixture(autouse=True)
def _small_is_large(monkeypatch):
    monkeypatch.setattr(neighbours, "EXACT_NUMBERS", 100 * D)
    monkeypatch.setattr(searching, "FEW_NUMBERS", 0)
    monkeypatch.setattr(snapshots, "MANY_CHANGES", 100)


def some_items(first, n, seed=0):
    rng = np.random.default_rng([seed, first])
    rows = [
        {"title": f"item {i}", "price": float(i % 50), "stock": i % 2 == 0, "count": i % 7,
         "since": f"2020-01-{1 + i % 28:02}"}
        for i in range(first, first + n)
    ]  # fmt: skip
    rows[0] = {"price": 3.0}  # most columns have no value here
    return [
        StoredItem(f"item-{first + i}", (PictureRef("made.jpg"),), "made", row, vector)
        for i, (row, vector) in enumerate(
            zip(rows, rng.standard_normal((n, D)).astype(np.float32), strict=True)
        )
    ]


def make(path, seed=0):
    """Write a shop without pictures into a new folder."""
    encoder = make_encoder("pixels", n_components=D)
    encoder.fit(np.random.default_rng(0).integers(0, 255, (80, 12, 12), np.uint8))
    path.mkdir()
    settings = {"encoder": "pixels", "params": {}, "label": None, "thumbnails": False}
    store = Store.create(path / DATABASE_NAME, settings)
    encoder_id = store.save_encoder(encoder.kind, encoder.to_artifact().to_files())
    store.widen(SCHEMA)
    for first in range(0, N, 150):
        store.put(some_items(first, 150, seed), encoder_id)
    store.set_ready()
    store.close()
    return path


@pytest.fixture
def path(tmp_path):
    return make(tmp_path / "shop")


@pytest.fixture
def kept(path):
    """A shop that has been opened once, so that its snapshot lies there."""
    Shop.open(path).close()
    assert manifest(path).is_file()
    return path


def manifest(path):
    return path / "cache" / "memory" / "manifest.json"


def files(path):
    [folder] = [one for one in manifest(path).parent.iterdir() if one.is_dir()]
    return sorted(folder.iterdir())


def write(path, items=(), removed=()):
    store = Store.open(path / DATABASE_NAME)
    store.put(items, store.state().encoder_id)
    store.remove(removed)
    store.close()


def answers(path):
    """Return what a shop says of itself, as it is opened now."""
    with Shop.open(path) as shop:
        ids = shop.item_ids
        hits = [
            [(hit.id, hit.attributes) for hit in shop.similar(item_id, k=5, where=where)]
            for item_id in ids[:30:7]
            for where in FILTERS
        ]
        return ids, [shop.values(name) for name in SCHEMA], hits


def read_anew(path, tmp_path):
    """Return the same of a copy that has no snapshot."""
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(path, copy, ignore=shutil.ignore_patterns("cache"))
    return answers(copy)


@pytest.fixture
def read_since(monkeypatch):
    """The change numbers from which items were read."""
    numbers = []
    changes = Store.changes

    def noted(self, since, encoder_id):
        numbers.append(since)
        return changes(self, since, encoder_id)

    monkeypatch.setattr(Store, "changes", noted)
    return numbers


def test_the_second_opening_reads_no_item_and_finds_the_same(path, tmp_path, read_since):
    first = answers(path)
    assert read_since == [0]
    assert answers(path) == first == read_anew(path, tmp_path)
    assert read_since == [0, 0]  # the last is the copy's


def test_what_was_written_since_is_followed(kept, tmp_path, read_since):
    changed = [*some_items(3, 4, seed=5), *some_items(N, 3)]
    write(kept, changed, ["item-10", "item-500"])
    write(kept, some_items(10, 1, seed=6))  # back, as another
    ids, values, hits = answers(kept)
    assert 0 < read_since[-1] < 20
    fresh_ids, fresh_values, fresh_hits = read_anew(kept, tmp_path)
    assert sorted(ids) == sorted(fresh_ids)
    assert hits[: 5 * 2] == fresh_hits[: 5 * 2]
    assert [sorted(map(str, one)) for one in values] == [
        sorted(map(str, one)) for one in fresh_values
    ]


def test_a_damaged_snapshot_is_made_anew(kept, caplog, read_since):
    expected = answers(kept)
    names = ("vectors.npy", "lists.faiss", "live.npy", "column-0-words-hashes.npy")
    assert {*names} <= {path.name for path in files(kept)}
    for name in names:
        [path] = [path for path in files(kept) if path.name == name]
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 1  # vectors.npy ends in room that means nothing
        path.write_bytes(content)
        read_since.clear()
        assert answers(kept) == expected, name
        assert read_since == [0], name
        assert "is damaged" in caplog.text
        caplog.clear()
        assert answers(kept) == expected
        assert read_since == [0], name


@pytest.mark.parametrize("damage", ["cut", "gone", "empty folder", "no manifest", "bad manifest"])
def test_half_a_snapshot_is_none(kept, damage):
    expected = answers(kept)
    if damage == "cut":
        with files(kept)[-1].open("r+b") as file:
            file.truncate(200)
    elif damage == "gone":
        files(kept)[0].unlink()
    elif damage == "empty folder":
        for path in files(kept):
            path.unlink()
    elif damage == "no manifest":
        manifest(kept).unlink()
    else:
        manifest(kept).write_bytes(manifest(kept).read_bytes().replace(b"item-", b"itex-", 1))
    assert answers(kept) == expected
    assert len(list(manifest(kept).parent.glob("*/vectors.npy"))) == 1  # the old one has gone


def test_a_snapshot_of_another_shop_is_passed_over(kept, tmp_path):
    other = make(tmp_path / "other", seed=1)  # same ids, same change numbers, same encoder
    expected = read_anew(other, tmp_path)
    shutil.copytree(kept / "cache", other / "cache")
    assert answers(other) == expected


def test_a_database_that_went_back_and_on_from_there_is_another(path, tmp_path):
    early = tmp_path / "early.db"
    shutil.copy(path / DATABASE_NAME, early)
    write(path, some_items(0, 20, seed=5))
    Shop.open(path).close()
    for leftover in path.glob(f"{DATABASE_NAME}*"):
        leftover.unlink()
    shutil.copy(early, path / DATABASE_NAME)
    assert answers(path) == read_anew(path, tmp_path)  # of an earlier change number
    write(path, some_items(100, 20, seed=6))
    write(path, some_items(200, 20, seed=7))
    assert answers(path) == read_anew(path, tmp_path)  # of a later one, with another history


def test_a_snapshot_is_of_one_encoder_and_its_clusters(kept, tmp_path):
    with Shop.open(kept) as shop:
        shop.cluster(3)
    expected = read_anew(kept, tmp_path)
    with Shop.open(kept) as shop:
        assert set(shop.values("cluster")) == {0, 1, 2}
        assert len(shop.similar("item-1", where="cluster=1")) == 6
    assert answers(kept) == expected


def test_a_folder_that_cannot_be_written_to_stops_nothing(path, tmp_path, caplog):
    (path / "cache").write_text("a file, where a folder should be")
    assert answers(path) == read_anew(path, tmp_path)
    assert "not kept" in caplog.text


def test_a_full_disk_stops_nothing_and_leaves_nothing_behind(path, tmp_path, monkeypatch):
    def full(_path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(filed, "flush_to_disk", full)
    with Shop.open(path) as shop:
        assert len(shop.similar("item-1", k=10)) == 10
    assert [one.name for one in manifest(path).parent.iterdir()] == ["turn"]


def test_many_changes_are_written_in_the_background(kept, read_since):
    changed, more = some_items(0, 90, seed=5), some_items(N, 300)
    with Shop.open(kept) as shop:
        before = manifest(kept).read_bytes()
        write(kept, changed)
        shop.refresh()
        write(kept, more, ["item-400"])
        shop.refresh()
        assert len(shop.similar(f"item-{N}", k=10)) == 10
    assert manifest(kept).read_bytes() != before
    with Shop.open(kept) as shop:
        assert read_since[-1] > 0
        assert len(shop) == N + 299
        for item in [*changed[::9], *more[::30]]:
            [hit] = shop.similar(item.vector, k=1)
            assert (hit.id, hit.attributes.get("price")) == (item.id, item.attributes["price"])
        assert "item-400" not in shop


def test_a_shop_that_grows_large_gets_an_index_and_a_snapshot(tmp_path, monkeypatch):
    monkeypatch.setattr(neighbours, "EXACT_NUMBERS", N * D)
    path = make(tmp_path / "growing")
    with Shop.open(path) as shop:
        assert shop._live.current().neighbours.exact
        assert not manifest(path).exists()
        write(path, some_items(N, 300))
        shop.refresh()
        shop._live._upkeep.join()
        assert not shop._live.current().neighbours.exact
    assert manifest(path).is_file()
    assert len(answers(path)[0]) == N + 300


def test_who_opens_while_another_reads_waits_for_what_it_writes(path, tmp_path, caplog):
    from concurrent.futures import ThreadPoolExecutor

    caplog.set_level(logging.INFO, "vitrine.shop.live")
    expected = read_anew(path, tmp_path)
    caplog.clear()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(answers, [path] * 4)) == [expected] * 4
    assert caplog.text.count("built their index") == 1


def test_a_shop_that_is_wanted_soon_is_searched_while_its_index_is_trained(
    path, tmp_path, monkeypatch
):
    go_on = threading.Event()
    train = neighbours.NearestNeighbours.trained

    def trained(index):
        assert go_on.wait(60)
        return train(index)

    monkeypatch.setattr(neighbours.NearestNeighbours, "trained", trained)
    added = some_items(N, 5)
    with Shop.open(path, soon=True) as shop:
        first = shop._live.current()
        assert first.neighbours.exact
        assert not shop.settling
        assert shop.similar("item-7", k=1, where="price<30")[0].attributes["price"] < 30
        write(path, added, ["item-8"])
        shop.refresh()
        assert shop.similar(added[0].vector, k=1)[0].id == added[0].id
        assert not manifest(path).exists()
        go_on.set()
        shop._live._upkeep.join()
        mapped = shop._live.current()
        assert mapped is not first
        assert not mapped.neighbours.exact
        assert manifest(path).is_file()
        assert len(shop) == N + 4
        assert shop.similar(added[0].vector, k=1)[0].id == added[0].id
        assert "item-8" not in shop
    assert answers(path) == read_anew(path, tmp_path)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_very_many_items_are_said_to_settle_until_their_index_is_trained(path, monkeypatch, fails):
    monkeypatch.setattr(neighbours, "SLOW_NUMBERS", 500 * D)
    go_on = threading.Event()
    train = neighbours.NearestNeighbours.trained

    def trained(index):
        assert go_on.wait(60)
        if fails:
            raise MemoryError
        return train(index)

    monkeypatch.setattr(neighbours.NearestNeighbours, "trained", trained)
    with Shop.open(path, soon=True) as shop:
        assert shop.settling
        assert len(shop.similar("item-7", k=10)) == 10
        go_on.set()
        shop._live._upkeep.join()
        assert not shop.settling
        assert shop._live.current().neighbours.exact == fails


def test_what_is_written_after_the_snapshot_is_there_when_it_is_taken_over(path, monkeypatch):
    added = some_items(N, 5)
    load = snapshots.Snapshots.load

    def late(self, memory):
        loaded = load(self, memory)
        if loaded:
            write(path, added)
        return loaded

    monkeypatch.setattr(snapshots.Snapshots, "load", late)
    with Shop.open(path, soon=True) as shop:
        shop._live._upkeep.join()
        assert shop.similar(added[0].vector, k=1)[0].id == added[0].id


def test_a_shop_that_cannot_keep_a_snapshot_is_served_all_the_same(path, monkeypatch):
    monkeypatch.setattr(snapshots.Snapshots, "write", lambda *arguments: False)
    with Shop.open(path, soon=True) as shop:
        first = shop._live.current()
        shop._live._upkeep.join()
        assert shop._live.current() is first
        assert not first.neighbours.exact
        assert len(shop.similar("item-7", k=10)) == 10
