"""Where a shop is: a folder of one machine, or a database that several machines share."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path
from sqlalchemy import URL, Connection, Engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError

from vitrine.errors import OptionError, ShopExistsError
from vitrine.files import flush_to_disk, room_for
from vitrine.store.database import DATABASE_NAME, NAME, reading
from vitrine.store.kept_files import FilesInDatabase, FilesInFolder, KeptFiles, store_file
from vitrine.store.postgres import open_postgres
from vitrine.store.sqlite import open_sqlite

DEFAULT_SCHEMA = "vitrine"
_IS_URL = re.compile(r"postgres(ql)?(\+psycopg)?:/", re.IGNORECASE)
_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class Place(ABC):
    """Where a shop is, made by `place_of`; written out, it is what messages call the shop.

    Whatever the place, a shop has tables in a database, a folder on this machine for the files
    that belong to it, and a name.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """What the shop is called."""

    @property
    @abstractmethod
    def what(self) -> str:
        """What somebody would remove to be rid of the shop."""

    @abstractmethod
    def open_engine(self) -> Engine:
        """Return an engine on the database, which need not be there yet."""

    @abstractmethod
    def exists(self) -> bool:
        """Tell whether there is a shop. What a process left that was killed early is none."""

    @abstractmethod
    def check_free(self) -> None:
        """See that a new shop would be alone here; there is none, as `exists` says.

        Raises
        ------
        ShopExistsError
            If there is something else.
        """

    @abstractmethod
    def prepare(self, connection: Connection) -> None:
        """Make what a new shop's tables need before they are made."""

    @abstractmethod
    def folder(self, engine: Engine) -> Path:
        """Return the shop's folder on this machine, absolute."""

    @abstractmethod
    def kept_files(self, engine: Engine, folder: Path) -> KeptFiles:
        """Return the files that the shop keeps beside its tables."""

    @abstractmethod
    def keep(self, connection: Connection, name: str, content: bytes) -> None:
        """Keep a file with what a transaction writes."""

    @abstractmethod
    def appearing(self) -> AbstractContextManager[Place]:
        """Give a place to make a whole shop at, which is here once the context ends well."""

    @abstractmethod
    def bytes_used(self, engine: Engine) -> int:
        """Return how much room the database takes."""


