"""Picture files on a file system that only Hadoop knows: read by Spark itself, by a join.

Workers open pictures with Arrow, which knows local files and the usual object stores. Everything
else that Spark reads has no way into a Python worker but through a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import pyarrow as pa

from vitrine.catalogue.decoding import DEFAULT_COVER, Limits
from vitrine.catalogue.finder import names_in
from vitrine.errors import PictureError
from vitrine.shop.vector_tables import PICTURE, REASON
from vitrine.spark.mapping import map_in_arrow
from vitrine.spark.pictures import WEB, Opener, Place, file_system, scheme_of
from vitrine.spark.sources import Source
from vitrine.spark.writing import clear_errors

PATH, CONTENT = "path", "content"
_ROW, _NUMBER, _ONE = "vitrine_row", "vitrine_number", "vitrine_one"
_FILE, _LENGTH = "vitrine_file", "vitrine_length"
_LOCATED = pa.list_(pa.struct([(PATH, pa.string()), (REASON, pa.string())]))


def with_contents(spark: Any, source: Source, limits: Limits) -> Source:
    """Return a source whose pictures workers can open.

    Where they lie on a file system that Arrow cannot open, each is a struct of its ``path``, its
    ``content`` and the ``reason`` why there is none; otherwise the source is as it was.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
    source : Source
    limits : Limits
        A larger file is not read.

    Raises
    ------
    JobError
        If Spark cannot list the pictures' folder.
    """
    kind = source.table.schema[PICTURE].dataType.simpleString()
    folders = sorted({
        folder for folder in (source.place.base, source.place.table)
        if scheme_of(folder) not in ("", *WEB)
    })  # fmt: skip
    if "binary" in kind or all(map(_arrow_opens, folders)):
        return source
    with clear_errors(" and ".join(folders)):
        return replace(source, table=_joined(spark, source, folders, limits))


def _arrow_opens(folder: str) -> bool:
    try:
        file_system(folder)
    except (pa.ArrowException, OSError):
        return False
    return True


def _joined(spark: Any, source: Source, folders: list[str], limits: Limits) -> Any:
    from pyspark.sql import functions as F  # noqa: N812 - its usual name

    files = spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(folders)
    sizes = files.select(F.col("path").alias(_FILE), F.col("length").alias(_LENGTH))
    # Spark looks at the size before it reads, where the size is all that is asked for.
    small = files.where(F.col("length") <= int(min(limits.max_bytes, 2**31 - 1)))
    contents = small.select(F.col("path").alias(_FILE), F.col("content").alias(CONTENT))
    located = map_in_arrow(source.table, _job(source.place, limits), _schema(source.table))
    numbered = located.withColumn(_ROW, F.monotonically_increasing_id())
    others = {name: F.col(f"`{name}`") for name in source.table.columns if name != PICTURE}
    each = numbered.select(_ROW, *others.values(), F.posexplode_outer(PICTURE).alias(_NUMBER, _ONE))
    each = each.withColumn(_FILE, F.col(f"{_ONE}.{PATH}"))
    found = each.join(sizes, _FILE, "left").join(contents, _FILE, "left")
    large = F.format_string(
        f"%s: %.1f MB, over the limit of {limits.max_bytes / 1e6:g} MB",
        _FILE, F.col(_LENGTH) / F.lit(1e6),
    )  # fmt: skip
    missing = F.format_string("%s: there is no such picture", _FILE)
    why = F.when(F.col(_FILE).isNotNull() & F.col(_LENGTH).isNull(), missing)
    reason = F.coalesce(F.col(f"{_ONE}.{REASON}"), why.when(F.col(CONTENT).isNull(), large))
    picture = F.struct(
        _NUMBER, F.col(_FILE).alias(PATH), F.when(F.col(_ONE).isNotNull(), reason).alias(REASON),
        CONTENT,
    )  # fmt: skip
    return found.groupBy(_ROW).agg(
        F.sort_array(F.collect_list(picture)).alias(PICTURE),
        *(F.first(column).alias(name) for name, column in others.items()),
    ).drop(_ROW)  # fmt: skip


def _job(place: Place, limits: Limits) -> Any:
    def locate_task(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        opener = Opener(place, limits, DEFAULT_COVER)
        for batch in batches:
            cells = [[_located(opener, name) for name in names_in(cell)]
                     for cell in batch.column(PICTURE).to_pylist()]  # fmt: skip
            at = batch.schema.get_field_index(PICTURE)
            yield batch.set_column(at, PICTURE, pa.array(cells, _LOCATED))

    return locate_task


def _located(opener: Opener, name: str) -> dict[str, str | None]:
    try:
        return {PATH: opener.locate(name), REASON: None}
    except PictureError as error:
        return {PATH: None, REASON: str(error)}


def _schema(table: Any) -> Any:
    from pyspark.sql import types as T  # noqa: N812 - its usual name

    located = T.ArrayType(T.StructType([
        T.StructField(PATH, T.StringType()), T.StructField(REASON, T.StringType())
    ]))  # fmt: skip
    return T.StructType([
        T.StructField(PICTURE, located) if field.name == PICTURE else field
        for field in table.schema
    ])  # fmt: skip
