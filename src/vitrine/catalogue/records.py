"""A catalogue's rows as Arrow columns, lean for a million; made `Item`s on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vitrine.catalogue.items import AttributeType, Item, PictureRef, Rejection, Value

Indices = NDArray[np.int64]

ARROW_TYPES: dict[AttributeType, pa.DataType] = {
    "text": pa.large_string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.timestamp("us"),
}


@dataclass(frozen=True)
class Records:
    """What a source holds, before anything of it becomes an `Item`.

    Parameters
    ----------
    source : str
        The file or folder that was read.
    ids : pyarrow.Array of text, (n,)
        Unique.
    paths : pyarrow.Array of lists of text, (n,)
        The pictures of each item, relative to `root` or absolute.
    root : str
        Absolute folder.
    attributes : pyarrow.Table, n rows
        Columns of the types in `ARROW_TYPES`; also date32 for a date without a time.
    schema : dict of str to AttributeType
    idx_rows : ndarray of int64 (n,), optional
        The row in the IDX file that the path names.
    numbers : ndarray of int64 (n,), optional
        The rows' numbers in the table, from 1.
    part_codes : ndarray of int8 (n,), optional
        Which of `part_names` a row belongs to.
    part_names : tuple of str
    rejected : list of Rejection
        What was refused on the way.
    fetched : str, optional
        The folder that pictures were fetched into, absolute.
    """

    source: str
    ids: pa.Array
    paths: pa.Array
    root: str
    attributes: pa.Table
    schema: dict[str, AttributeType]
    idx_rows: Indices | None = None
    numbers: Indices | None = None
    part_codes: NDArray[np.int8] | None = None
    part_names: tuple[str, ...] = ()
    rejected: list[Rejection] = field(default_factory=list)
    fetched: str | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def item_ids(self, indices: Indices) -> list[str]:
        """Return the ids of some rows."""
        ids: list[str] = self.ids.take(pa.array(indices)).to_pylist()
        return ids

    def values(self, column: str, indices: Indices) -> list[Value]:
        """Return one attribute of some rows."""
        values: list[Value] = _taken(self.attributes[column], indices).to_pylist()
        return values

    def references(self, indices: Indices) -> list[tuple[PictureRef, ...]]:
        """Return where the pictures of some rows lie."""
        lists: list[list[str]] = self.paths.take(pa.array(indices)).to_pylist()
        join = os.path.join
        if self.idx_rows is None:
            return [tuple(PictureRef(join(self.root, p)) for p in paths) for paths in lists]
        rows = self.idx_rows[indices].tolist()
        return [
            (PictureRef(join(self.root, paths[0]), row),)
            for paths, row in zip(lists, rows, strict=True)
        ]

    def items(self, indices: Indices) -> list[Item]:
        """Return some rows as items."""
        names = self.attributes.column_names
        columns = [self.values(name, indices) for name in names]
        rows = zip(*columns, strict=True) if columns else iter([()] * len(indices))
        return [
            Item(item_id, pictures, dict(zip(names, row, strict=True)))
            for item_id, pictures, row in zip(
                self.item_ids(indices), self.references(indices), rows, strict=True
            )
        ]


def moved(records: Records, move: Callable[[str], str]) -> Records:
    """Return the same rows, with fetched pictures where `move` has put each of them."""
    if records.fetched is None:
        return records
    below = os.path.join(records.fetched, "")
    places: dict[str, str] = {}
    lists: list[list[str]] = records.paths.to_pylist()
    for path in chain.from_iterable(lists):
        if path.startswith(below) and path not in places:
            places[path] = move(path)
    paths = [[places.get(path, path) for path in paths] for paths in lists]
    return replace(records, paths=pa.array(paths, pa.large_list(pa.large_string())), fetched=None)


def single_paths(paths: Sequence[str]) -> pa.Array:
    """Return one-element lists, one a path."""
    offsets = pa.array(np.arange(len(paths) + 1, dtype=np.int64))
    values = pa.array(paths, pa.large_string())
    return pa.LargeListArray.from_arrays(offsets, values)


def attribute_table(columns: dict[str, pa.Array], n: int) -> pa.Table:
    """Return columns as a table, which may have none but still has `n` rows to take."""
    return pa.table(columns) if columns else pa.table({"": pa.nulls(n)}).select([])


def _taken(column: pa.ChunkedArray, indices: Indices) -> pa.Array:
    return (
        column.chunk(0).take(pa.array(indices)) if column.num_chunks == 1 else column.take(indices)
    )
