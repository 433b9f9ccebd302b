"""Tables that only a shop on PostgreSQL has: what other shops keep in files or SQLite's search."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, String, Table
from sqlalchemy.dialects.postgresql import TSVECTOR

from vitrine.store.tables import KEY, ONLY, metadata

kept_files = Table(
    "kept_files",
    metadata,
    Column("name", String, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    info={ONLY: "postgresql"},
)

item_words = Table(
    "item_words",
    metadata,
    Column("item_code", KEY, ForeignKey("items.code", ondelete="CASCADE"), primary_key=True),
    Column("words", TSVECTOR, nullable=False),
    Index("ix_item_words_words", "words", postgresql_using="gin"),
    info={ONLY: "postgresql"},
)
