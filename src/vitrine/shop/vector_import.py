"""Vectors that were made elsewhere, as on a cluster, into a shop: all at once or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from vitrine.catalogue.attributes import fit_type
from vitrine.catalogue.columns import as_text, typed
from vitrine.catalogue.finder import PictureFinder
from vitrine.catalogue.items import AttributeType, Item, PictureRef, Rejection, Value
from vitrine.errors import ArtifactError, InputError, PictureError, ShopError, SourceError
from vitrine.progress import Task, task
from vitrine.shop.vector_tables import (
    ITEM_ID,
    OWN_COLUMNS,
    PICTURE,
    REASON,
    VECTOR,
    Origin,
    open_table,
    origin_text,
)
from vitrine.store import Store
from vitrine.store.at_once import ReadyItem, put_at_once

BATCH_ITEMS = 2_000
MAX_ID_LENGTH = 500


@dataclass(frozen=True)
class VectorImport:
    """What became of the rows of a table of vectors.

    Attributes
    ----------
    added, updated : int
    change_number : int
        The one that all of them have.
    rejected : list of Rejection
        Rows that were refused, each with its reason.
    unlinked : int
        Pictures that are not at hand here, or lie where they may not be shown from; their items
        came in without them.
    why_unlinked : str
        The reason for the first of them.
    """

    added: int
    updated: int
    change_number: int
    rejected: list[Rejection] = field(default_factory=list)
    unlinked: int = 0
    why_unlinked: str = ""


def import_vectors(store: Store, path: Path, pictures: Path | None = None) -> VectorImport:
    """Bring items with ready-made vectors into a shop in one transaction.

    A kill at any moment leaves the shop as it was.

    Parameters
    ----------
    store : Store
    path : Path
        A Parquet file or a folder of them, as ``vitrine spark embed`` and ``vitrine export`` write;
        see `vitrine.shop.vector_tables`.
    pictures : Path, optional
        The folder below which its pictures lie; by default the table's own. A table that came from
        elsewhere must not make a shop show other files of its machine.

    Raises
    ------
    SourceError
        If it cannot be read, or lacks a column.
    InputError
        If its vectors were made by another encoder than the shop's.
    ShopError
        If the shop's making broke off before its end.
    """
    table = open_table(path)
    if pictures is not None and not pictures.is_dir():
        raise SourceError(f"{pictures}: there is no such folder of pictures")
    state = store.state()
    if not state.ready or state.encoder_id is None:
        raise ShopError(f"{path}: the shop's making broke off; run the same vitrine create first")
    own = Origin.of(store.artifact(state.encoder_id))
    _check_origin(table.schema, own, path)
    finder = PictureFinder(path.resolve().parent, pictures)
    rows = _Rows(table, path, own.dimensions, state.attributes, finder)
    with task("importing vectors", table.count_rows()) as progress:
        batches = (_counted(progress, batch) for batch in rows.batches())
        written = put_at_once(store, batches, state.encoder_id, rows.kinds)
    return VectorImport(
        written.added,
        written.updated,
        written.change_number,
        rows.rejected,
        rows.unlinked,
        rows.why_unlinked,
    )


def _counted(progress: Task, batch: list[ReadyItem]) -> list[ReadyItem]:
    progress.advance(len(batch))
    return batch


def _check_origin(schema: pa.Schema, own: Origin, path: Path) -> None:
    try:
        text = origin_text(schema)
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{path}: its schema's metadata is damaged ({error!r})") from error
    if text is None:
        raise InputError(
            f"{path}: does not say which encoder made its vectors; make them with: vitrine spark "
            "embed SOURCE --like SHOP, or vitrine export"
        )
    made_by = Origin.from_text(text, str(path))
    if made_by.sha256 != own.sha256:
        raise InputError(
            f"{path}: its vectors were made by another encoder ({_described(made_by)}) than the "
            f"shop's ({_described(own)}); vectors of two encoders cannot be compared. Make them "
            "with the shop's own: vitrine spark embed SOURCE --like SHOP"
        )


def _described(origin: Origin) -> str:
    return (
        f"{origin.encoder}, {origin.dimensions} dimensions, {origin.distance.name}, "
        f"{origin.sha256[:8]}"
    )


class _Rows:
    """A table's rows on their way to items; what is refused is noted."""

    def __init__(
        self,
        table: ds.Dataset,
        path: Path,
        dimensions: int,
        schema: Mapping[str, AttributeType],
        finder: PictureFinder,
    ) -> None:
        self._table, self._path, self._dimensions = table, path, dimensions
        self._finder = finder
        self.unlinked, self.why_unlinked = 0, ""
        self.kinds: dict[str, AttributeType] = {}
        for name in table.schema.names:
            if name not in OWN_COLUMNS:
                empty = pa.chunked_array([pa.array([], table.schema.field(name).type)])
                column = typed(empty, schema.get(name))
                if column is not None:  # bytes are no attribute
                    self.kinds[name] = column.kind
        self.rejected: list[Rejection] = []
        self._seen: set[str] = set()

    def batches(self) -> Iterator[list[ReadyItem]]:
        """Yield the good rows as items; a row's number is its place in the table, from 1."""
        names = [name for name in self._table.schema.names if name in (*OWN_COLUMNS, *self.kinds)]
        start = 1
        for batch in self._table.to_batches(columns=names, batch_size=BATCH_ITEMS):
            if batch.num_rows:
                yield self._items(pa.table(batch), start)
                start += batch.num_rows

    def _items(self, rows: pa.Table, start: int) -> list[ReadyItem]:
        n = rows.num_rows
        ids: list[str | None] = as_text(rows[ITEM_ID]).to_pylist()
        reasons = self._said(rows, n)
        vectors = self._vectors(rows[VECTOR], reasons)
        attributes = self._attributes(rows, reasons)
        for place, item_id in enumerate(ids):
            reasons[place] = self._id_reason(item_id) or reasons[place]
        pictures = rows[PICTURE].to_pylist() if PICTURE in rows.column_names else [None] * n
        items = []
        for place, (item_id, reason) in enumerate(zip(ids, reasons, strict=True)):
            if reason is not None or item_id is None:
                source = str(self._path)
                self.rejected.append(Rejection(source, start + place, item_id, None, str(reason)))
                continue
            refs = self._references(pictures[place])
            mark = Item(item_id, refs, {}).fingerprint() if refs else ""
            row = {name: values[place] for name, values in attributes.items()}
            there = {name: value for name, value in row.items() if value is not None}
            items.append(
                ReadyItem(item_id, vectors[place], refs, mark, there if self.kinds else None)
            )
        return items

    def _said(self, rows: pa.Table, n: int) -> list[str | None]:
        """Return the reasons that the table itself gives."""
        if REASON not in rows.column_names:
            return [None] * n
        return [None if said is None else str(said) for said in rows[REASON].to_pylist()]

    def _id_reason(self, item_id: str | None) -> str | None:
        if item_id is None or len(item_id) > MAX_ID_LENGTH:
            return f"an id has 1 to {MAX_ID_LENGTH} characters"
        if item_id in self._seen:
            return "the id is there already, in a row before"
        self._seen.add(item_id)
        return None

    def _vectors(self, column: pa.ChunkedArray, reasons: list[str | None]) -> NDArray[np.float32]:
        """Return one vector a row, (n, d), zeros where there is no good one, and note why."""
        lists = column.combine_chunks()
        lengths = np.asarray(pc.fill_null(pc.list_value_length(lists), -1))
        fitting = lengths == self._dimensions
        made = np.zeros((len(lists), self._dimensions), np.float32)
        flat = lists.filter(pa.array(fitting)).flatten().cast(pa.float32(), safe=False)
        made[fitting] = flat.to_numpy(zero_copy_only=False).reshape(-1, self._dimensions)
        finite = np.isfinite(made).sum(axis=1) == made.shape[1]
        nonzero = np.count_nonzero(made, axis=1) > 0
        for place in np.flatnonzero(~(fitting & finite & nonzero)).tolist():
            if reasons[place] is not None:
                continue
            if lengths[place] < 0:
                reasons[place] = "it has no vector"
            elif not fitting[place]:
                reasons[place] = (
                    f"its vector has {lengths[place]} numbers, the shop's have {self._dimensions}"
                )
            else:
                zero = "its vector is all zeros, which is like nothing"
                reasons[place] = zero if finite[place] else "its vector is not finite"
        return made

    def _attributes(self, rows: pa.Table, reasons: list[str | None]) -> dict[str, list[Value]]:
        made: dict[str, list[Value]] = {}
        for name, kind in self.kinds.items():
            column = typed(rows[name], kind)
            if column is None:
                continue
            for place in column.misfits.tolist():
                reasons[place] = reasons[place] or (
                    f"{name}: {rows[name][place].as_py()!r} is not of the type {kind}"
                )
            made[name] = [fit_type(value, kind) for value in column.values.to_pylist()]
        return made

    def _references(self, cell: str | list[str] | None) -> tuple[PictureRef, ...]:
        """Return where an item's pictures lie, those that may be shown."""
        names = [cell] if isinstance(cell, str) else cell or []
        refs = []
        for name in names:
            scheme, _, path, _, _ = urlsplit(name)
            try:
                found = self._finder.find(unquote(path) if scheme == "file" else name)
            except PictureError as error:
                self.unlinked += 1
                self.why_unlinked = self.why_unlinked or f"{name}: {error}"
            else:
                refs.append(PictureRef(os.path.join(self._finder.base, found)))
        return tuple(refs)
