"""A shop moved to another place, between folders and databases, and compared row by row."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any

from sqlalchemy import Column, Connection, Select, String, Table, func, insert, select, text

from vitrine.errors import ShopError, ShopExistsError
from vitrine.progress import task
from vitrine.store.database import reading, writing
from vitrine.store.place import Place
from vitrine.store.state import read_state
from vitrine.store.store import Store
from vitrine.store.tables import ONLY, metadata, tables_of
from vitrine.store.words import fill_words

ROWS_A_CHUNK = 1_000

_Row = tuple[Any, ...]


@dataclass
class Moved:
    """What was copied, and compared afterwards.

    Attributes
    ----------
    rows : dict of str to int
        By table.
    files : int
        Pictures that the shop keeps itself.
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: int = 0


def copy_shop(source: Place, target: Place) -> Moved:
    """Copy a shop to another place as it is at this moment; others may go on using it.

    Every row is read back from the target and compared with the source's before the copy appears
    there; it appears whole or not at all. Change numbers are kept.

    Raises
    ------
    ShopNotFoundError
        If there is no shop at `source`.
    ShopExistsError
        If there is something at `target` already.
    ShopError
        If a row is not the same there.
    """
    store = Store.open(source)
    try:
        if target.exists():
            raise ShopExistsError(f"{target}: there is a shop already; remove {target.what} first")
        target.check_free()
        with target.appearing() as place:
            return _fill(store, place)
    finally:
        store.close()


def _fill(source: Store, target: Place) -> Moved:
    engine = target.open_engine()
    try:
        with reading(source.engine) as old, writing(engine) as new:
            read_state(old)  # says so if another version of Vitrine wrote it
            target.prepare(new)
            metadata.create_all(new, tables_of(new))
            moved = _copy_rows(old, new)
            for name in source.kept.names():
                target.keep(new, name, source.kept.read(name))
                moved.files += 1
            fill_words(new)
            _compare(old, new, moved)
    finally:
        engine.dispose()
    return moved


def _copy_rows(old: Connection, new: Connection) -> Moved:
    moved = Moved()
    with task("copying", _count(old)) as progress:
        for table in _common():
            moved.rows[table.name], names = 0, table.columns.keys()
            for rows in _chunks(old, table):
                new.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
                moved.rows[table.name] += len(rows)
                progress.advance(len(rows))
            for key in table.primary_key:
                if key.autoincrement is True:
                    _go_on_after(new, key, _highest(old, key))
    return moved


def _compare(old: Connection, new: Connection, moved: Moved) -> None:
    with task("comparing", sum(moved.rows.values())) as progress:
        for table in _common():
            with closing(_chunks(old, table)) as here, closing(_chunks(new, table)) as there:
                for ours, theirs in zip_longest(here, there):
                    if ours != theirs:
                        raise _other(table, ours or [], theirs or [])
                    progress.advance(len(ours))


def _other(table: Table, ours: Sequence[_Row], theirs: Sequence[_Row]) -> ShopError:
    """Return the error that names the first row that is not the same."""
    row = next(one or other for one, other in zip_longest(ours, theirs) if one != other)
    values = dict(zip(table.columns.keys(), row, strict=True))
    key = {column.name: values[column.name] for column in table.primary_key}
    return ShopError(
        f"the row {key} of the table {table.name} is another one after copying; nothing is kept "
        "of the copy: look the source through with vitrine check, then copy again"
    )


def _common() -> list[Table]:
    """Return the tables that a shop has at any place, each after those it refers to."""
    return [table for table in metadata.sorted_tables if ONLY not in table.info]


def _count(connection: Connection) -> int:
    tables = _common()
    return sum(connection.scalar(select(func.count()).select_from(one)) or 0 for one in tables)


def _chunks(connection: Connection, table: Table) -> Generator[list[_Row]]:
    query = _in_order(connection, table).execution_options(yield_per=ROWS_A_CHUNK)
    with connection.execute(query) as result:
        for rows in result.partitions():
            yield [tuple(row) for row in rows]


def _in_order(connection: Connection, table: Table) -> Select[Any]:
    # By its bytes, as SQLite orders text; other databases have languages of their own.
    plain = connection.dialect.name != "sqlite"
    return select(table).order_by(
        *(
            column.collate("C") if plain and isinstance(column.type, String) else column
            for column in table.primary_key
        )
    )


def _highest(connection: Connection, key: Column[Any]) -> int:
    """Return the highest number that a table has ever given, or has now where that is unknown."""
    there = int(connection.scalar(select(func.max(key))) or 0)
    name = {"name": key.table.name}
    if connection.dialect.name == "sqlite":
        if not key.table.dialect_options["sqlite"]["autoincrement"]:
            return there
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return max(there, int(connection.scalar(query, name) or 0))
    sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:name, :key)"),
                                 name | {"key": key.name})  # fmt: skip
    used = connection.execute(text(f"SELECT last_value, is_called FROM {sequence}")).one()  # noqa: S608 - the database's own name
    return max(there, int(used.last_value) if used.is_called else 0)


def _go_on_after(connection: Connection, key: Column[Any], number: int) -> None:
    """Let a table count on from a number, so that none is given twice."""
    if number == 0:
        return
    name = {"name": key.table.name, "number": number}
    if connection.dialect.name == "sqlite":
        if key.table.dialect_options["sqlite"]["autoincrement"]:
            connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), name)
            connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :number)"), name)
        return
    query = text("SELECT setval(pg_get_serial_sequence(:name, :key), :number)")
    connection.execute(query, name | {"key": key.name})
