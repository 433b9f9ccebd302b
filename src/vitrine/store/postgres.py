"""PostgreSQL: connections that notice when the server has gone, and errors that say what to do."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from vitrine.errors import (
    InputError,
    MissingExtraError,
    ShopError,
    ShopFormatError,
    ShopUnavailableError,
    VitrineError,
)
from vitrine.store.sqlite import BUSY_SECONDS, WRITE

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 120
IDLE_SECONDS = 300
POOL_SIZE, POOL_SECONDS = 8, 10

# A peer that is cut off is noticed: a lost server within six seconds, so that it is looked for
# anew, and a lost client within half a minute, so that what it has locked is free again.
_CLIENT = {
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
_SERVER = {
    "statement_timeout": STATEMENT_SECONDS * 1000,
    "lock_timeout": int(BUSY_SECONDS) * 1000,
    "idle_in_transaction_session_timeout": IDLE_SECONDS * 1000,
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
}


def open_postgres(url: URL, schema: str) -> Engine:
    """Return an engine on one schema of a PostgreSQL database; nothing is connected yet.

    Parameters
    ----------
    url : sqlalchemy.URL
        Its query goes to libpq: ``sslmode``, ``sslrootcert`` and so on.
    schema : str
        Where the shop's tables are.

    Raises
    ------
    MissingExtraError
        If psycopg is not installed.
    """
    if find_spec("psycopg") is None:
        raise MissingExtraError("a shop in PostgreSQL", "postgres")
    settings = {"search_path": schema} | _SERVER
    options = [f"-c {name}={value}" for name, value in settings.items()]
    given = {name: value for name, value in _CLIENT.items() if name not in url.query}
    own = url.query.get("options", "")
    engine = create_engine(
        url.difference_update_query(["options"]).set(drivername="postgresql+psycopg"),
        connect_args=given | {"options": " ".join([*([own] if isinstance(own, str) else own),
                                                   *options])},
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        pool_timeout=POOL_SECONDS,
    )  # fmt: skip
    digest = hashlib.blake2b(f"vitrine {schema}".encode(), digest_size=8).digest()
    lock = int.from_bytes(digest, "big", signed=True)

    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITE, False):
            # One writer at a time, held until its commit is visible: so a change number is never
            # seen before the one below it.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({lock})")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    event.listen(engine, "begin", begin)
    event.listen(engine, "connect", _send_large_results_as_they_are)
    return engine


def _send_large_results_as_they_are(connection: Any, _: object) -> None:
    """Have what is read piece by piece sent in binary: vectors as text are twice as long."""
    from psycopg import ServerCursor
    from psycopg.pq import Format

    class BinaryCursor(ServerCursor[Any]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.format = Format.BINARY

    connection.server_cursor_factory = BinaryCursor


def explain_postgres(error: DBAPIError, where: str) -> VitrineError:
    """Return an error of the database as one that says what to do."""
    reason = " ".join(str(error.orig).split())
    code = str(getattr(error.orig, "sqlstate", None) or "")
    if code == "55P03":
        return ShopError(
            f"{where}: another process has been writing for {BUSY_SECONDS:.0f} s; try again"
        )
    if code.startswith("53"):
        return ShopError(
            f"{where}: cannot write ({reason}); everything committed so far is kept: make room "
            "on the database's machine and run the command again"
        )
    if code in ("42501", "25006"):
        return ShopError(
            f"{where}: cannot be opened for this ({reason}); check the user's rights there"
        )
    if code == "57014":
        return ShopError(f"{where}: the database took over {STATEMENT_SECONDS} s; try again")
    if code.startswith("42"):
        return ShopFormatError(f"{where}: not a shop's tables, or damaged ({reason})")
    if code.startswith("22") or type(error.orig).__name__ == "DataError":
        return InputError(f"{where}: PostgreSQL cannot keep a value that was given ({reason})")
    if code.startswith("23"):
        return ShopError(f"{where}: {reason}; another process may have written the same, try again")
    return ShopUnavailableError(
        f"{where}: the database cannot be reached ({reason}); see that it runs and lets this user "
        "in, then try again"
    )
