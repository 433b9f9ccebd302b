"""Pictures to vectors over a cluster, by the encoder and the preprocessing of one machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from vitrine.catalogue import PictureRef, decode
from vitrine.catalogue.decoding import DEFAULT_LIMITS, Limits
from vitrine.catalogue.finder import names_in
from vitrine.encoders.base import Encoder
from vitrine.encoders.preprocessing import Picture
from vitrine.errors import InputError, PictureError
from vitrine.shop.importing import encode_items
from vitrine.shop.vector_tables import ITEM_ID, METADATA_KEY, PICTURE, REASON, VECTOR, Origin
from vitrine.spark.contents import CONTENT, PATH, with_contents
from vitrine.spark.mapping import map_in_arrow
from vitrine.spark.pictures import Opener, Place
from vitrine.spark.session import with_settings
from vitrine.spark.shipping import ship, shipped
from vitrine.spark.sources import IDX_ROW, Source
from vitrine.spark.watching import watched
from vitrine.spark.writing import write_table

TASKS_A_CORE = 4
"""At least: a task that is lost with its executor is done again from its beginning."""
PICTURES_A_BATCH = 128
"""Rows that a worker holds at once; with bytes of a megabyte each that is 128 MB."""


@dataclass(frozen=True)
class Embedded:
    """What a job has written.

    Attributes
    ----------
    path : str
    items : int
        Rows with a vector.
    refused : int
        Rows with a reason instead.
    dimensions : int
    """

    path: str
    items: int
    refused: int
    dimensions: int


def embed(
    spark: Any,
    source: Source,
    files: Mapping[str, bytes],
    output: str,
    *,
    limits: Limits = DEFAULT_LIMITS,
    partitions: int | None = None,
    overwrite: bool = False,
) -> Embedded:
    """Encode the pictures of a table, and write ids, vectors and attributes as Parquet.

    A picture that is refused is a row with a ``reason`` and no vector.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
    source : Source
    files : mapping of str to bytes
        The fitted encoder's artifact.
    output : str
        A folder, on any file system that Spark writes.
    limits : Limits
        What a picture may be at most.
    partitions : int, optional
        Into how many tasks the table falls; by default four a core, or as many as it has.
    overwrite : bool
        Replace what is there.

    Raises
    ------
    OptionError
        If there is something at `output` already.
    """
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    origin = Origin.of(files)
    plan = Plan(ship(spark, files), source.place, limits, _threads_a_task(spark))
    source = with_contents(spark, source, limits)
    table = _without_large(source.table, limits)
    there = int(table.rdd.getNumPartitions())
    usual = max(there, TASKS_A_CORE * int(spark.sparkContext.defaultParallelism))
    tasks = wanted = partitions or usual
    if wanted != there:
        table, tasks = table.repartition(wanted), wanted + there
    made = map_in_arrow(table, _job(plan), _schema(source))
    made = made.withColumn(VECTOR, F.col(VECTOR).alias(VECTOR, metadata={
        METADATA_KEY: origin.to_text()
    }))  # fmt: skip
    settings = {"spark.sql.execution.arrow.maxRecordsPerBatch": PICTURES_A_BATCH}
    with with_settings(spark, settings), watched(spark, "embedding", tasks):
        write_table(made, output, overwrite)
    written = spark.read.parquet(output).agg(F.count("*"), F.count(VECTOR)).first()
    return Embedded(output, written[1], written[0] - written[1], origin.dimensions)


@dataclass(frozen=True)
class Plan:
    """What a worker must know.

    Attributes
    ----------
    encoder : str
        The name that it was shipped under.
    place : Place
    limits : Limits
    threads : int
        How many the worker may use.
    """

    encoder: str
    place: Place
    limits: Limits
    threads: int


def embed_batches(batches: Iterable[pa.RecordBatch], plan: Plan) -> Iterator[pa.RecordBatch]:
    """Encode one task's rows, batch by batch; runs in a worker."""
    encoder = shipped(plan.encoder, plan.threads)
    opener = Opener(plan.place, plan.limits, encoder.preprocessing_.cover)
    with ThreadPoolExecutor(plan.threads) as pool:
        for batch in batches:
            if batch.num_rows:
                yield _embed(batch, encoder, opener, pool)


