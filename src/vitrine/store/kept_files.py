"""Files that a shop keeps beside its tables, by name, such as ``pictures/3f/3f….jpg``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, select

from vitrine.errors import ShopError
from vitrine.files import flush_to_disk, is_disk_full, no_room
from vitrine.store.database import reading, upsert, writing
from vitrine.store.rows import PICTURES_NAME
from vitrine.store.shared_tables import kept_files

FILES_A_QUERY = 16


class KeptFiles(Protocol):
    """A shop's own files. Their names use ``/`` and are relative to its folder."""

    def put(self, name: str, content: bytes) -> None:
        """Keep a file; one of that name is the same file already."""

    def bring(self, names: Iterable[str]) -> None:
        """See that files lie in the shop's folder on this machine, those that there are."""

    def names(self) -> Iterator[str]:
        """Yield the names of all files, in order."""

    def read(self, name: str) -> bytes:
        """Return a file's content."""


class FilesInFolder:
    """The files of a shop that is a folder lie in it.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, content: bytes) -> None:
        """Write a file so that it is there whole or not at all, whatever happens in between.

        Raises
        ------
        DiskFullError
            If there is no room for it.
        ShopError
            If it cannot be written for another reason.
        """
        path = self._folder / name
        try:
            if not path.is_file():
                _write(path, content)
        except OSError as error:
            if is_disk_full(error):
                raise no_room(path) from error
            raise ShopError(f"{path}: the picture cannot be kept ({error.strerror})") from error

    def bring(self, names: Iterable[str]) -> None:
        """Do nothing: they are here."""

    def names(self) -> Iterator[str]:
        """Yield the names of all files, in order."""
        there = (self._folder / PICTURES_NAME).glob("*/[!.]*")
        yield from sorted(path.relative_to(self._folder).as_posix() for path in there)

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        return (self._folder / name).read_bytes()


class FilesInDatabase:
    """The files of a shop that several machines share lie in its database.

    Each machine has copies of those that it has needed in a folder of its own.

    Parameters
    ----------
    engine : sqlalchemy.Engine
    folder : Path
        This machine's, may be emptied at any time.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._copies = FilesInFolder(folder)
        self._folder = folder

    def put(self, name: str, content: bytes) -> None:
        """Store a file, and lay it into this machine's folder too."""
        with writing(self._engine) as connection:
            store_file(connection, name, content)
        self._copies.put(name, content)

    def bring(self, names: Iterable[str]) -> None:
        """Copy the files that this machine has not yet from the database."""
        missing = [name for name in names if not (self._folder / name).is_file()]
        for start in range(0, len(missing), FILES_A_QUERY):
            self._fetch(missing[start : start + FILES_A_QUERY])

    def names(self) -> Iterator[str]:
        """Yield the names of all files, in order."""
        with reading(self._engine) as connection:
            yield from sorted(connection.scalars(select(kept_files.c.name)))

    def read(self, name: str) -> bytes:
        """Return a file's content."""
        with reading(self._engine) as connection:
            query = select(kept_files.c.content).where(kept_files.c.name == name)
            return bytes(connection.execute(query).scalar_one())

    def _fetch(self, names: Sequence[str]) -> None:
        query = select(kept_files.c.name, kept_files.c.content)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(kept_files.c.name.in_(names))).all()
        for row in rows:
            self._copies.put(row.name, bytes(row.content))


def store_file(connection: Connection, name: str, content: bytes) -> None:
    """Store a file in a database that holds them; one of that name is the same file already."""
    statement = upsert(connection, kept_files).values(name=name, content=content)
    connection.execute(statement.on_conflict_do_nothing())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        flush_to_disk(path.parent)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