@dataclass(frozen=True)
class Folder(Place):
    """A folder with an SQLite database in it."""

    path: Path
    database: str = DATABASE_NAME

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.resolve().name

    @property
    def what(self) -> str:
        """The directory."""
        return "the directory"

    def open_engine(self) -> Engine:
        """Return an engine; the folder is made where it is missing."""
        self.path.mkdir(parents=True, exist_ok=True)
        return open_sqlite(self.path / self.database)

    def exists(self) -> bool:
        """Tell whether the database is there and has tables."""
        if not (self.path / self.database).is_file():
            return False
        engine = self.open_engine()
        try:
            with reading(engine) as connection:
                return bool(inspect(connection).get_table_names())
        finally:
            engine.dispose()

    def check_free(self) -> None:
        """See that the folder is missing or empty."""
        foreign = self.path.is_dir() and any(
            not entry.name.startswith(self.database) for entry in self.path.iterdir()
        )
        if foreign or (self.path.exists() and not self.path.is_dir()):
            raise ShopExistsError(
                f"{self}: not empty and not a shop; name a directory that does not exist yet"
            )

    def prepare(self, connection: Connection) -> None:
        """Do nothing: a file needs nothing."""

    def folder(self, engine: Engine) -> Path:
        """Return the folder itself."""
        return self.path.resolve()

    def kept_files(self, engine: Engine, folder: Path) -> KeptFiles:
        """Return the files in the folder."""
        return FilesInFolder(folder)

    def keep(self, connection: Connection, name: str, content: bytes) -> None:
        """Write the file into the folder."""
        FilesInFolder(self.path).put(name, content)

    @contextmanager
    def appearing(self) -> Iterator[Place]:
        """Give a folder beside this one, which gets this one's name at the end."""
        half = self.path.with_name(f"{self.path.name}.partial")
        shutil.rmtree(half, ignore_errors=True)
        try:
            with room_for(self.path):
                yield Folder(half, self.database)
                for left in self.path.glob(f"{self.database}*"):  # by a process killed early
                    left.unlink()
                os.replace(half, self.path)
                flush_to_disk(self.path.absolute().parent)
        finally:
            shutil.rmtree(half, ignore_errors=True)

    def bytes_used(self, engine: Engine) -> int:
        """Return the size of the database's files."""
        return sum(file.stat().st_size for file in self.path.glob(f"{self.database}*"))

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, repr=False)
class Database(Place):
    """A schema of a PostgreSQL database; this machine's folder holds copies only."""

    url: URL
    schema: str = DEFAULT_SCHEMA

    @property
    def name(self) -> str:
        """The schema's name, or the database's where the schema is the usual one."""
        return self.schema if self.schema != DEFAULT_SCHEMA else (self.url.database or self.schema)

    @property
    def what(self) -> str:
        """The schema, with all tables in it."""
        return f"the schema (DROP SCHEMA {self.schema} CASCADE)"

    def open_engine(self) -> Engine:
        """Return an engine; nothing is connected yet."""
        engine = open_postgres(self.url, self.schema)
        engine.update_execution_options(**{NAME: str(self)})
        return engine

    def exists(self) -> bool:
        """Tell whether the schema has a shop's tables."""
        return "shop" in self._tables()

    def check_free(self) -> None:
        """See that the schema is missing or empty."""
        if self._tables():
            raise ShopExistsError(
                f"{self}: the schema {self.schema!r} holds tables that are no shop's; name "
                "another with ?schema=NAME"
            )

    def prepare(self, connection: Connection) -> None:
        """Make the schema where it is missing."""
        there = text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
        if connection.scalar(there, {"name": self.schema}) is None:
            connection.execute(text(f"CREATE SCHEMA {self.schema}"))

    def folder(self, engine: Engine) -> Path:
        """Return a folder of this user's cache, another one for every shop that was ever here.

        It is made, if it can be.
        """
        with reading(engine) as connection:
            table = connection.scalar(text("SELECT CAST(CAST('shop' AS regclass) AS oid)"))
        digest = hashlib.sha256(f"{self} {table}".encode()).hexdigest()[:16]
        made = (user_cache_path("vitrine") / "shops" / f"{self.name}-{digest}").absolute()
        with suppress(OSError):  # where nothing can be kept, a shop can be served all the same
            made.mkdir(parents=True, exist_ok=True)
        return made

    def kept_files(self, engine: Engine, folder: Path) -> KeptFiles:
        """Return the files in the database."""
        return FilesInDatabase(engine, folder)

    def keep(self, connection: Connection, name: str, content: bytes) -> None:
        """Store the file in the same transaction."""
        store_file(connection, name, content)

    @contextmanager
    def appearing(self) -> Iterator[Place]:
        """Give this place: what a transaction writes appears at once."""
        yield self

    def bytes_used(self, engine: Engine) -> int:
        """Return what the schema's tables take, with their indexes."""
        query = text(
            "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = :name"
        )
        with reading(engine) as connection:
            return int(connection.scalar(query, {"name": self.schema}) or 0)

    def __str__(self) -> str:
        """Return the URL as it may be shown: without the password, and what else libpq is told."""
        shown = {name: said for name, said in self.url.query.items() if name in ("host", "port")}
        if self.schema != DEFAULT_SCHEMA:
            shown["schema"] = self.schema
        return self.url.set(query=shown).render_as_string(hide_password=True)

    def __repr__(self) -> str:
        return f"Database({self})"

    def _tables(self) -> set[str]:
        engine = self.open_engine()
        query = text("SELECT tablename FROM pg_tables WHERE schemaname = :name")
        try:
            with reading(engine) as connection:
                return set(connection.scalars(query, {"name": self.schema}))
        finally:
            engine.dispose()


PlaceLike = str | Path | Place
"""What `place_of` takes: a directory's path, a ``postgresql://`` URL, or a place."""


def place_of(where: PlaceLike) -> Place:
    """Return the place that a directory's path or a ``postgresql://`` URL means.

    Raises
    ------
    OptionError
        If it is a URL that cannot be read.
    """
    if isinstance(where, Place):
        return where
    if isinstance(where, Path) or not _IS_URL.match(where):
        return Folder(Path(where))
    try:
        url = make_url(where)
    except (ArgumentError, ValueError):  # their messages may repeat the password
        url = None
    if url is None or not url.database:
        raise OptionError(
            "a shop in PostgreSQL is named as postgresql://USER@HOST:PORT/DATABASE, with "
            "?schema=NAME where the database holds several"
        )
    schema = url.query.get("schema", DEFAULT_SCHEMA)
    if not isinstance(schema, str) or not _SCHEMA.fullmatch(schema):
        raise OptionError("?schema=NAME: one name of small letters, digits and _")
    kept = url.difference_update_query(["schema"]).set(drivername="postgresql")
    return Database(kept, schema)
