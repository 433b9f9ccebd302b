"""Reading and writing ratings; each write is one transaction and one change number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from vitrine.store.database import reading, writing
from vitrine.store.rating_tables import interactions, rated_items, raters, rating_state
from vitrine.store.state import IDS_A_QUERY, chunked, insert_artifact, next_change
from vitrine.store.tables import artifacts

Feedback = Literal["explicit", "implicit"]
ROWS_A_CHUNK = 50_000


class StoredRating(NamedTuple):
    """One user's rating of one item."""

    user_id: str
    item_id: str
    value: float
    timestamp: int | None


@dataclass(frozen=True)
class RatingState:
    """The one row that says what the ratings are.

    Attributes
    ----------
    feedback : {"explicit", "implicit"} or None
        None while there was never a rating.
    change_number : int
        Of the last write of ratings; 0 before the first.
    model_id : int or None
        The artifact that is the fitted rating model.
    model_change_number : int or None
        The ratings' change number that the model was fitted at.
    """

    feedback: Feedback | None = None
    change_number: int = 0
    model_id: int | None = None
    model_change_number: int | None = None


@dataclass(frozen=True)
class RatingColumns:
    """All ratings, ordered by user code, then item code.

    Attributes
    ----------
    user_codes, item_codes : ndarray of shape (n,), int64
        As the database numbers them, with gaps.
    values : ndarray of shape (n,), float64
    timestamps : ndarray of shape (n,), int64, or None
        None where any rating has none.
    item_ids : dict of int to str
        Of each item code.
    change_number : int
        The ratings' change number at which this was read.
    """

    user_codes: NDArray[np.int64]
    item_codes: NDArray[np.int64]
    values: NDArray[np.float64]
    timestamps: NDArray[np.int64] | None
    item_ids: dict[int, str]
    change_number: int


class ItemCount(NamedTuple):
    """How often an item was rated, and the sum of its ratings."""

    item_id: str
    n_ratings: int
    total: float


class Written(NamedTuple):
    """What became of a batch of ratings."""

    added: int
    updated: int
    unchanged: int


