"""By what a copy of a shop's contents knows that it still is one: the writes it saw last."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import and_, select

from vitrine.store.database import reading
from vitrine.store.store import Store
from vitrine.store.tables import deletions, items, vectors

MARKS = 64


class Mark(NamedTuple):
    """One item as it was written: its id, the change number, and a checksum of its vector."""

    item_id: str
    change_number: int
    checksum: int


def last_writes(store: Store, encoder_id: int, until: int) -> list[Mark]:
    """Return the items written last up to a change number, at most 64 of them."""
    query = (
        select(items.c.item_id, items.c.change_number, vectors.c.vector)
        .join_from(items, vectors)
        .where(vectors.c.encoder_id == encoder_id, items.c.change_number <= until)
        .order_by(items.c.change_number.desc(), items.c.code.desc())
        .limit(MARKS)
    )
    with reading(store.engine) as connection:
        return [
            Mark(row.item_id, int(row.change_number), zlib.crc32(row.vector))
            for row in connection.execute(query)
        ]


def still_there(store: Store, encoder_id: int, marks: Sequence[Mark], until: int) -> bool:
    """Tell whether each mark is in the database as it was, or has been written or removed since.

    If not, the database is another one than the marks were taken from, or went back to an earlier
    state and on from there.

    Parameters
    ----------
    store : Store
    encoder_id : int
    marks : sequence of Mark
        Taken by `last_writes`.
    until : int
        The change number that they were taken at.
    """
    ids = [mark.item_id for mark in marks]
    of_encoder = and_(vectors.c.item_code == items.c.code, vectors.c.encoder_id == encoder_id)
    found = select(items.c.item_id, items.c.change_number, vectors.c.vector).select_from(
        items.outerjoin(vectors, of_encoder)
    )
    gone = select(deletions.c.item_id).where(deletions.c.change_number > until)
    with reading(store.engine) as connection:
        there = {
            row.item_id: row for row in connection.execute(found.where(items.c.item_id.in_(ids)))
        }
        removed = set(connection.scalars(gone.where(deletions.c.item_id.in_(ids))))
    for item_id, number, checksum in marks:
        row = there.get(item_id)
        if row is None:
            if item_id not in removed:
                return False
        elif row.change_number <= until and (
            row.change_number != number or row.vector is None or zlib.crc32(row.vector) != checksum
        ):
            return False
    return True
