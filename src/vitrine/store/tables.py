"""The tables, in SQLAlchemy Core, so that SQLite and PostgreSQL hold the same."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

FORMAT_VERSION = 2
"""2 added ratings and the words to search for; see `vitrine.store.formats`."""

# SQLite counts up by itself only in a column that it calls INTEGER.
KEY = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData()

ONLY = "vitrine_only"
"""In a table's info: the one kind of database that has it."""

shop = Table(
    "shop",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("format_version", Integer, nullable=False),
    Column("change_number", BigInteger, nullable=False),
    Column("encoder_id", KEY),  # artifacts.id; empty until the encoder is fitted
    Column("ready", Integer, nullable=False),  # 0 while `create` is under way
    Column("attributes", JSON, nullable=False),  # name → type
    Column("settings", JSON, nullable=False),  # what `create` was asked for
)

artifacts = Table(
    "artifacts",
    metadata,
    Column("id", KEY, primary_key=True, autoincrement=True),
    Column("kind", String, nullable=False),
    Column("created", String, nullable=False),  # ISO 8601, UTC
)

artifact_files = Table(
    "artifact_files",
    metadata,
    Column("artifact_id", KEY, ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

items = Table(
    "items",
    metadata,
    Column("code", KEY, primary_key=True, autoincrement=True),
    Column("item_id", String, nullable=False, unique=True),
    Column("change_number", BigInteger, nullable=False, index=True),
    Column("pictures", JSON, nullable=False),  # [[path, row or null], …]
    Column("pictures_fingerprint", String, nullable=False),
    Column("attributes", JSON, nullable=False),
)

vectors = Table(
    "vectors",
    metadata,
    Column("item_code", KEY, ForeignKey("items.code", ondelete="CASCADE"), primary_key=True),
    Column("encoder_id", KEY, ForeignKey("artifacts.id", ondelete="CASCADE"), primary_key=True),
    Column("vector", LargeBinary, nullable=False),  # float32, little-endian
)

thumbnails = Table(
    "thumbnails",
    metadata,
    Column("item_code", KEY, ForeignKey("items.code", ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

deletions = Table(
    "deletions",
    metadata,
    Column("item_id", String, primary_key=True),
    Column("change_number", BigInteger, nullable=False, index=True),
)


def tables_of(connection: Connection) -> list[Table]:
    """Return the tables that a shop has in this kind of database, each after those it refers to."""
    kind = connection.dialect.name
    return [table for table in metadata.sorted_tables if table.info.get(ONLY, kind) == kind]
