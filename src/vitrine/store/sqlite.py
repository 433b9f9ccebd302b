"""SQLite: opening the file so that nothing acknowledged is lost and readers never wait."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from vitrine.errors import DiskFullError, ShopError, ShopFormatError

WRITE = "vitrine_write"
"""The execution option of a connection that is about to write."""

BUSY_SECONDS = 30.0


def open_sqlite(path: Path) -> Engine:
    """Return an engine on the SQLite file at `path`, which is made where it is missing.

    WAL lets readers go on while one process writes; ``synchronous=FULL`` makes a committed batch
    survive a power cut; a writer waits up to 30 seconds for another one.
    """
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def explain_sqlite(error: DBAPIError, where: str) -> ShopError:
    """Return an error of the database as one that says what to do."""
    reason = str(error.orig)
    if "locked" in reason or "busy" in reason:
        return ShopError(
            f"{where}: another process has been writing for {BUSY_SECONDS:.0f} s; try again"
        )
    if "full" in reason or "disk I/O" in reason:
        return DiskFullError(
            f"{where}: cannot write ({reason}); everything committed so far is kept: make room "
            "on the disk and run the command again"
        )
    if "readonly" in reason or "unable to open" in reason:
        return ShopError(f"{where}: cannot be opened for this ({reason}); check its permissions")
    return ShopFormatError(f"{where}: not a shop's database, or damaged ({reason})")


def _prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, not implicitly
    # What is deleted is overwritten: a user who is forgotten leaves no bytes behind.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # A writer takes the lock at once: a transaction that read first could not be made to wait.
    writing = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
