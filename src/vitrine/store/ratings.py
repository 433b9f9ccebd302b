"""Reading and writing ratings; each write is one transaction and one change number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, delete, func, select, update

from vitrine.store.database import reading, writing
from vitrine.store.rating_rows import (
    Facts,
    Feedback,
    ItemCount,
    RatingColumns,
    RatingState,
    StoredRating,
    UserFacts,
    Written,
)
from vitrine.store.rating_tables import (
    interactions,
    rated_items,
    raters,
    rating_state,
    user_facts,
)
from vitrine.store.rating_writes import (
    put_ratings,
    read_history,
    read_rating_state,
    remove_ratings,
)
from vitrine.store.state import insert_artifact, next_change
from vitrine.store.tables import artifacts
from vitrine.store.user_facts import facts_of, put_facts, read_facts

ROWS_A_CHUNK = 50_000


class RatingStore:
    """The ratings in a shop's database.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        The shop's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def state(self) -> RatingState:
        """Return what the ratings are now."""
        with reading(self._engine) as connection:
            return read_rating_state(connection)

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
            return put_ratings(connection, batch, feedback)

    def remove(self, user_id: str, item_ids: Sequence[str] | None = None) -> int:
        """Delete a user's ratings of `item_ids`, or all of them; return how many there were."""
        with writing(self._engine) as connection:
            return remove_ratings(connection, user_id, item_ids)

    def forget(self, user_id: str) -> int:
        """Delete a user's ratings, id and all else, and return how many ratings there were.

        SQLite overwrites their bytes at once; PostgreSQL leaves them to its vacuum and its log.
        """
        with writing(self._engine) as connection:
            removed = remove_ratings(connection, user_id, None)
            connection.execute(delete(raters).where(raters.c.user_id == user_id))
        if self._engine.dialect.name == "sqlite":
            _empty_journal(self._engine)
        return removed

    def describe(self, facts: Mapping[str, Facts]) -> Written:
        """Insert or replace what is known of users besides their ratings, in one transaction."""
        with writing(self._engine) as connection:
            return put_facts(connection, facts)

    def facts(self) -> UserFacts:
        """Return what is known of all users."""
        with reading(self._engine) as connection:
            return read_facts(connection)

    def facts_of(self, user_id: str) -> Facts:
        """Return what is known of one user; nothing of a stranger."""
        with reading(self._engine) as connection:
            return facts_of(connection, user_id)

    def history(self, user_id: str) -> list[StoredRating]:
        """Return a user's ratings, the latest first; those without a time come last."""
        with reading(self._engine) as connection:
            return read_history(connection, user_id)[1]

    def seen_by(self, user_id: str) -> tuple[RatingState, int | None, list[StoredRating]]:
        """Return the state, the user's code and ratings, all as of one moment."""
        with reading(self._engine) as connection:
            return read_rating_state(connection), *read_history(connection, user_id)

    def counts(self, since: int = 0) -> tuple[int, list[ItemCount]]:
        """Return the ratings' change number, and the items whose counts changed after `since`."""
        names = rated_items.c.item_id, rated_items.c.n_ratings, rated_items.c.total
        query = select(*names).where(rated_items.c.change_number > since)
        with reading(self._engine) as connection:
            rows = [ItemCount(*row) for row in connection.execute(query)]
            return read_rating_state(connection).change_number, rows

    def columns(self) -> RatingColumns:
        """Return all ratings."""
        query = select(
            interactions.c.user_code,
            interactions.c.item_code,
            interactions.c.value,
            interactions.c.timestamp,
        ).order_by(interactions.c.user_code, interactions.c.item_code)
        with reading(self._engine) as connection:
            state = read_rating_state(connection)
            ids = connection.execute(select(rated_items.c.code, rated_items.c.item_id))
            item_ids = {int(row.code): str(row.item_id) for row in ids}
            result = connection.execution_options(yield_per=ROWS_A_CHUNK).execute(query)
            parts = [_numbers(rows) for rows in result.partitions()]
        table = np.concatenate(parts) if parts else np.empty((0, 4))
        users, items = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
        values, times = table[:, 2], table[:, 3]
        return RatingColumns(users, items, values, times, item_ids, state.change_number)

    def summary(self) -> dict[str, Any]:
        """Return counts and ranges: ratings, users, lowest, highest, first and last time.

        And how many users are described.
        """
        rated = interactions.c
        query = select(
            func.count().label("ratings"),
            func.min(rated.value).label("lowest"),
            func.max(rated.value).label("highest"),
            func.min(rated.timestamp).label("first"),
            func.max(rated.timestamp).label("last"),
            func.count(rated.user_code.distinct()).label("users"),
        ).select_from(interactions)
        described = select(func.count()).select_from(user_facts)
        with reading(self._engine) as connection:
            facts = dict(connection.execute(query).one()._mapping)
            return facts | {"users_described": int(connection.scalar(described) or 0)}

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
            former = read_rating_state(connection).model_id
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


def _numbers(rows: Sequence[Any]) -> NDArray[np.float64]:
    return np.array([tuple(row) for row in rows], dtype=np.float64)  # None becomes NaN


def _empty_journal(engine: Engine) -> None:
    """Write the journal's pages into the database and cut it, so that no old page is left in it."""
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None  # noqa: S101 - a connection that is open has one
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
