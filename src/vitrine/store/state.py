"""The one row that says what a shop is, and the artifacts that it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection, insert, select, update

from vitrine.store.formats import check_version
from vitrine.store.rows import ShopState
from vitrine.store.tables import artifact_files, artifacts, shop

T = TypeVar("T")
IDS_A_QUERY = 5_000  # SQLite allows 32,766 variables in one statement, PostgreSQL 65,535


def read_state(connection: Connection) -> ShopState:
    """Return the row that says what the shop is, as this transaction sees it."""
    check_version(connection)
    row = connection.execute(select(shop)).one()
    return ShopState(
        int(row.change_number), row.encoder_id, bool(row.ready), row.attributes, row.settings
    )


def next_change(connection: Connection) -> int:
    """Count the change number up, and return it."""
    # Writers queue for the write lock, so change numbers follow the order of commits.
    connection.execute(update(shop).values(change_number=shop.c.change_number + 1))
    return int(connection.scalar(select(shop.c.change_number)) or 0)


def insert_artifact(connection: Connection, kind: str, files: Mapping[str, bytes]) -> int:
    """Store an artifact's files and return its id."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    result = connection.execute(insert(artifacts).values(kind=kind, created=created))
    [artifact_id] = result.inserted_primary_key or [0]
    rows = [
        {"artifact_id": artifact_id, "name": name, "content": content}
        for name, content in files.items()
    ]
    connection.execute(insert(artifact_files), rows)
    return int(artifact_id)


def chunked(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield slices of at most `size` values."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