class RatingStore:
    """The ratings in a shop's database.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        The shop's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        dialect = {"sqlite": sqlite, "postgresql": postgresql}[engine.dialect.name]
        self._upsert: Any = dialect.insert

    def state(self) -> RatingState:
        """Return what the ratings are now."""
        with reading(self._engine) as connection:
            return _state(connection)

    def put(self, batch: Sequence[StoredRating], feedback: Feedback) -> Written:
        """Insert or replace ratings, all in one transaction.

        Parameters
        ----------
        batch : sequence of StoredRating
            Of several ratings of one pair the last counts.
        feedback : {"explicit", "implicit"}
            What they are; the first batch settles it for the shop.
        """
        if not batch:
            return Written(0, 0, 0)
        batch = list({(row.user_id, row.item_id): row for row in batch}.values())
        with writing(self._engine) as connection:
            number = self._next(connection, feedback)
            users = self._codes(connection, raters, "user_id", [row.user_id for row in batch], {})
            fresh = {"n_ratings": 0, "total": 0.0, "change_number": number}
            item_ids = [row.item_id for row in batch]
            items = self._codes(connection, rated_items, "item_id", item_ids, fresh)
            old = _existing(connection, set(users.values()), set(items.values()))
            rows: list[dict[str, Any]] = []
            counts: dict[int, list[float]] = {}
            added = updated = 0
            for rating in batch:
                pair = users[rating.user_id], items[rating.item_id]
                before = old.get(pair)
                if before == (rating.value, rating.timestamp):
                    continue
                added, updated = added + (before is None), updated + (before is not None)
                rows.append(_row(pair, rating, number))
                sums = counts.setdefault(pair[1], [0, 0.0])
                sums[0] += before is None
                sums[1] += rating.value - (before[0] if before else 0.0)
            self._put_rows(connection, rows)
            _count(connection, counts, number)
        return Written(added, updated, len(batch) - len(rows))

    def remove(self, user_id: str, item_ids: Sequence[str] | None = None) -> int:
        """Delete a user's ratings of `item_ids`, or all of them; return how many there were."""
        with writing(self._engine) as connection:
            return self._remove(connection, user_id, item_ids)

    def forget(self, user_id: str) -> int:
        """Delete a user's ratings and id, overwrite their bytes, and return how many there were."""
        with writing(self._engine) as connection:
            removed = self._remove(connection, user_id, None)
            connection.execute(delete(raters).where(raters.c.user_id == user_id))
        if self._engine.dialect.name == "sqlite":
            _empty_journal(self._engine)
        return removed

    def history(self, user_id: str) -> list[StoredRating]:
        """Return a user's ratings, the latest first; those without a time come last."""
        with reading(self._engine) as connection:
            return _history(connection, user_id)[1]

    def seen_by(self, user_id: str) -> tuple[RatingState, int | None, list[StoredRating]]:
        """Return the state, the user's code and ratings, all as of one moment."""
        with reading(self._engine) as connection:
            return _state(connection), *_history(connection, user_id)

    def counts(self, since: int = 0) -> tuple[int, list[ItemCount]]:
        """Return the ratings' change number, and the items whose counts changed after `since`."""
        names = rated_items.c.item_id, rated_items.c.n_ratings, rated_items.c.total
        query = select(*names).where(rated_items.c.change_number > since)
        with reading(self._engine) as connection:
            rows = [ItemCount(*row) for row in connection.execute(query)]
            return _state(connection).change_number, rows

    def columns(self) -> RatingColumns:
        """Return all ratings."""
        query = select(
            interactions.c.user_code,
            interactions.c.item_code,
            interactions.c.value,
            interactions.c.timestamp,
        ).order_by(interactions.c.user_code, interactions.c.item_code)
        with reading(self._engine) as connection:
            state = _state(connection)
            ids = connection.execute(select(rated_items.c.code, rated_items.c.item_id))
            item_ids = {int(row.code): str(row.item_id) for row in ids}
            result = connection.execution_options(yield_per=ROWS_A_CHUNK).execute(query)
            parts = [_numbers(rows) for rows in result.partitions()]
        table = np.concatenate(parts) if parts else np.empty((0, 4))
        times = None if np.isnan(table[:, 3]).any() else table[:, 3].astype(np.int64)
        users, items = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
        return RatingColumns(users, items, table[:, 2], times, item_ids, state.change_number)

    def summary(self) -> dict[str, Any]:
        """Return counts and ranges: ratings, users, items, lowest, highest, first and last time."""
        rated = interactions.c
        query = select(
            func.count().label("ratings"),
            func.min(rated.value).label("lowest"),
            func.max(rated.value).label("highest"),
            func.min(rated.timestamp).label("first"),
            func.max(rated.timestamp).label("last"),
            func.count(rated.user_code.distinct()).label("users"),
        ).select_from(interactions)
        with reading(self._engine) as connection:
            return dict(connection.execute(query).one()._mapping)

    def changed_after(self, change_number: int) -> int:
        """Return how many ratings were written after a change number."""
        query = select(func.count()).where(interactions.c.change_number > change_number)
        with reading(self._engine) as connection:
            return int(connection.scalar(query) or 0)

    def save_model(self, kind: str, files: Mapping[str, bytes], fitted_on: int) -> int:
        """Store a fitted model's files in place of the former one's, and return its id.

        Parameters
        ----------
        kind : str
        files : mapping of str to bytes
        fitted_on : int
            The ratings' change number that it was fitted at.
        """
        with writing(self._engine) as connection:
            former = _state(connection).model_id
            model_id = insert_artifact(connection, kind, files)
            values = {"model_id": model_id, "model_change_number": fitted_on}
            connection.execute(update(rating_state).values(values))
            if former is not None:
                connection.execute(delete(artifacts).where(artifacts.c.id == former))
            next_change(connection)
        return model_id

    def model_kind(self, model_id: int) -> tuple[str, str]:
        """Return what kind of model an artifact is, and when it was stored (ISO 8601, UTC)."""
        query = select(artifacts.c.kind, artifacts.c.created).where(artifacts.c.id == model_id)
        with reading(self._engine) as connection:
            kind, created = connection.execute(query).one()
            return str(kind), str(created)

    def _next(self, connection: Connection, feedback: Feedback) -> int:
        number = next_change(connection)
        values = {"id": 1, "feedback": feedback, "change_number": number}
        statement = self._upsert(rating_state).values(values)
        kept = {"change_number": number}
        connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=kept))
        return number

    def _codes(
        self,
        connection: Connection,
        table: Any,
        key: str,
        ids: Sequence[str],
        fresh: Mapping[str, Any],
    ) -> dict[str, int]:
        """Return the codes of ids; those that are new get one."""
        distinct = list(dict.fromkeys(ids))
        found = _find_codes(connection, table, key, distinct)
        new = [value for value in distinct if value not in found]
        if new:
            connection.execute(insert(table), [{key: value, **fresh} for value in new])
            found |= _find_codes(connection, table, key, new)
        return found

    def _put_rows(self, connection: Connection, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        statement = self._upsert(interactions)
        names = ("value", "timestamp", "change_number")
        statement = statement.on_conflict_do_update(
            index_elements=["user_code", "item_code"],
            set_={name: statement.excluded[name] for name in names},
        )
        connection.execute(statement, rows)

    def _remove(self, connection: Connection, user_id: str, item_ids: Sequence[str] | None) -> int:
        code, history = _history(connection, user_id)
        wanted = None if item_ids is None else set(item_ids)
        gone = [row for row in history if wanted is None or row.item_id in wanted]
        if code is None or not gone:
            return 0
        number = self._next(connection, "explicit")
        items = _find_codes(connection, rated_items, "item_id", [row.item_id for row in gone])
        for some in chunked(list(items.values()), IDS_A_QUERY):
            chosen = (interactions.c.user_code == code) & interactions.c.item_code.in_(some)
            connection.execute(delete(interactions).where(chosen))
        _count(connection, {items[row.item_id]: [-1, -row.value] for row in gone}, number)
        return len(gone)


def _numbers(rows: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([tuple(row) for row in rows], dtype=np.float64)  # None becomes NaN


def _state(connection: Connection) -> RatingState:
    row = connection.execute(select(rating_state)).one_or_none()
    if row is None:
        return RatingState()
    return RatingState(row.feedback, row.change_number, row.model_id, row.model_change_number)


def _history(connection: Connection, user_id: str) -> tuple[int | None, list[StoredRating]]:
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


def _find_codes(connection: Connection, table: Any, key: str, ids: Sequence[str]) -> dict[str, int]:
    query = select(table.c[key], table.c.code)
    return {
        str(value): int(code)
        for some in chunked(ids, IDS_A_QUERY)
        for value, code in connection.execute(query.where(table.c[key].in_(some)))
    }


def _existing(
    connection: Connection, users: set[int], items: set[int]
) -> dict[tuple[int, int], tuple[float, int | None]]:
    """Return value and time of the ratings there are by these users; of these items where few."""
    rated = interactions.c
    query = select(rated.user_code, rated.item_code, rated.value, rated.timestamp)
    if len(items) < IDS_A_QUERY:
        query = query.where(rated.item_code.in_(sorted(items)))
    found: dict[tuple[int, int], tuple[float, int | None]] = {}
    for some in chunked(sorted(users), IDS_A_QUERY):
        rows = connection.execute(query.where(rated.user_code.in_(some)))
        found.update(((user, item), (value, time)) for user, item, value, time in rows)
    return found


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


def _empty_journal(engine: Engine) -> None:
    """Write the journal's pages into the database and cut it, so that no old page is left in it."""
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None  # noqa: S101 - a connection that is open has one
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
