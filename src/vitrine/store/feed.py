"""The change feed: what is newer than a change number, read in one transaction."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Connection, Engine, Text, cast, select

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
        deleted = list(connection.scalars(gone))
        with closing(_item_chunks(connection, state, since)) as chunks:
            yield Change(state, deleted, chunks)


def _item_chunks(connection: Connection, state: ShopState, since: int) -> Generator[ItemChunk]:
    query = (
        select(
            items.c.item_id, cast(items.c.attributes, Text).label("attributes"), vectors.c.vector
        )
        .join_from(items, vectors)
        .where(vectors.c.encoder_id == state.encoder_id)
        .order_by(items.c.code)
    )
    if since > 0:
        # Without the 0 SQLite would go through all items in this order, to find the few.
        query = query.where(items.c.change_number > since).order_by(None)
        query = query.order_by(items.c.code + 0)
    with connection.execute(query.execution_options(yield_per=ROWS_A_CHUNK)) as result:
        for rows in result.partitions():
            yield ItemChunk(
                [row.item_id for row in rows],
                typed([row.attributes for row in rows], state.attributes),
                to_matrix([row.vector for row in rows]),
            )
