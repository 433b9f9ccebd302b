"""The most similar items of every item over a cluster: exactly, or among the nearest buckets.

The items fall into **buckets** (one, if exact) and every item asks the buckets nearest to it. What
one bucket's askers and items have to say to each other is cut into **units** of bounded size, so
that a bucket that everybody falls into is many units and not one long one. Each unit is one block
of a matrix product in NumPy; what an item hears from several units is ranked once more.

Buckets are cells of k-means, as in an inverted file (Jégou, Douze and Schmid, "Product Quantization
for Nearest Neighbor Search", 2011, section IV).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance
from vitrine.shop.vector_tables import ITEM_ID, VECTOR
from vitrine.spark.buckets import Buckets, fit_buckets
from vitrine.spark.session import with_settings
from vitrine.spark.vectors import VectorTable, stacked
from vitrine.spark.watching import watched
from vitrine.spark.writing import write_table
from vitrine.topk import blocked_top_k, check_k
from vitrine.topk.ranking import rank

FloatArray = NDArray[np.float32]

ITEM_BYTES = 2**26
"""Vectors of the items in one unit: what a worker holds, 64 MB."""
ASKER_BYTES = 2**24
TASKS_A_CORE = 16
UNIT, SIDE = "unit", "side"
_PARTIAL = "item_id string, neighbours array<string>, scores array<float>"
_RANKED = "item_id string, rank int, neighbour_id string, distance float, similarity float"


@dataclass(frozen=True)
class NeighboursWritten:
    """What a job has written.

    Attributes
    ----------
    path : str
    items : int
        How many items have been asked about.
    rows : int
    units : int
        Into how many blocks the work fell.
    """

    path: str
    items: int
    rows: int
    units: int


def neighbours(
    spark: Any,
    vectors: VectorTable,
    k: int,
    output: str,
    *,
    n_buckets: int = 0,
    n_probes: int = 8,
    random_state: int = 0,
    overwrite: bool = False,
) -> NeighboursWritten:
    """Write the `k` nearest items of every item as Parquet, with the columns of one machine's.

    ``item_id, rank`` (1 is the nearest), ``neighbour_id, distance, similarity``; equally near ones
    in the order of their ids.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
    vectors : VectorTable
    k : int
    output : str
        A folder, on any file system that Spark writes.
    n_buckets : int
        0: exact. Otherwise into how many cells the items fall; about the square root of their
        number is usual.
    n_probes : int
        How many of the nearest cells an item asks; all of them is exact again.
    random_state : int
        Seed of the cells.
    overwrite : bool
        Replace what is there.

    Raises
    ------
    OptionError
        If a number is too small, or there is something at `output` already.
    InputError
        If there are no vectors.
    """
    check_k(k)
    if n_buckets < 0 or n_probes < 1:
        raise OptionError(f"--buckets {n_buckets} --probes {n_probes}: 0 or more, and 1 or more")
    buckets = fit_buckets(vectors, n_buckets, n_probes, random_state)
    with watched(spark, "counting buckets"):
        sizes = _sizes(vectors, buckets)
    pieces = _Pieces.of(sizes, vectors.dimensions)
    made = _ranked(vectors, buckets, pieces, k)
    settings = _settings(spark, pieces.n_units)
    with with_settings(spark, settings), watched(spark, "finding neighbours"):
        write_table(made, output, overwrite)
    rows = spark.read.parquet(output).count()
    return NeighboursWritten(output, int(sizes[0].sum()), rows, pieces.n_units)


@dataclass(frozen=True)
class _Pieces:
    """Into how many pieces each bucket's items, and its askers, are cut.

    Attributes
    ----------
    items, askers : tuple of int
        One a bucket. A bucket's units are the pairs of the two.
    """

    items: tuple[int, ...]
    askers: tuple[int, ...]

    @classmethod
    def of(cls, sizes: NDArray[np.int64], dimensions: int) -> _Pieces:
        most_items = max(1, ITEM_BYTES // (4 * dimensions))
        most_askers = max(1, ASKER_BYTES // (4 * dimensions))
        items, askers = -(-sizes[0] // most_items), -(-sizes[1] // most_askers)
        return cls(tuple(items.tolist()), tuple(askers.tolist()))

    @property
    def n_units(self) -> int:
        """How many units there are."""
        return sum(i * a for i, a in zip(self.items, self.askers, strict=True))

    @property
    def starts(self) -> NDArray[np.int64]:
        """The number of each bucket's first unit."""
        units = np.array(self.items) * np.array(self.askers)
        return np.concatenate([[0], np.cumsum(units)[:-1]])

    def units(
        self, bucket: NDArray[np.int64], salt: NDArray[np.int64], asks: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the units that rows go to, and which row each is of.

        An item's piece meets every piece of its bucket's askers, and the other way round.

        Parameters
        ----------
        bucket : ndarray of shape (n,)
        salt : ndarray of shape (n,)
            A large number that a row always has.
        asks : bool
            Whether the rows are askers.
        """
        items, askers = np.array(self.items)[bucket], np.array(self.askers)[bucket]
        own, other = (askers, items) if asks else (items, askers)
        rows = np.repeat(np.arange(len(bucket)), other)
        nth = np.arange(len(rows)) - np.repeat(np.cumsum(other) - other, other)
        piece = (salt % np.maximum(own, 1))[rows]
        pair = piece * other[rows] + nth if asks else nth * own[rows] + piece
        return self.starts[bucket[rows]] + pair, rows


def _sizes(vectors: VectorTable, buckets: Buckets) -> NDArray[np.int64]:
    """Count each bucket's items and askers, (2, n_buckets)."""

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            chosen = buckets.nearest(stacked(batch, buckets.dimensions))
            home, asked = chosen[:, 0], chosen.ravel()
            for side, numbers in enumerate((home, asked)):
                found, n = np.unique(numbers, return_counts=True)
                yield pa.record_batch({
                    SIDE: np.full(len(found), side, np.int32),
                    "bucket": found.astype(np.int32), "n": n.astype(np.int64),
                })  # fmt: skip

    counted = vectors.table.mapInArrow(count, f"{SIDE} int, bucket int, n bigint")
    sizes = np.zeros((2, len(buckets)), np.int64)
    for side, bucket, n in counted.groupBy(SIDE, "bucket").sum("n").collect():
        sizes[side, bucket] = n
    if not sizes.any():
        raise InputError(f"{vectors.name}: there is no vector in it")
    return sizes


def _ranked(vectors: VectorTable, buckets: Buckets, pieces: _Pieces, k: int) -> Any:
    """Return the table of neighbours, still to be computed."""
    distance, dimensions = vectors.distance, vectors.dimensions

    def deal(asks: bool) -> Any:
        def to_units(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
            for batch in batches:
                if batch.num_rows:
                    yield _dealt(batch, buckets, pieces, asks)

        schema = f"{UNIT} bigint, item_id string, vector array<float>"
        return vectors.table.mapInArrow(to_units, schema).groupBy(UNIT)

    def answer(askers: pa.Table, items: pa.Table) -> pa.Table:
        return _answered(askers, items, k, distance, dimensions)

    def settle(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        yield from _settled(batches, k, distance)

    partial = deal(asks=True).cogroup(deal(asks=False)).applyInArrow(answer, _PARTIAL)
    if buckets.n_probes > 1 or max(pieces.items) > 1:  # what an item hears from several units
        partial = partial.repartition("item_id").sortWithinPartitions("item_id")
    return partial.mapInArrow(settle, _RANKED)


def _dealt(batch: pa.RecordBatch, buckets: Buckets, pieces: _Pieces, asks: bool) -> pa.RecordBatch:
    chosen = buckets.nearest(stacked(batch, buckets.dimensions))
    if not asks:
        chosen = chosen[:, :1]
    salts = np.repeat(salts_of(batch.column(ITEM_ID).to_pylist()), chosen.shape[1])
    units, rows = pieces.units(chosen.ravel(), salts, asks)
    repeated = batch.take(pa.array(rows // chosen.shape[1]))
    return pa.record_batch({
        UNIT: units, ITEM_ID: repeated.column(ITEM_ID), VECTOR: repeated.column(VECTOR)
    })  # fmt: skip


def salts_of(item_ids: list[str]) -> NDArray[np.int64]:
    """Return a number for each id, the same in every process, spread evenly."""
    return np.array([crc32(item_id.encode()) for item_id in item_ids], np.int64)


def _answered(
    askers: pa.Table, items: pa.Table, k: int, distance: Distance, dimensions: int
) -> pa.Table:
    """Return what the items of one unit are to its askers: k ids and scores each, at most."""
    items = items.sort_by(ITEM_ID)  # so that ties are settled the same way always
    ids = items.column(ITEM_ID).combine_chunks()
    asking = askers.column(ITEM_ID).combine_chunks()
    own = pc.fill_null(pc.index_in(asking, value_set=ids), -1)
    positions, scores = blocked_top_k(
        distance.prepare(stacked(askers, dimensions)),
        distance.prepare(stacked(items, dimensions)),
        k,
        distance.metric,
        exclude=np.asarray(own, np.int64),
    )
    there = positions >= 0
    offsets = pa.array(np.concatenate([[0], np.cumsum(there.sum(axis=1))]), pa.int32())
    found = ids.take(pa.array(positions[there]))
    return pa.table({
        ITEM_ID: asking,
        "neighbours": pa.ListArray.from_arrays(offsets, found),
        "scores": pa.ListArray.from_arrays(offsets, pa.array(scores[there], pa.float32())),
    })  # fmt: skip


def _settled(
    batches: Iterable[pa.RecordBatch], k: int, distance: Distance
) -> Iterator[pa.RecordBatch]:
    """Rank what each item has heard; the rows of one item follow each other."""
    waiting: pa.Table | None = None
    for batch in batches:
        rows = pa.table(batch) if waiting is None else pa.concat_tables([waiting, pa.table(batch)])
        if rows.num_rows == 0:
            continue
        last = rows.column(ITEM_ID)[-1]
        open_rows = pc.sum(pc.equal(rows.column(ITEM_ID), last)).as_py()
        waiting = rows.slice(rows.num_rows - open_rows)
        if rows.num_rows > open_rows:
            yield _cut(rows.slice(0, rows.num_rows - open_rows), k, distance)
    if waiting is not None:
        yield _cut(waiting, k, distance)


def _cut(rows: pa.Table, k: int, distance: Distance) -> pa.RecordBatch:
    """Return the k nearest of all that each item has heard."""
    rows = rows.combine_chunks()
    heard, scores = rows.column("neighbours").chunk(0), rows.column("scores").chunk(0)
    asking = rows.column(ITEM_ID).chunk(0).dictionary_encode()
    row_of = np.asarray(asking.indices)[np.asarray(pc.list_parent_indices(heard))]
    # Codes in the order of the ids, so that equal scores rank as they do within a unit.
    told = heard.flatten().dictionary_encode()
    order_of_names = pc.sort_indices(told.dictionary)
    names = told.dictionary.take(order_of_names)
    codes = np.argsort(np.asarray(order_of_names))[np.asarray(told.indices)]
    counts = np.bincount(row_of, minlength=len(asking.dictionary))
    order = np.argsort(row_of, kind="stable")
    column = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (len(counts), int(counts.max(initial=0)))
    candidates, found = np.full(shape, -1), np.full(shape, -np.inf, np.float32)
    candidates[row_of[order], column] = codes[order]
    found[row_of[order], column] = np.asarray(scores.flatten())[order]
    best, best_scores = rank(candidates, found, k)
    there = best >= 0
    distances = distance.distances(best_scores[there])
    ranks = np.broadcast_to(np.arange(1, k + 1, dtype=np.int32), best.shape)
    askers = np.repeat(np.arange(len(counts)), there.sum(axis=1))
    return pa.record_batch({
        ITEM_ID: asking.dictionary.take(pa.array(askers)),
        "rank": ranks[there],
        "neighbour_id": names.take(pa.array(best[there])),
        "distance": distances.astype(np.float32),
        "similarity": distance.similarities(distances).astype(np.float32),
    })  # fmt: skip


def _settings(spark: Any, n_units: int) -> dict[str, object]:
    """Return settings for tasks after a shuffle that share the units evenly, none joined.

    A unit's work grows with the product of its sides, of which its bytes, by which Spark would join
    tasks, say little.
    """
    cores = int(spark.sparkContext.defaultParallelism)
    return {
        "spark.sql.shuffle.partitions": int(np.clip(n_units, cores, TASKS_A_CORE * cores)),
        "spark.sql.adaptive.coalescePartitions.enabled": "false",
    }
