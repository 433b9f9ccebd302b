"""The tables of ratings: who, what, and how much; in the metadata of the shop's other tables."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, ForeignKey, Integer, String, Table

from vitrine.store.tables import KEY, metadata

# A user's id stands here alone, so that removing this row leaves nothing that leads to the person;
# a code is never given twice.
raters = Table(
    "raters",
    metadata,
    Column("code", KEY, primary_key=True, autoincrement=True),
    Column("user_id", String, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

# What else is known of a user; goes with the user's row above.
user_facts = Table(
    "user_facts",
    metadata,
    Column("user_code", KEY, ForeignKey("raters.code", ondelete="CASCADE"), primary_key=True),
    Column("attributes", JSON, nullable=False),  # name → value
)

# Items that were ever rated, in the catalogue or not, with sums that every write keeps up.
rated_items = Table(
    "rated_items",
    metadata,
    Column("code", KEY, primary_key=True, autoincrement=True),
    Column("item_id", String, nullable=False, unique=True),
    Column("n_ratings", BigInteger, nullable=False),
    Column("total", Float, nullable=False),  # sum of the ratings
    Column("change_number", BigInteger, nullable=False, index=True),
)

interactions = Table(
    "interactions",
    metadata,
    Column("user_code", KEY, ForeignKey("raters.code", ondelete="CASCADE"), primary_key=True),
    Column("item_code", KEY, ForeignKey("rated_items.code"), primary_key=True),
    Column("value", Float, nullable=False),
    Column("timestamp", BigInteger),  # seconds since 1970
    Column("change_number", BigInteger, nullable=False),
    sqlite_with_rowid=False,  # one user's ratings lie side by side
)

rating_state = Table(
    "rating_state",
    metadata,
    Column("id", Integer, primary_key=True),  # always 1
    Column("feedback", String, nullable=False),  # explicit or implicit
    Column("change_number", BigInteger, nullable=False),  # of the last write of ratings
    Column("model_id", KEY),  # artifacts.id; empty until a model is fitted
    Column("model_change_number", BigInteger),  # of the ratings that it was fitted on
)
