"""Writing ratings inside a transaction that somebody else holds, and what writing has to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from vitrine.store.database import as_table, upsert
from vitrine.store.rating_rows import Feedback, RatingState, StoredRating, Written
from vitrine.store.rating_tables import interactions, rated_items, raters, rating_state
from vitrine.store.state import IDS_A_QUERY, chunked, next_change


def put_ratings(
    connection: Connection, batch: Sequence[StoredRating], feedback: Feedback
) -> Written:
    """Insert or replace ratings, one a user and item, and keep up the items' sums."""
    number = _next(connection, feedback)
    users = codes_of(connection, raters, "user_id", [row.user_id for row in batch], {})
    fresh = {"n_ratings": 0, "total": 0.0, "change_number": number}
    item_ids = [row.item_id for row in batch]
    items = codes_of(connection, rated_items, "item_id", item_ids, fresh)
    pairs = [(users[rating.user_id], items[rating.item_id]) for rating in batch]
    old = _existing(connection, pairs)
    rows: list[dict[str, Any]] = []
    counts: dict[int, list[float]] = {}
    added = updated = 0
    for pair, rating in zip(pairs, batch, strict=True):
        before = old.get(pair)
        if before == (rating.value, rating.timestamp):
            continue
        added, updated = added + (before is None), updated + (before is not None)
        rows.append(_row(pair, rating, number))
        sums = counts.setdefault(pair[1], [0, 0.0])
        sums[0] += before is None
        sums[1] += rating.value - (before[0] if before else 0.0)
    _put_rows(connection, rows)
    _count(connection, counts, number)
    return Written(added, updated, len(batch) - len(rows))


def remove_ratings(connection: Connection, user_id: str, item_ids: Sequence[str] | None) -> int:
    """Delete a user's ratings of `item_ids`, or all of them; return how many there were."""
    code, history = read_history(connection, user_id)
    wanted = None if item_ids is None else set(item_ids)
    gone = [row for row in history if wanted is None or row.item_id in wanted]
    if code is None or not gone:
        return 0
    number = _next(connection, "explicit")
    items = _find_codes(connection, rated_items, "item_id", [row.item_id for row in gone])
    for some in chunked(list(items.values()), IDS_A_QUERY):
        chosen = (interactions.c.user_code == code) & interactions.c.item_code.in_(some)
        connection.execute(delete(interactions).where(chosen))
    _count(connection, {items[row.item_id]: [-1, -row.value] for row in gone}, number)
    return len(gone)


def read_rating_state(connection: Connection) -> RatingState:
    """Return what the ratings are, as this transaction sees them."""
    row = connection.execute(select(rating_state)).one_or_none()
    if row is None:
        return RatingState()
    return RatingState(row.feedback, row.change_number, row.model_id, row.model_change_number)


def read_history(connection: Connection, user_id: str) -> tuple[int | None, list[StoredRating]]:
    """Return a user's code and ratings, the latest first; those without a time come last."""
    code = connection.scalar(select(raters.c.code).where(raters.c.user_id == user_id))
    if code is None:
        return None, []
    query = (
        select(rated_items.c.item_id, interactions.c.value, interactions.c.timestamp)
        .join_from(interactions, rated_items)
        .where(interactions.c.user_code == code)
    )
    rows = [StoredRating(user_id, *row) for row in connection.execute(query)]
    rows.sort(key=lambda row: (row.timestamp is None, -(row.timestamp or 0), row.item_id))
    return int(code), rows


def _next(connection: Connection, feedback: Feedback) -> int:
    number = next_change(connection)
    values = {"id": 1, "feedback": feedback, "change_number": number}
    statement = upsert(connection, rating_state).values(values)
    kept = {"change_number": number}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=kept))
    return number


def codes_of(
    connection: Connection, table: Table, key: str, ids: Sequence[str], fresh: Mapping[str, Any]
) -> dict[str, int]:
    """Return the codes of ids; those that are new get one."""
    distinct = list(dict.fromkeys(ids))
    found = _find_codes(connection, table, key, distinct)
    new = [value for value in distinct if value not in found]
    if new:
        connection.execute(insert(table), [{key: value, **fresh} for value in new])
        found |= _find_codes(connection, table, key, new)
    return found


def _put_rows(connection: Connection, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    statement = upsert(connection, interactions)
    names = ("value", "timestamp", "change_number")
    statement = statement.on_conflict_do_update(
        index_elements=["user_code", "item_code"],
        set_={name: statement.excluded[name] for name in names},
    )
    connection.execute(statement, rows)


def _find_codes(
    connection: Connection, table: Table, key: str, ids: Sequence[str]
) -> dict[str, int]:
    query = select(table.c[key], table.c.code)
    return {
        str(value): int(code)
        for some in chunked(ids, IDS_A_QUERY)
        for value, code in connection.execute(query.where(table.c[key].in_(some)))
    }


def _existing(
    connection: Connection, pairs: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], tuple[float, int | None]]:
    """Return value and time of the ratings that some users have of some items already."""
    rated, wanted = interactions.c, as_table(connection, pairs)
    same = (rated.user_code == wanted.c.one) & (rated.item_code == wanted.c.other)
    query = select(rated.user_code, rated.item_code, rated.value, rated.timestamp)
    rows = connection.execute(query.join_from(wanted, interactions, same))
    return {(user, item): (value, time) for user, item, value, time in rows}


def _row(pair: tuple[int, int], rating: StoredRating, number: int) -> dict[str, Any]:
    return {
        "user_code": pair[0],
        "item_code": pair[1],
        "value": rating.value,
        "timestamp": rating.timestamp,
        "change_number": number,
    }


def _count(connection: Connection, more: Mapping[int, Sequence[float]], number: int) -> None:
    """Add to items' numbers and sums of ratings."""
    if not more:
        return
    table = rated_items
    statement = (
        update(table)
        .where(table.c.code == bindparam("of"))
        .values(
            n_ratings=table.c.n_ratings + bindparam("n"),
            total=table.c.total + bindparam("sum"),
            change_number=number,
        )
    )
    rows = [{"of": code, "n": int(n), "sum": total} for code, (n, total) in more.items()]
    connection.execute(statement, rows)
