"""Which reader a source is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vitrine.catalogue.datasets import DATA_SETS, locate
from vitrine.catalogue.fetching import Fetching
from vitrine.catalogue.folders import read_folder
from vitrine.catalogue.from_table import read_table
from vitrine.catalogue.idx import is_idx
from vitrine.catalogue.idx_folders import holds_idx, read_idx_source
from vitrine.catalogue.items import AttributeType
from vitrine.catalogue.movielens import SUFFIXES as FILMS
from vitrine.catalogue.records import Records
from vitrine.catalogue.tables import FORMATS, table_suffix
from vitrine.errors import DatasetError, SourceError


def read_source(
    source: str | Path,
    *,
    pictures: str | Path | None,
    id_column: str | None,
    picture_columns: Sequence[str] | None,
    schema: Mapping[str, AttributeType] | None,
    fetching: Fetching | None = None,
) -> tuple[str, Records, str | None]:
    """Return a source's name, its rows, and the part of them that was asked for.

    Raises
    ------
    SourceError, DatasetError
        As `Catalogue.read`.
    """
    name, _, part = str(source).partition(":")
    if isinstance(source, str) and name in DATA_SETS:
        if part not in ("", "train", "test"):
            raise DatasetError(f"{name} has no part {part!r}; its parts are train and test")
        data_set = DATA_SETS[name]
        return name, read_idx_source(locate(data_set), data_set.categories), part or None
    path = Path(source)
    if not path.exists():
        raise SourceError(
            f"{source}: there is no such file or folder, and no known data set is called so "
            f"({', '.join(DATA_SETS)})"
        )
    title = path.resolve().name
    if path.is_dir():
        return title, read_idx_source(path) if holds_idx(path) else read_folder(path), None
    if table_suffix(path) or path.suffix in FILMS:
        records = read_table(
            path,
            pictures=None if pictures is None else Path(pictures),
            id_column=id_column,
            picture_columns=picture_columns,
            schema=schema,
            fetching=fetching,
        )
        return title, records, None
    if is_idx(path):
        return title, read_idx_source(path), None
    raise SourceError(
        f"{source}: this is neither a folder, nor a table ({' '.join(FORMATS)}; "
        f"{' '.join(FILMS)} of MovieLens), nor an IDX file"
    )
