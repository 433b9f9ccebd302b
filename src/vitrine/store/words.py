"""The words of items in PostgreSQL's full-text search, which the writer of an item keeps up.

SQLite has triggers for this (`vitrine.store.search`). Here the words are taken apart by Python, so
that they are the same whatever language and collation the server was set up with.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Connection, String, bindparam, cast, delete, func, insert, select

from vitrine.store.shared_tables import item_words
from vitrine.store.tables import items

MAX_LETTERS, MAX_ITEM_WORDS = 200, 5_000  # PostgreSQL takes 2,046 bytes a word, 1 MB an item
FILL_ROWS = 2_000

_LEXEMES = func.array_to_tsvector(cast(bindparam("of_item"), ARRAY(String)))


def words_of(texts: Iterable[str]) -> list[str]:
    """Return the different words of some texts: letters and digits, small, without accents."""
    found: dict[str, None] = {}
    for written in texts:
        plain = unicodedata.normalize("NFKD", written.casefold())
        plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
        found |= dict.fromkeys(re.findall(r"[^\W_]+", plain))
    return [word[:MAX_LETTERS] for word in found][:MAX_ITEM_WORDS]


def put_words(
    connection: Connection, rows: Sequence[Mapping[str, Any]], codes: Mapping[str, int]
) -> None:
    """Write the words of items given as rows of the table `items`; nothing on SQLite."""
    if connection.dialect.name != "postgresql" or not rows:
        return
    numbers = [codes[row["item_id"]] for row in rows]
    connection.execute(delete(item_words).where(item_words.c.item_code.in_(numbers)))
    values = [
        {"code": codes[row["item_id"]], "of_item": _words(row["item_id"], row["attributes"])}
        for row in rows
    ]
    statement = insert(item_words).values(item_code=bindparam("code"), words=_LEXEMES)
    connection.execute(statement, values)


def fill_words(connection: Connection) -> None:
    """Write the words of all items that have none, as after a copy; nothing on SQLite."""
    if connection.dialect.name != "postgresql":
        return
    query = (
        select(items.c.code, items.c.item_id, items.c.attributes)
        .select_from(items.outerjoin(item_words, item_words.c.item_code == items.c.code))
        .where(item_words.c.item_code.is_(None))
        .order_by(items.c.code)
        .limit(FILL_ROWS)
    )
    while rows := connection.execute(query).all():
        codes = {row.item_id: row.code for row in rows}
        put_words(connection, [row._asdict() for row in rows], codes)


def _words(item_id: str, attributes: Mapping[str, Any]) -> list[str]:
    return words_of([item_id, *(text for text in attributes.values() if isinstance(text, str))])