def _embed(
    batch: pa.RecordBatch, encoder: Encoder, opener: Opener, pool: ThreadPoolExecutor
) -> pa.RecordBatch:
    ids = batch.column(ITEM_ID).to_pylist()
    said = batch.column(REASON).to_pylist()
    cells = batch.column(PICTURE).to_pylist()
    idx_rows = [None] * len(ids)
    if IDX_ROW in batch.schema.names:
        idx_rows = batch.column(IDX_ROW).to_pylist()
    read = partial(_read, encoder=encoder, opener=opener)
    results = list(pool.map(read, ids, said, cells, idx_rows))
    reasons: list[str | None] = [result.reason for result in results]
    good = [i for i, result in enumerate(results) if result.pictures]
    vectors: list[Any] = [None] * len(ids)
    if good:
        made = encode_items(encoder, [results[i].pictures for i in good])
        for i, vector in zip(good, made, strict=True):
            if np.isfinite(vector).all():
                vectors[i] = vector
            else:
                reasons[i] = "the encoder gave a vector that is not finite"
    columns = {
        ITEM_ID: batch.column(ITEM_ID),
        PICTURE: pa.array([result.paths or None for result in results], pa.list_(pa.string())),
        REASON: pa.array(reasons, pa.string()),
        VECTOR: pa.array(vectors, pa.list_(pa.float32())),
    }
    for name in batch.schema.names:
        if name not in (*columns, IDX_ROW):
            columns[name] = batch.column(name)
    return pa.record_batch(columns)


@dataclass(frozen=True)
class _Result:
    """One item's prepared pictures and where they lie; or why there is none."""

    pictures: list[Picture]
    paths: list[str]
    reason: str | None


def _read(
    item_id: str | None,
    said: str | None,
    cell: Any,
    idx_row: int | None,
    *,
    encoder: Encoder,
    opener: Opener,
) -> _Result:
    if said is not None or item_id is None:
        return _Result([], [], said or "the id is empty")
    pictures, paths, reasons = [], [], []
    for one in _cells(cell):
        try:
            if isinstance(one, dict):  # as Spark itself has read it
                if one[REASON] is not None:
                    raise PictureError(one[REASON])
                picture = opener.decode(one[CONTENT], one[PATH])
                paths.append(one[PATH])
            elif idx_row is not None:
                picture = decode(PictureRef(one, idx_row))
            elif isinstance(one, bytes):
                picture = opener.decode(one, item_id)
            else:
                located = opener.locate(one)
                picture = opener.decode(located, item_id)
                paths.append(located)
            pictures.append(encoder.preprocessing_.prepare(picture))
        except (PictureError, InputError) as error:
            reasons.append(str(error))
    if pictures:
        return _Result(pictures, paths, None)
    return _Result([], [], "; ".join(reasons) or "it has no picture")


def _cells(cell: Any) -> list[Any]:
    """Return what one cell holds or names: bytes, a path, or a list of either, or of files."""
    if isinstance(cell, bytes):
        return [cell]
    if isinstance(cell, list) and any(isinstance(one, bytes) for one in cell):
        return [one for one in cell if one]
    if isinstance(cell, list) and any(isinstance(one, dict) for one in cell):
        return [one for one in cell if one[PATH] or one[REASON]]
    return names_in(cell)


def _job(plan: Plan) -> Any:
    def embed_task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return embed_batches(batches, plan)

    return embed_task


def _schema(source: Source) -> Any:
    """Return the columns that a job writes, as Spark names them."""
    from pyspark.sql import types as T  # noqa: N812 - its usual name

    fields = [
        T.StructField(ITEM_ID, T.StringType()),
        T.StructField(PICTURE, T.ArrayType(T.StringType())),
        T.StructField(REASON, T.StringType()),
        T.StructField(VECTOR, T.ArrayType(T.FloatType())),
    ]
    others = [source.table.schema[name] for name in source.attributes]
    return T.StructType(fields + others)


def _without_large(table: Any, limits: Limits) -> Any:
    """Refuse bytes over the limit before they reach a worker."""
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    if table.schema[PICTURE].dataType.typeName() != "binary":
        return table
    size = F.length(PICTURE)
    large = F.format_string(
        f"%.1f MB, over the limit of {limits.max_bytes / 1e6:g} MB", size / F.lit(1e6)
    )
    return table.withColumns({
        REASON: F.coalesce(REASON, F.when(size > limits.max_bytes, large)),
        PICTURE: F.when(size <= limits.max_bytes, F.col(PICTURE)),
    })  # fmt: skip


def _threads_a_task(spark: Any) -> int:
    """Return the cores that Spark counts for one task: each runs in a worker of its own."""
    return int(spark.sparkContext.getConf().get("spark.task.cpus", "1"))
