"""What a database itself can say about being whole."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from vitrine.errors import ShopFormatError
from vitrine.store.database import reading
from vitrine.store.feed import ROWS_A_CHUNK
from vitrine.store.store import Store
from vitrine.store.tables import items, vectors


def damaged_pages(store: Store) -> list[str]:
    """Return what the database's own check finds wrong; only SQLite has one."""
    if store.engine.dialect.name != "sqlite":
        return []
    try:
        with reading(store.engine) as connection:
            found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
            orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    except ShopFormatError as error:  # too damaged for a check to come to its end
        return [str(error)]
    wrong = [] if found == ["ok"] else found
    return wrong + [f"a row of {row[0]} refers to one that is not there" for row in orphans]


def raw_vectors(store: Store, encoder_id: int) -> Iterator[tuple[str, bytes | None]]:
    """Yield the id of every item and its vector as it is stored, None where it has none."""
    of_item = (vectors.c.item_code == items.c.code) & (vectors.c.encoder_id == encoder_id)
    query = select(items.c.item_id, vectors.c.vector).outerjoin_from(items, vectors, of_item)
    with reading(store.engine) as connection:
        result = connection.execution_options(yield_per=ROWS_A_CHUNK).execute(query)
        for row in result:
            yield row.item_id, row.vector
