"""Tables of ids and vectors as Spark has them, and what is said of their encoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vitrine.errors import InputError, SourceError
from vitrine.index.distance import Distance, DistanceName
from vitrine.shop.vector_tables import ITEM_ID, METADATA_KEY, VECTOR, Origin, origin_text
from vitrine.spark.pictures import scheme_of
from vitrine.spark.sources import open_parquet

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class VectorTable:
    """Ids and vectors, rows without a vector left out.

    Attributes
    ----------
    name : str
        What errors call it.
    table : pyspark.sql.DataFrame
        ``item_id`` text, ``vector`` a list of floats.
    dimensions : int
    distance : Distance
    """

    name: str
    table: Any
    dimensions: int
    distance: Distance


def read_vectors(spark: Any, source: str, distance: DistanceName | None = None) -> VectorTable:
    """Read what ``vitrine spark embed`` or ``vitrine export`` wrote, or any such table.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
    source : str
        Parquet with the columns ``item_id`` and ``vector``.
    distance : {"euclidean", "cosine"}, optional
        By default what the table says, else cosine.

    Raises
    ------
    SourceError
        If it cannot be read, or lacks a column.
    InputError
        If no row has a vector.
    """
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    table = open_parquet(spark, source)
    for name in (ITEM_ID, VECTOR):
        if name not in table.columns:
            there = ", ".join(table.columns[:20])
            raise SourceError(f"{source}: there is no column {name} (there are: {there})")
    origin = _origin(table, source)
    chosen = table.select(
        F.col(ITEM_ID).cast("string").alias(ITEM_ID), F.col(VECTOR).cast("array<float>")
    ).where(F.col(VECTOR).isNotNull() & F.col(ITEM_ID).isNotNull())
    first = chosen.select(F.size(VECTOR)).first()
    if first is None:
        raise InputError(f"{source}: no row of it has a vector")
    if distance is not None:
        compared = Distance(distance)
    else:
        compared = Distance("cosine") if origin is None else origin.distance
    return VectorTable(source, chosen, int(first[0]), compared)


def stacked(rows: pa.RecordBatch | pa.Table, dimensions: int) -> FloatArray:
    """Return the vectors of some rows as float32 (n, d).

    Raises
    ------
    InputError
        If one has another length, or is not finite.
    """
    column = rows.column(VECTOR)
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    flat = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    if len(flat) != len(lists) * dimensions or not np.isfinite(flat).all():
        raise InputError(
            f"not every vector is {dimensions} finite numbers; take out the others first"
        )
    vectors: FloatArray = flat.reshape(-1, dimensions)
    return vectors


def _origin(table: Any, source: str) -> Origin | None:
    """Return who made the vectors: beside the column where Spark wrote it, else in the footer."""
    text = table.schema[VECTOR].metadata.get(METADATA_KEY)
    path = Path(source)
    if text is None and not scheme_of(source) and path.is_file():
        text = origin_text(pq.read_schema(path))
    return None if text is None else Origin.from_text(text, source)
