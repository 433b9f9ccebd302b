"""What a database itself can say about being whole."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Row, func, or_, select, text, update

from vitrine.errors import ShopFormatError
from vitrine.store.database import reading, writing
from vitrine.store.feed import ROWS_A_CHUNK
from vitrine.store.rating_tables import interactions, rated_items
from vitrine.store.search import has_words
from vitrine.store.shared_tables import item_words
from vitrine.store.state import next_change
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


def miscounted(store: Store) -> list[str]:
    """Return the ids of the items whose kept number or sum of ratings is not that of their ratings.

    Every write of ratings keeps these up, so that popularity need not count them all.
    """
    with reading(store.engine) as connection:
        return [str(row.item_id) for row in _miscounted(connection)]


def recount(store: Store) -> int:
    """Count the ratings of those items anew, and return how many items there were."""
    with writing(store.engine) as connection:
        number, rows = next_change(connection), _miscounted(connection)
        for row in rows:
            right = {"n_ratings": row.counted, "total": row.summed, "change_number": number}
            connection.execute(
                update(rated_items).where(rated_items.c.code == row.code).values(right)
            )
    return len(rows)


def without_words(store: Store) -> int:
    """Return how many items cannot be found by their words, or can be and are gone.

    A shop whose words were never prepared is searched without them.
    """
    with reading(store.engine) as connection:
        if connection.dialect.name == "postgresql":
            query = select(func.count()).select_from(items.outerjoin(item_words))
            return int(connection.scalar(query.where(item_words.c.item_code.is_(None))) or 0)
        if not has_words(connection):
            return 0
        missing = (
            "SELECT count(*) FROM items LEFT JOIN item_words ON item_words.rowid = items.code "
            "WHERE item_words.item_id IS NOT items.item_id"
        )
        left = "SELECT count(*) FROM item_words WHERE rowid NOT IN (SELECT code FROM items)"
        return sum(int(connection.scalar(text(query)) or 0) for query in (missing, left))


def _miscounted(connection: Connection) -> list[Row[tuple[int, str, int, float]]]:
    rated = interactions.c
    counted = func.count(rated.value).label("counted")
    summed = func.coalesce(func.sum(rated.value), 0.0).label("summed")
    columns = rated_items.c.code, rated_items.c.item_id
    kept = rated_items.c.n_ratings, rated_items.c.total
    query = (
        select(*columns, counted, summed)
        .select_from(rated_items.outerjoin(interactions))
        .group_by(*columns, *kept)
        .having(or_(kept[0] != counted, func.abs(kept[1] - summed) > 1e-6 * (1 + func.abs(summed))))
    )
    return list(connection.execute(query))
