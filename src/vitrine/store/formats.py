"""Format versions: what is missing in an older shop's database is added when it is opened.

Version 1 held items, vectors and encoders. Version 2 added tables (ratings, words to search for)
and changed none, so an older database lacks tables and nothing else.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, inspect, select, update

from vitrine.errors import ShopFormatError
from vitrine.store.database import reading, writing
from vitrine.store.tables import FORMAT_VERSION, metadata, shop, tables_of

OLDEST_VERSION = 1


def bring_up_to_date(engine: Engine) -> None:
    """Add what a database of an older version lacks; do nothing to one that lacks nothing.

    Raises
    ------
    ShopFormatError
        If it is of a newer version, or no shop's.
    """
    with reading(engine) as connection:
        if check_version(connection) == FORMAT_VERSION and not _missing(connection):
            return
    with writing(engine) as connection:
        metadata.create_all(connection, tables_of(connection))
        connection.execute(update(shop).values(format_version=FORMAT_VERSION))


def check_version(connection: Connection) -> int:
    """Return the database's format version.

    Raises
    ------
    ShopFormatError
        If this Vitrine cannot read it.
    """
    # The version first, alone: another format may have other columns.
    version = connection.scalar(select(shop.c.format_version))
    if version is None or not OLDEST_VERSION <= version <= FORMAT_VERSION:
        raise ShopFormatError(
            f"the shop is of format {version}, this Vitrine reads {OLDEST_VERSION} to "
            f"{FORMAT_VERSION}; open it with the version of Vitrine that made it"
        )
    return int(version)


def _missing(connection: Connection) -> bool:
    wanted = {table.name for table in tables_of(connection)}
    return bool(wanted - set(inspect(connection).get_table_names()))
