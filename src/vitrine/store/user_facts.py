"""What is known of users besides their ratings, inside a transaction that somebody else holds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from vitrine.store.database import upsert
from vitrine.store.rating_rows import Facts, UserFacts, Written
from vitrine.store.rating_tables import raters, user_facts
from vitrine.store.rating_writes import codes_of
from vitrine.store.state import IDS_A_QUERY, chunked


def put_facts(connection: Connection, facts: Mapping[str, Facts]) -> Written:
    """Insert what is known of users, or replace all that was known of them."""
    codes = codes_of(connection, raters, "user_id", list(facts), {})
    there = _existing(connection, list(codes.values()))
    rows = [
        {"user_code": codes[user], "attributes": dict(attributes)}
        for user, attributes in facts.items()
        if there.get(codes[user]) != attributes
    ]
    if rows:
        statement = upsert(connection, user_facts)
        kept = {"attributes": statement.excluded.attributes}
        connection.execute(
            statement.on_conflict_do_update(index_elements=["user_code"], set_=kept), rows
        )
    added = len(facts) - len(there)
    return Written(added, len(rows) - added, len(facts) - len(rows))


def read_facts(connection: Connection) -> UserFacts:
    """Return what is known of all users."""
    query = select(user_facts.c.user_code, user_facts.c.attributes).order_by(user_facts.c.user_code)
    rows = connection.execute(query).all()
    return UserFacts([int(row.user_code) for row in rows], [row.attributes for row in rows])


def facts_of(connection: Connection, user_id: str) -> Facts:
    """Return what is known of one user."""
    query = select(user_facts.c.attributes).join_from(user_facts, raters)
    found = connection.scalar(query.where(raters.c.user_id == user_id))
    return dict(found or {})


def _existing(connection: Connection, codes: list[int]) -> dict[int, Facts]:
    query = select(user_facts.c.user_code, user_facts.c.attributes)
    return {
        int(code): attributes
        for some in chunked(codes, IDS_A_QUERY)
        for code, attributes in connection.execute(query.where(user_facts.c.user_code.in_(some)))
    }
