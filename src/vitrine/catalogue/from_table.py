"""A table's rows as a catalogue: each item checked, each refusal with its row."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vitrine.catalogue.columns import as_text, find_id_column, find_picture_columns, typed
from vitrine.catalogue.fetching import Fetching
from vitrine.catalogue.finder import PictureFinder, names_in
from vitrine.catalogue.folders import SUFFIXES
from vitrine.catalogue.items import AttributeType, Rejection
from vitrine.catalogue.movielens import SUFFIXES as FILMS
from vitrine.catalogue.movielens import read_films
from vitrine.catalogue.records import Records, attribute_table
from vitrine.catalogue.tables import Rows, read_rows
from vitrine.errors import PictureError, SourceError

logger = logging.getLogger(__name__)

MAX_ID = 500
MAX_TOLD = 1_000
"""Characters of a picture's name that a refusal repeats."""

_CHUNK = 10_000


def read_table(
    path: Path,
    *,
    pictures: Path | None = None,
    id_column: str | None = None,
    picture_columns: Sequence[str] | None = None,
    schema: Mapping[str, AttributeType] | None = None,
    fetching: Fetching | None = None,
) -> Records:
    """Return a table's items.

    A table that has no column of pictures, or none that can be opened, may still have a folder of
    them whose files are named by the items' ids (``pictures``).

    Raises
    ------
    SourceError
        If the table cannot be read, its id or pictures cannot be told, or no row is left.
    """
    if pictures is not None and not pictures.is_dir():
        raise SourceError(f"{pictures}: there is no such folder of pictures")
    rows = read_films(path) if path.suffix in FILMS else read_rows(path)
    names = rows.table.column_names
    id_name = find_id_column(names, id_column, str(path))
    others = [name for name in names if name != id_name]
    picture_names = find_picture_columns(others, picture_columns, str(path))
    if not picture_names and pictures is None:
        raise SourceError(
            f"{path}: none of its columns ({', '.join(others[:20])}) plainly names pictures; say "
            "which one does with --picture-column (picture_columns=), or where pictures named by "
            "the items' ids lie with --pictures (pictures=)"
        )
    builder = _Builder(path, rows, PictureFinder(path.resolve().parent, pictures, fetching))
    builder.named_by_id = pictures is not None
    builder.check_ids(id_name)
    builder.read_attributes([n for n in others if n not in picture_names], schema or {})
    records = builder.records(builder.find_pictures(picture_names))
    return replace(records, fetched=None if fetching is None else fetching.place)


