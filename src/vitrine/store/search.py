"""Words to items: the database's own full-text search, or plain comparison where it has none.

SQLite's FTS5 (https://sqlite.org/fts5.html) keeps a table of words that triggers on the table of
items keep up, so that whoever writes items, in whatever process, keeps it right in the same
transaction. PostgreSQL's (https://www.postgresql.org/docs/current/textsearch.html) has an index of
words that `vitrine.store.items` writes with each item.
"""

from __future__ import annotations

import json
import re
from typing import Protocol

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    cast,
    delete,
    func,
    literal,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from vitrine.store.database import reading, writing
from vitrine.store.shared_tables import item_words
from vitrine.store.store import Store
from vitrine.store.tables import items
from vitrine.store.words import fill_words, words_of

MAX_WORDS = 32

# TEXT_OF(row) stands for what `_written_out` makes of it.
_MAKE = (
    """
    CREATE VIRTUAL TABLE item_words USING fts5(
        item_id, words, tokenize = "unicode61 remove_diacritics 2", prefix = '2 3'
    )
    """,
    """
    INSERT INTO item_words (rowid, item_id, words)
    SELECT code, item_id, TEXT_OF(items) FROM items
    """,
    """
    CREATE TRIGGER item_words_insert AFTER INSERT ON items BEGIN
        INSERT INTO item_words (rowid, item_id, words)
        VALUES (new.code, new.item_id, TEXT_OF(new));
    END
    """,
    """
    CREATE TRIGGER item_words_update AFTER UPDATE OF item_id, attributes ON items BEGIN
        UPDATE item_words SET item_id = new.item_id, words = TEXT_OF(new) WHERE rowid = new.code;
    END
    """,
    """
    CREATE TRIGGER item_words_delete AFTER DELETE ON items BEGIN
        DELETE FROM item_words WHERE rowid = old.code;
    END
    """,
)
_MATCH = text("SELECT item_id FROM item_words WHERE item_words MATCH :words ORDER BY rank, rowid")


class TextSearch(Protocol):
    """Finds items by words."""

    def find(self, connection: Connection, words: list[str]) -> list[str]:
        """Return the ids of the items that have all words, the best first."""


class Fts5Search:
    """SQLite's full-text search: whole words, the last one also as a beginning; best is BM25's."""

    def find(self, connection: Connection, words: list[str]) -> list[str]:
        """Return the ids of the items that have all words, the best first."""
        quoted = " ".join(f'"{word}"' for word in words) + "*"
        return list(connection.scalars(_MATCH, {"words": quoted}))


class TsvectorSearch:
    """PostgreSQL's: as SQLite's, but best is what has the fewest words besides."""

    def find(self, connection: Connection, words: list[str]) -> list[str]:
        """Return the ids of the items that have all words, the best first."""
        *whole, begun = words_of([" ".join(words)]) or [""]
        asked = cast(" & ".join([*whole, f"{begun}:*"]), TSQUERY)
        query = (
            select(items.c.item_id)
            .join_from(items, item_words)
            .where(item_words.c.words.bool_op("@@")(asked))
            .order_by(func.length(item_words.c.words), items.c.code)
        )
        return list(connection.scalars(query)) if begun else []


class LikeSearch:
    """Any database: the words anywhere in the id or the attributes, in the items' order."""

    def find(self, connection: Connection, words: list[str]) -> list[str]:
        """Return the ids of the items that have all words, in the order they came."""
        query = select(items.c.item_id).order_by(items.c.code)
        for word in words:
            in_json = json.dumps(word)[1:-1]  # as the column has it, é as \\u00e9
            query = query.where(
                or_(
                    items.c.item_id.icontains(word, autoescape=True),
                    cast(items.c.attributes, String).icontains(in_json, autoescape=True),
                )
            )
        return list(connection.scalars(query))


def search_items(store: Store, words: str) -> list[str]:
    """Return the ids of the items that have all of some words in their id or their text.

    An item whose id is exactly what was asked for comes first.

    Parameters
    ----------
    store : Store
    words : str
        As a person types them; at most the first 32 count.
    """
    asked = words.replace("\0", " ").strip()  # which PostgreSQL would refuse
    parts = re.findall(r"\w+", asked)[:MAX_WORDS]
    with reading(store.engine) as connection:
        exact = list(connection.scalars(select(literal(asked)).where(_there(asked))))
        found = _method(connection).find(connection, parts) if parts else []
    return exact + [item_id for item_id in found if item_id not in exact]


def prepare_search(store: Store) -> bool:
    """Make the table of words where the database can have one; return whether it has.

    Once made it is kept up by the database itself. A shop without it is searched all the same, by
    comparing every item.
    """
    if store.engine.dialect.name == "postgresql":
        return True  # made with the shop
    with reading(store.engine) as connection:
        if has_words(connection):
            return True
        options = set(connection.scalars(text("PRAGMA compile_options")))
    if "ENABLE_FTS5" not in options:
        return False
    with writing(store.engine) as connection:
        if not has_words(connection):  # another process may have made it meanwhile
            for statement in _MAKE:
                connection.exec_driver_sql(_written_out(statement))
    return True


def _written_out(statement: str) -> str:
    """Write out what the text of a row is: every attribute that is text, one after the other."""
    return re.sub(
        r"TEXT_OF\((\w+)\)",
        r"(SELECT coalesce(group_concat(value, ' '), '') FROM json_each(\1.attributes) "
        r"WHERE type = 'text')",
        statement,
    )


def _there(item_id: str) -> ColumnElement[bool]:
    return select(items.c.code).where(items.c.item_id == item_id).exists()


def _method(connection: Connection) -> TextSearch:
    if connection.dialect.name == "postgresql":
        return TsvectorSearch()
    return Fts5Search() if has_words(connection) else LikeSearch()


def remake_words(store: Store) -> None:
    """Make the table of words anew from the items; whoever searches meanwhile waits."""
    with writing(store.engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(delete(item_words))
            fill_words(connection)
        elif has_words(connection):
            for name in ("insert", "update", "delete"):
                connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS item_words_{name}")
            connection.exec_driver_sql("DROP TABLE item_words")
            for statement in _MAKE:
                connection.exec_driver_sql(_written_out(statement))


def has_words(connection: Connection) -> bool:
    """Tell whether SQLite has been given the table of words."""
    found = connection.scalar(text("SELECT 1 FROM sqlite_master WHERE name = 'item_words'"))
    return found is not None
