"""Many items with ready-made vectors in one transaction: whoever reads sees all of them or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, select, update

from vitrine.catalogue.attributes import widen_schema
from vitrine.catalogue.items import AttributeType, PictureRef, Value
from vitrine.errors import EncoderReplacedError
from vitrine.store.database import writing
from vitrine.store.items import drop_stale_vectors, put_rows, put_vectors
from vitrine.store.rows import StoredItem, item_row
from vitrine.store.state import next_change, read_state
from vitrine.store.store import Store
from vitrine.store.tables import items, shop, thumbnails

NO_PICTURE = "no-picture"
"""Stands for the picture of an item that came without one: a file that is not there."""


@dataclass(frozen=True, slots=True)
class ReadyItem:
    """One item as it comes from elsewhere.

    Attributes
    ----------
    id : str
    vector : ndarray of shape (d,), float32
    pictures : tuple of PictureRef
        Empty to keep those that the item has.
    fingerprint : str
        Of these pictures.
    attributes : dict of str to Value or None
        All that it shall have; None to keep those that it has.
    """

    id: str
    vector: NDArray[np.float32]
    pictures: tuple[PictureRef, ...] = ()
    fingerprint: str = ""
    attributes: Mapping[str, Value] | None = None


@dataclass
class Written:
    """How many items are new or replaced, and the one change number that all of them have."""

    change_number: int = 0
    added: int = 0
    updated: int = 0


def put_at_once(
    store: Store,
    batches: Iterable[Sequence[ReadyItem]],
    encoder_id: int,
    schema: Mapping[str, AttributeType],
) -> Written:
    """Insert or replace items, all batches in one transaction with one change number.

    Other processes go on reading what was there; they wait with their own writes.

    Parameters
    ----------
    store : Store
    batches : iterable of sequences of ReadyItem
        Read while the transaction is open; each id at most once in all of them, at most 5,000 a
        batch. Where it raises, nothing is written.
    encoder_id : int
        The encoder that made the vectors.
    schema : mapping of str to AttributeType
        Of the attributes; those that the shop has not are added to it.

    Raises
    ------
    EncoderReplacedError
        If the shop has another encoder by now; nothing is written.
    """
    written = Written()
    with writing(store.engine) as connection:
        state = read_state(connection)
        if state.encoder_id != encoder_id:
            raise EncoderReplacedError("the shop has another encoder by now; do it again")
        written.change_number = next_change(connection)
        widened = widen_schema(state.attributes, schema)
        if widened != state.attributes:
            connection.execute(update(shop).values(attributes=widened))
        for batch in batches:
            if batch:
                _put(store, connection, batch, encoder_id, written)
    return written


def _put(
    store: Store,
    connection: Connection,
    batch: Sequence[ReadyItem],
    encoder_id: int,
    written: Written,
) -> None:
    before = _there(connection, batch)
    rows, encoded = [], []
    for item in batch:
        row, stored = _row(item, before.get(item.id), written.change_number, store)
        rows.append(row)
        encoded.append(stored)
    codes = put_rows(connection, rows)
    put_vectors(connection, {item.id: item.vector for item in batch}, codes, encoder_id)
    stale = [
        codes[row["item_id"]]
        for row in rows
        if (old := before.get(row["item_id"]))
        and old.pictures_fingerprint != row["pictures_fingerprint"]
    ]
    if stale:  # their pictures are others, so what was made of the old ones goes
        connection.execute(delete(thumbnails).where(thumbnails.c.item_code.in_(stale)))
        drop_stale_vectors(connection, stale, encoder_id)
    written.updated += len(before)
    written.added += len(batch) - len(before)


def _there(connection: Connection, batch: Sequence[ReadyItem]) -> dict[str, Any]:
    query = select(
        items.c.item_id, items.c.pictures, items.c.pictures_fingerprint, items.c.attributes
    ).where(items.c.item_id.in_([item.id for item in batch]))
    return {row.item_id: row for row in connection.execute(query)}


def _row(
    item: ReadyItem, old: Any, change_number: int, store: Store
) -> tuple[dict[str, Any], StoredItem]:
    """Return an item's row, filled up with what it had, and the item that its vector is of."""
    pictures = item.pictures or (PictureRef(str(store.folder / NO_PICTURE)),)
    stored = StoredItem(item.id, pictures, item.fingerprint, item.attributes or {}, item.vector)
    row = item_row(stored, change_number, store.folder)
    if old is not None and not item.pictures:
        row |= {"pictures": old.pictures, "pictures_fingerprint": old.pictures_fingerprint}
    if old is not None and item.attributes is None:
        row["attributes"] = old.attributes
    return row, stored