class _Builder:
    """Keeps which rows are still good while one check after the other is made."""

    def __init__(self, path: Path, rows: Rows, finder: PictureFinder) -> None:
        self.path = path
        self.rows = rows
        self.finder = finder
        self.named_by_id = False
        self.good = np.ones(len(rows.numbers), np.bool_)
        self.rejected = rows.rejected
        self.ids: pa.Array
        self.columns: dict[str, pa.Array] = {}
        self.schema: dict[str, AttributeType] = {}

    def refuse(self, position: int, reason: str, picture: str | None = None) -> None:
        number = int(self.rows.numbers[position])
        item_id = self.ids[position].as_py()
        if picture is not None and len(picture) > MAX_TOLD:
            picture = f"{picture[:MAX_TOLD]}…"
        self.rejected.append(Rejection(str(self.path), number, item_id, picture, reason))

    def check_ids(self, column: str) -> None:
        """Refuse rows without an id, and all but the first of an id."""
        self.ids = as_text(self.rows.table[column])
        for position in np.flatnonzero(np.asarray(pc.is_null(self.ids))).tolist():
            self.good[position] = False
            self.refuse(position, f"the id ({column}) is empty")
        self._check_texts_of_ids(column)
        codes = np.asarray(pc.fill_null(pc.dictionary_encode(self.ids).indices, -1))
        first = np.full(codes.max(initial=-1) + 2, -1, np.int64)
        first[codes[::-1]] = np.arange(len(codes))[::-1]  # the smallest position of a code is last
        again = (codes >= 0) & (first[codes] != np.arange(len(codes)))
        for position in np.flatnonzero(again).tolist():
            self.good[position] = False
            earlier = self.rows.numbers[first[codes[position]]]
            self.refuse(position, f"the id is there already, in row {earlier}")

    def _check_texts_of_ids(self, column: str) -> None:
        """Refuse ids that are too long or hold a zero byte; what is told of them is their start."""
        long = pc.greater(pc.utf8_length(self.ids), MAX_ID)
        bad = pc.or_kleene(long, pc.match_substring(self.ids, "\0"))
        positions = np.flatnonzero(np.asarray(pc.fill_null(bad, False)))
        if len(positions) == 0:
            return
        mask = np.zeros(len(self.ids), np.bool_)
        mask[positions] = True
        self.good[positions] = False
        self.ids = pc.if_else(pa.array(mask), pa.scalar(None, pa.large_string()), self.ids)
        for position in positions.tolist():
            reason = f"the id ({column}) has over {MAX_ID} characters, or a zero byte"
            self.refuse(position, reason)

    def read_attributes(self, names: Sequence[str], schema: Mapping[str, AttributeType]) -> None:
        """Give every other column its type; refuse rows whose value is not of it."""
        for name in names:
            values = self.rows.table[name]
            column = typed(values, schema.get(name), only_text=name in self.rows.texts)
            if column is None:
                logger.info("%s: the column %s holds bytes and is left out", self.path, name)
                continue
            self.columns[name], self.schema[name] = column.values, column.kind
            for position in column.misfits[self.good[column.misfits]].tolist():
                self.good[position] = False
                value = values[position].as_py()
                self.refuse(position, f"{name}: {value!r:.100} is not of the type {column.kind}")

    def find_pictures(self, columns: Sequence[str]) -> list[list[str]]:
        """Return the pictures of the rows that are good; refuse rows that have none."""
        by_id = {} if columns and not self.named_by_id else _by_id(Path(self.finder.base))
        found: list[list[str]] = []
        table = self.rows.table.select(list(columns))
        for start in range(0, len(self.good), _CHUNK):
            cells = [table[name].slice(start, _CHUNK).to_pylist() for name in columns]
            ids = self.ids.slice(start, _CHUNK).to_pylist()
            if not columns:
                cells = [[by_id.get(item_id) for item_id in ids]]
            named = zip(self.good[start : start + _CHUNK], *cells, strict=True)
            good = (cell for use, *row in named if use for cell in row)
            self.finder.fetch(name for cell in good for name in names_in(cell))
            for position, row in enumerate(zip(*cells, strict=True), start):
                if self.good[position]:
                    names = chain.from_iterable(map(names_in, row))
                    found += self._pictures_of(position, names, by_id.get(ids[position - start]))
        return found

    def _pictures_of(self, position: int, names: chain[str], by_id: str | None) -> list[list[str]]:
        paths: list[str] = []
        refusals: list[tuple[str, str | None]] = []
        for name in names:
            try:
                paths.append(self.finder.find(name))
            except PictureError as error:
                refusals.append((str(error), name))
        if not paths and by_id is not None:
            paths, refusals = [self.finder.find(by_id)], []
        if not paths and not refusals:
            refusals = [("it has no picture", None)]
        for reason, refused in refusals:
            self.refuse(position, reason, refused)
        self.good[position] = bool(paths)
        return [paths] if paths else []

    def records(self, pictures: list[list[str]]) -> Records:
        """Put what is left together."""
        if not pictures:
            first = f"; first: {self.rejected[0]}" if self.rejected else ""
            raise SourceError(f"{self.path}: no item is left, {len(self.rejected)} refused{first}")
        kept = pa.array(np.flatnonzero(self.good))
        attributes = {name: values.take(kept) for name, values in self.columns.items()}
        return Records(
            source=str(self.path),
            ids=self.ids.take(kept),
            paths=pa.array(pictures, pa.large_list(pa.large_string())),
            root=self.finder.base,
            attributes=attribute_table(attributes, len(pictures)),
            schema=self.schema,
            numbers=self.rows.numbers[self.good],
            rejected=sorted(self.rejected, key=lambda rejection: rejection.row or 0),
        )


def _by_id(folder: Path) -> dict[str, str]:
    names = sorted(os.listdir(folder), reverse=True)  # of two suffixes the first in order stays
    parts = ((os.path.splitext(name), name) for name in names)
    return {stem: name for (stem, suffix), name in parts if suffix.lower() in SUFFIXES}
