import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vitrine.errors import InputError, OptionError, SourceError
from vitrine.index.distance import unit
from vitrine.spark import neighbours as module
from vitrine.spark.neighbours import neighbours
from vitrine.spark.vectors import read_vectors
from vitrine.topk import blocked_top_k

pytestmark = pytest.mark.java
K = 5


@pytest.fixture
def table(tmp_path, clustered):
    ids, vectors = clustered
    vectors = [*vectors.tolist(), None]
    kind = pa.list_(pa.float32())
    columns = {"item_id": [*ids, "refused"], "vector": pa.array(vectors, kind)}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    return str(tmp_path / "in.parquet")


def exact(clustered):
    ids, vectors = clustered
    prepared = unit(vectors)
    positions, scores = blocked_top_k(prepared, prepared, K, exclude=np.arange(len(ids)))
    return {ids[i]: ([ids[j] for j in row], 1 - scores[i]) for i, row in enumerate(positions)}


def found(path):
    rows = pq.read_table(path).to_pylist()
    by_item = {}
    for row in rows:
        by_item.setdefault(row["item_id"], []).append(row)
        assert row["rank"] == len(by_item[row["item_id"]])  # in order, item by item
    return by_item


def check_exact(by_item, wanted):
    assert by_item.keys() == wanted.keys()
    for item_id, rows in by_item.items():
        ids, distances = wanted[item_id]
        assert [row["neighbour_id"] for row in rows] == ids
        np.testing.assert_allclose([row["distance"] for row in rows], distances, atol=1e-6)
        np.testing.assert_allclose([row["similarity"] for row in rows], 1 - distances, atol=1e-6)


def test_exact_in_one_unit_and_in_many(spark, table, clustered, tmp_path, monkeypatch):
    wanted = exact(clustered)
    made = neighbours(spark, read_vectors(spark, table), K, str(tmp_path / "one"))
    assert (made.items, made.rows, made.units) == (600, 600 * K, 1)
    check_exact(found(tmp_path / "one"), wanted)
    # Units of 256 items and 192 askers: 3 by 4.
    monkeypatch.setattr(module, "ITEM_BYTES", 256 * 64)
    monkeypatch.setattr(module, "ASKER_BYTES", 192 * 64)
    monkeypatch.setattr(module, "TASKS_A_CORE", 2)
    made = neighbours(spark, read_vectors(spark, table), K, str(tmp_path / "many"))
    assert made.units == 12
    check_exact(found(tmp_path / "many"), wanted)


def test_buckets_find_nearly_all_and_big_ones_are_cut(
    spark, table, clustered, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "ITEM_BYTES", 80 * 64)
    monkeypatch.setattr(module, "ASKER_BYTES", 160 * 64)
    monkeypatch.setattr(module, "TASKS_A_CORE", 2)
    vectors = read_vectors(spark, table)
    some = neighbours(spark, vectors, K, str(tmp_path / "some"), n_buckets=6, n_probes=2)
    assert some.rows == 600 * K
    assert some.units > 12  # the biggest buckets are several
    wanted, got = exact(clustered), found(tmp_path / "some")
    hits = sum(
        len({row["neighbour_id"] for row in rows} & set(wanted[item_id][0]))
        for item_id, rows in got.items()
    )
    assert hits / (600 * K) > 0.95
    neighbours(spark, vectors, K, str(tmp_path / "all"), n_buckets=6, n_probes=6)
    check_exact(found(tmp_path / "all"), wanted)


def test_pieces_let_every_asker_meet_every_item_once():
    pieces = module._Pieces((3, 1, 2), (2, 4, 1))
    salts = np.arange(50) * 7919
    for bucket in range(3):
        buckets = np.full(50, bucket)
        of_items, item_rows = pieces.units(buckets, salts, asks=False)
        of_askers, asker_rows = pieces.units(buckets, salts, asks=True)
        meetings = np.zeros((50, 50), int)
        for unit_number in np.unique(np.concatenate([of_items, of_askers])):
            items = item_rows[of_items == unit_number]
            askers = asker_rows[of_askers == unit_number]
            meetings[np.ix_(askers, items)] += 1
        assert (meetings == 1).all()
    assert pieces.n_units == 6 + 4 + 2


def test_the_tables_own_distance_is_used(spark, made, tmp_path):
    shop, _ = made
    shop.export(tmp_path / "export.parquet")
    vectors = read_vectors(spark, str(tmp_path / "export.parquet"))
    assert vectors.distance.name == shop.encoder.distance_.name == "cosine"
    assert read_vectors(spark, vectors.name, "euclidean").distance.name == "euclidean"
    shop.write_neighbours(tmp_path / "own.parquet", k=3)
    neighbours(spark, vectors, 3, str(tmp_path / "out"))
    own, got = found(tmp_path / "own.parquet"), found(tmp_path / "out")
    assert pq.read_schema(tmp_path / "own.parquet").names == list(got["sea-1"][0])
    for item_id, rows in own.items():
        assert [row["neighbour_id"] for row in got[item_id]] == [r["neighbour_id"] for r in rows]


def test_what_cannot_be_asked_is_refused(spark, table, tmp_path):
    with pytest.raises(OptionError, match="k is 0"):
        neighbours(spark, read_vectors(spark, table), 0, str(tmp_path / "out"))
    with pytest.raises(OptionError, match="--probes 0"):
        neighbours(spark, read_vectors(spark, table), 1, str(tmp_path / "out"), n_probes=0)
    pq.write_table(pa.table({"item_id": ["a"]}), tmp_path / "no.parquet")
    with pytest.raises(SourceError, match="no column vector"):
        read_vectors(spark, str(tmp_path / "no.parquet"))
    empty = pa.table({"item_id": ["a"], "vector": pa.array([None], pa.list_(pa.float32()))})
    pq.write_table(empty, tmp_path / "empty.parquet")
    with pytest.raises(InputError, match="no row of it has a vector"):
        read_vectors(spark, str(tmp_path / "empty.parquet"))
