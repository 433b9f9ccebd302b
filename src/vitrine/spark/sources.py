"""What is to be embedded, as a Spark table: ``item_id``, ``picture``, ``reason``, then attributes.

``picture`` holds a list of paths, a list of bytes, or one of either. A Parquet table is read by
Spark, from any file system that it knows. Everything else that Vitrine takes as a catalogue is
listed on this machine, and its pictures are read by the executors, which must see the same files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from vitrine.catalogue import Catalogue
from vitrine.catalogue.columns import find_id_column, find_picture_columns
from vitrine.catalogue.records import ARROW_TYPES
from vitrine.errors import SourceError
from vitrine.shop.vector_tables import ITEM_ID, OWN_COLUMNS, PICTURE, REASON
from vitrine.spark.pictures import Place, scheme_of, without_file_scheme

PARQUET = (".parquet", ".pq")
IDX_ROW = "idx_row"
"""Which picture of an IDX file an item is; a column of listed catalogues only."""


@dataclass(frozen=True)
class Source:
    """A table to embed.

    Attributes
    ----------
    table : pyspark.sql.DataFrame
    place : Place
        Where its pictures may lie.
    attributes : list of str
        Its other columns.
    """

    table: Any
    place: Place
    attributes: list[str]


def read_source(
    spark: Any,
    source: str,
    *,
    pictures: str | None = None,
    id_column: str | None = None,
    picture_columns: Sequence[str] | None = None,
) -> Source:
    """Read what is to be embedded; no picture is opened yet.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
    source : str
        A Parquet table, by path or address; or any catalogue as `Catalogue.read` takes it.
    pictures : str, optional
        Where picture paths start; by default at the table's folder.
    id_column, picture_columns : str, sequence of str, optional
        By default those with the usual names.

    Raises
    ------
    SourceError
        If it cannot be read, or its columns cannot be told.
    """
    if is_parquet(source):
        return _parquet(spark, source, pictures, id_column, picture_columns)
    if scheme_of(source):
        raise SourceError(
            f"{source}: only Parquet tables (.parquet) are read from other file systems; make one "
            "with the columns id and picture"
        )
    catalogue = Catalogue.read(
        source, pictures=pictures, id_column=id_column, picture_columns=picture_columns
    )
    # What is listed was looked at already; the root lets it through once more.
    return Source(spark.createDataFrame(_listed(catalogue)), Place("/"), list(catalogue.schema))


def is_parquet(source: str) -> bool:
    """Tell whether Spark reads a source: a Parquet file, or a folder of them."""
    if source.rstrip("/").lower().endswith(PARQUET):
        return True
    path = Path(source)
    return not scheme_of(source) and path.is_dir() and any(path.glob("part-*.parquet"))


def open_parquet(spark: Any, source: str) -> Any:
    """Return a Parquet table as Spark has it.

    Raises
    ------
    SourceError
        If Spark cannot read it.
    """
    from pyspark.errors import PySparkException

    path = Path(source)
    local = not scheme_of(source) and path.exists()
    try:  # no as_uri: Hadoop takes a percent sign for itself
        return spark.read.parquet(f"file://{path.resolve()}" if local else source)
    except PySparkException as error:
        reason = str(error).strip().splitlines()[0]
        raise SourceError(f"{source}: Spark cannot read it as Parquet ({reason})") from error


def _parquet(
    spark: Any,
    source: str,
    pictures: str | None,
    id_column: str | None,
    picture_columns: Sequence[str] | None,
) -> Source:
    from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

    table = open_parquet(spark, source)
    names = list(table.columns)
    id_name = find_id_column(names, id_column, source)
    others = [name for name in names if name != id_name]
    found = find_picture_columns(others, picture_columns, source)
    if not found and (held := [n for n, kind in table.dtypes if kind == "binary" and n in others]):
        found = held[:1]
    kinds = {kind for name, kind in table.dtypes if name in found}
    if len(kinds) != 1 or (len(found) > 1 and kinds & {"array<string>", "array<binary>"}):
        raise SourceError(
            f"{source}: its columns ({', '.join(others[:20])}) do not say plainly which hold "
            "pictures, or their paths; say which one does with --picture-column"
        )
    pictures_held = [F.col(f"`{name}`") for name in found]
    picture = pictures_held[0] if len(found) == 1 else F.array(*pictures_held)
    attributes = [
        name
        for name, kind in table.dtypes
        if name in others and name not in found and kind != "binary"
    ]
    clash = sorted(set(attributes) & set(OWN_COLUMNS))
    ids = F.trim(F.col(f"`{id_name}`").cast("string"))
    chosen = [
        F.when(ids != "", ids).alias(ITEM_ID),
        picture.alias(PICTURE),
        F.lit(None).cast("string").alias(REASON),
        *(F.col(f"`{name}`") for name in attributes if name not in clash),
    ]
    place = Place(_folder_of(source), None if pictures is None else without_file_scheme(pictures))
    return Source(table.select(*chosen), place, [n for n in attributes if n not in clash])


def _folder_of(source: str) -> str:
    source = without_file_scheme(source)
    if scheme_of(source):
        return source.rstrip("/").rpartition("/")[0]
    return str(Path(source).resolve().parent)


def _listed(catalogue: Catalogue) -> pa.Table:
    """Return a catalogue's items, and what it has refused, as an Arrow table."""
    items = list(catalogue)
    refused = catalogue.rejected
    blank = [None] * len(refused)
    paths = [[ref.path for ref in item.pictures] for item in items]
    rows = [item.pictures[0].row for item in items]
    columns: dict[str, Any] = {
        ITEM_ID: pa.array([i.id for i in items] + [r.item_id for r in refused], pa.string()),
        PICTURE: pa.array(paths + [[] for _ in refused], pa.list_(pa.string())),
        REASON: pa.array([None] * len(items) + [_said(r) for r in refused], pa.string()),
        IDX_ROW: pa.array(rows + blank, pa.int64()),
    }
    for name, kind in catalogue.schema.items():
        arrow = pa.string() if kind == "text" else ARROW_TYPES[kind]
        columns[name] = pa.array([item.attributes[name] for item in items] + blank, arrow)
    return pa.table(columns)


def _said(refused: Any) -> str:
    where = refused.source if refused.row is None else f"{refused.source} row {refused.row}"
    return f"{where}: {refused.reason}"
