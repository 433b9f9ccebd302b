"""A function of Arrow batches over a Spark table, whatever its columns are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa

Job = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
"""What a worker does with the batches of one task."""


def map_in_arrow(table: Any, job: Job, schema: Any) -> Any:
    """Return what a job makes of a table's batches; runs in the workers.

    Spark's own ``mapInArrow`` looks for a column ``size.eu`` as the field ``eu`` of ``size``, so
    columns go by numbers on their way.

    Parameters
    ----------
    table : pyspark.sql.DataFrame
    job : Job
    schema : pyspark.sql.types.StructType
        Of the batches that it makes.
    """
    names = list(table.columns)

    def named(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return job(batch.rename_columns(names) for batch in batches)

    numbered = table.toDF(*(f"column_{i}" for i in range(len(names))))
    return numbered.mapInArrow(named, schema)
