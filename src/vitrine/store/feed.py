"""The change feed: what is newer than a change number, read in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, select

from vitrine.store.database import reading
from vitrine.store.rows import Change, ItemChunk, ShopState, to_matrix, typed
from vitrine.store.state import read_state
from vitrine.store.tables import deletions, items, vectors

ROWS_A_CHUNK = 2_000


@contextmanager
def read_changes(engine: Engine, since: int, encoder_id: int | None) -> Iterator[Change]:
    """Open a view of what has changed after change number `since`; see `Store.changes`."""
    with reading(engine) as connection:
        state = read_state(connection)
        if state.encoder_id != encoder_id:
            since = -1
        gone = select(deletions.c.item_id).where(deletions.c.change_number > since)
        yield Change(state, list(connection.scalars(gone)), _item_chunks(connection, state, since))


def _item_chunks(connection: Connection, state: ShopState, since: int) -> Iterator[ItemChunk]:
    query = (
        select(items.c.item_id, items.c.attributes, vectors.c.vector)
        .join_from(items, vectors)
        .where(vectors.c.encoder_id == state.encoder_id)
        .order_by(items.c.code)
    )
    if since > 0:
        query = query.where(items.c.change_number > since)
    result = connection.execution_options(yield_per=ROWS_A_CHUNK).execute(query)
    for rows in result.partitions():
        yield ItemChunk(
            [row.item_id for row in rows],
            [typed(row.attributes, state.attributes) for row in rows],
            to_matrix([row.vector for row in rows]),
        )
