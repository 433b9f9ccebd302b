"""Transactions on a shop's database, whichever it is, and its errors in plain words."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, Connection, Engine, Subquery, Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, PendingRollbackError, ResourceClosedError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from vitrine.errors import ShopUnavailableError
from vitrine.store.outages import note_answer, note_outage, take_turn
from vitrine.store.postgres import explain_postgres
from vitrine.store.sqlite import WRITE, explain_sqlite

DATABASE_NAME = "shop.db"
NAME = "vitrine_name"
"""The execution option of an engine that says what messages call the shop."""

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_PAIRS = {
    "sqlite": "SELECT json_extract(value, '$[0]') AS one, json_extract(value, '$[1]') AS other "
    "FROM json_each(:pairs)",
    "postgresql": "SELECT CAST(value ->> 0 AS bigint) AS one, CAST(value ->> 1 AS bigint) AS other "
    "FROM json_array_elements(CAST(:pairs AS json))",
}
# The pool's, when too many wait; and what comes after a connection has broken, of itself.
_OUT_OF_ORDER = (PoolTimeoutError, PendingRollbackError, ResourceClosedError)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that sees one state of the database throughout."""
    with _clear_errors(engine), engine.connect() as connection, connection.begin():
        note_answer(engine)
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that holds the write lock; it commits at the end of the context."""
    with (
        _clear_errors(engine),
        engine.connect().execution_options(**{WRITE: True}) as connection,
        connection.begin(),
    ):
        note_answer(engine)
        yield connection


def upsert(connection: Connection, table: Table) -> Any:
    """Return an insert of the database's own kind, which may say what a conflict means."""
    return _INSERT[connection.dialect.name](table)


def as_table(connection: Connection, pairs: Iterable[tuple[int, int]]) -> Subquery:
    """Return pairs of numbers as something to join with: columns ``one`` and ``other``.

    However many they are, they are one parameter of the query.
    """
    query = text(_PAIRS[connection.dialect.name]).bindparams(pairs=json.dumps(list(pairs)))
    return query.columns(one=BigInteger, other=BigInteger).subquery("pairs")


@contextmanager
def _clear_errors(engine: Engine) -> Iterator[None]:
    where = str(engine.get_execution_options().get(NAME) or engine.url.database)
    take_turn(engine, where)
    try:
        yield
    except DBAPIError as error:
        # By the error's own kind: a shop that is moved has transactions on two databases.
        of_sqlite = isinstance(error.orig, sqlite3.Error)
        explained = (explain_sqlite if of_sqlite else explain_postgres)(error, where)
        if isinstance(explained, ShopUnavailableError):
            note_outage(engine)
        raise explained from error
    except _OUT_OF_ORDER as error:
        raise ShopUnavailableError(
            f"{where}: the database cannot be used now ({error}); try again in a moment"
        ) from error
