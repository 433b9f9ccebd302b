"""A database copied while others read and write it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from vitrine.errors import ShopError
from vitrine.files import no_room


def copy_database(source: Path, target: Path) -> None:
    """Copy an SQLite database as it is at this moment, by SQLite's own online backup.

    Raises
    ------
    DiskFullError
        If there is no room for the copy.
    ShopError
        If it cannot be read, or the copy cannot be written.
    """
    try:
        with (
            closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            old.backup(new)  # all in one step: one state, and in WAL mode no writer waits
    except sqlite3.Error as error:
        if any(words in str(error) for words in ("disk is full", "disk I/O")):
            raise no_room(target) from error
        raise ShopError(f"{source}: cannot be copied to {target} ({error})") from error
