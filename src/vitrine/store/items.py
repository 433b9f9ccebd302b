"""Writing items, their vectors and thumbnails, inside a transaction that somebody else holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, delete, select

from vitrine.errors import ItemsChangedError
from vitrine.store.database import upsert
from vitrine.store.rows import StoredItem
from vitrine.store.state import IDS_A_QUERY, chunked
from vitrine.store.tables import deletions, items, thumbnails, vectors
from vitrine.store.words import put_words

Codes = Mapping[str, int]
"""By item id: the number that the database has given the item."""


def put_rows(connection: Connection, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Insert or replace items given as `rows.item_row` makes them; return their codes.

    At most 5,000, each id at most once. Whoever writes items does so through this: it keeps up
    what can be searched for.
    """
    _put(connection, items, "item_id", rows)
    ids = [row["item_id"] for row in rows]
    connection.execute(delete(deletions).where(deletions.c.item_id.in_(ids)))
    found = connection.execute(
        select(items.c.item_id, items.c.code).where(items.c.item_id.in_(ids))
    )
    codes = {str(row.item_id): int(row.code) for row in found}
    put_words(connection, rows, codes)
    return codes


def kept_pictures(connection: Connection, batch: Sequence[StoredItem]) -> dict[str, Any]:
    """Return by item id where the pictures lie of items that shall keep their vectors.

    Raises
    ------
    ItemsChangedError
        If one has other pictures by now than those that the vector is of, or is gone.
    """
    query = select(items.c.item_id, items.c.pictures_fingerprint, items.c.pictures)
    kept: dict[str, Any] = {}
    for some in chunked(batch, IDS_A_QUERY):
        wanted = {item.id: item.pictures_fingerprint for item in some}
        for row in connection.execute(query.where(items.c.item_id.in_(list(wanted)))):
            if row.pictures_fingerprint == wanted[row.item_id]:
                kept[row.item_id] = row.pictures
    changed = [item.id for item in batch if item.id not in kept]
    if changed:
        raise ItemsChangedError(
            f"item {changed[0]!r} has just got other pictures or been removed; do it again"
        )
    return kept


def put_vectors(
    connection: Connection,
    made: Mapping[str, NDArray[np.float32]],
    codes: Codes,
    encoder_id: int,
) -> None:
    """Insert or replace the vectors that an encoder made of items, by item id."""
    rows = [
        {
            "item_code": codes[item_id],
            "encoder_id": encoder_id,
            "vector": np.asarray(vector, "<f4").tobytes(),
        }
        for item_id, vector in made.items()
    ]
    if not rows:
        return
    statement = upsert(connection, vectors)
    statement = statement.on_conflict_do_update(
        index_elements=["item_code", "encoder_id"],
        set_={"vector": statement.excluded.vector},
    )
    connection.execute(statement, rows)


def put_thumbnails(connection: Connection, encoded: Sequence[StoredItem], codes: Codes) -> None:
    """Insert or replace the small pictures of items; those that have none now lose theirs."""
    stale = [codes[item.id] for item in encoded if item.thumbnail is None]
    if stale:
        connection.execute(delete(thumbnails).where(thumbnails.c.item_code.in_(stale)))
    rows = [
        {"item_code": codes[item.id], "content": item.thumbnail}
        for item in encoded
        if item.thumbnail is not None
    ]
    _put(connection, thumbnails, "item_code", rows)


def drop_stale_vectors(connection: Connection, codes: Sequence[int], encoder_id: int) -> None:
    """Delete the vectors that other encoders made of items whose pictures are new."""
    for some in chunked(codes, IDS_A_QUERY):
        connection.execute(
            delete(vectors).where(vectors.c.item_code.in_(some), vectors.c.encoder_id != encoder_id)
        )


def remove_items(connection: Connection, item_ids: Sequence[str], change_number: int) -> int:
    """Delete items, note them as deleted, and return how many there were."""
    removed = 0
    for ids in chunked(item_ids, IDS_A_QUERY):
        query = delete(items).where(items.c.item_id.in_(ids)).returning(items.c.item_id)
        gone = list(connection.scalars(query))
        rows = [{"item_id": item_id, "change_number": change_number} for item_id in gone]
        _put(connection, deletions, "item_id", rows)
        removed += len(gone)
    return removed


def _put(connection: Connection, table: Table, key: str, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = upsert(connection, table)
    fresh = {name: statement.excluded[name] for name in rows[0] if name != key}
    connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=fresh), rows)
