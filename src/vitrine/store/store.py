"""Reading and writing a shop's tables; each write is one transaction and one change number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, delete, func, insert, inspect, select, update
from sqlalchemy.dialects import postgresql, sqlite

from vitrine.catalogue.attributes import widen_schema
from vitrine.catalogue.items import AttributeType, PictureRef
from vitrine.errors import (
    EncoderReplacedError,
    ShopExistsError,
    ShopNotFoundError,
    UnknownItemError,
)
from vitrine.store import tables
from vitrine.store.database import open_sqlite, reading, writing
from vitrine.store.formats import bring_up_to_date, check_version
from vitrine.store.rows import (
    Change,
    ItemChunk,
    ShopState,
    StoredItem,
    item_row,
    reference,
    to_matrix,
    typed,
)
from vitrine.store.tables import artifact_files, artifacts, deletions, items, shop, vectors

T = TypeVar("T")
IDS_A_QUERY = 5_000  # SQLite allows 32,766 variables in one statement
ROWS_A_CHUNK = 2_000


class Store:
    """A shop's database.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        See `create` and `open`.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = self._engine = engine
        dialect = {"sqlite": sqlite, "postgresql": postgresql}[engine.dialect.name]
        self._upsert = dialect.insert

    @property
    def folder(self) -> Path:
        """The shop's directory, absolute; what is kept in it is named from here."""
        return Path(self.engine.url.database or ".").resolve().parent

    @property
    def cache_folder(self) -> Path:
        """Where this machine may keep what it can make again; it need not be there yet."""
        return self.folder / "cache"

    @classmethod
    def create(cls, path: Path, settings: Mapping[str, Any]) -> Self:
        """Make the database of a new shop, not ready yet.

        Raises
        ------
        ShopExistsError
            If there is one already.
        """
        if cls.exists(path):
            raise ShopExistsError(f"{path.parent}: there is a shop already")
        store = cls(open_sqlite(path))
        with writing(store._engine) as connection:
            tables.metadata.create_all(connection)
            connection.execute(
                insert(shop).values(
                    id=1,
                    format_version=tables.FORMAT_VERSION,
                    change_number=0,
                    ready=0,
                    attributes={},
                    settings=dict(settings),
                )
            )
        return store

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the database of a shop.

        Raises
        ------
        ShopNotFoundError
            If there is none.
        ShopFormatError
            If it is no shop's, damaged, or of another format version.
        """
        if not cls.exists(path):
            raise ShopNotFoundError(
                f"{path.parent}: there is no shop; make one with: vitrine create {path.parent} "
                "SOURCE"
            )
        store = cls(open_sqlite(path))
        bring_up_to_date(store.engine)
        return store

    @classmethod
    def exists(cls, path: Path) -> bool:
        """Tell whether a shop's database lies at `path`.

        An empty one, left by a process that was killed as it began, is none.
        """
        if not path.is_file():
            return False
        store = cls(open_sqlite(path))
        try:
            with reading(store._engine) as connection:
                return bool(inspect(connection).get_table_names())
        finally:
            store.close()

    def close(self) -> None:
        """Let go of the database; nothing is pending, so nothing is lost without it."""
        self._engine.dispose()

    def state(self) -> ShopState:
        """Return what the shop is now."""
        with reading(self._engine) as connection:
            return read_state(connection)

    def change_number(self) -> int:
        """Return the number of the last write."""
        with reading(self._engine) as connection:
            return int(connection.scalar(select(shop.c.change_number)) or 0)

    def widen(self, attributes: Mapping[str, AttributeType]) -> dict[str, AttributeType]:
        """Add attributes to the shop's, and return all of them."""
        with writing(self._engine) as connection:
            old = read_state(connection).attributes
            widened = widen_schema(old, attributes)
            if widened != old:
                next_change(connection)
                connection.execute(update(shop).values(attributes=widened))
        return widened

    def set_ready(self) -> None:
        """Note that `create` has come to its end."""
        with writing(self._engine) as connection:
            connection.execute(update(shop).values(ready=1))

    def save_encoder(self, kind: str, files: Mapping[str, bytes]) -> int:
        """Store a fitted encoder's files, make it the shop's encoder, and return its id."""
        with writing(self._engine) as connection:
            encoder_id = insert_artifact(connection, kind, files)
            next_change(connection)
            connection.execute(update(shop).values(encoder_id=encoder_id))
        return encoder_id

    def artifact(self, artifact_id: int) -> dict[str, bytes]:
        """Return the files of one artifact by name."""
        query = select(artifact_files.c.name, artifact_files.c.content)
        with reading(self._engine) as connection:
            rows = connection.execute(query.where(artifact_files.c.artifact_id == artifact_id))
            return {name: bytes(content) for name, content in rows}

    def known(self, item_ids: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Return the pictures' fingerprint and the attributes (as JSON) of the items there are."""
        query = select(items.c.item_id, items.c.pictures_fingerprint, items.c.attributes)
        with reading(self._engine) as connection:
            return {
                row.item_id: (row.pictures_fingerprint, row.attributes)
                for ids in chunked(item_ids, IDS_A_QUERY)
                for row in connection.execute(query.where(items.c.item_id.in_(ids)))
            }

    def put(self, batch: Sequence[StoredItem], encoder_id: int) -> None:
        """Insert or replace items, all in one transaction.

        Parameters
        ----------
        batch : sequence of StoredItem
            Each id at most once.
        encoder_id : int
            The encoder that made the vectors.

        Raises
        ------
        EncoderReplacedError
            If the shop has another one by now; nothing is written.
        """
        if not batch:
            return
        with writing(self._engine) as connection:
            if read_state(connection).encoder_id != encoder_id:
                raise EncoderReplacedError("the shop has another encoder by now; do it again")
            number = next_change(connection)
            rows = [item_row(item, number, self.folder) for item in batch]
            self._put(connection, items, "item_id", rows)
            ids = [item.id for item in batch]
            connection.execute(delete(deletions).where(deletions.c.item_id.in_(ids)))
            found = connection.execute(
                select(items.c.item_id, items.c.code).where(items.c.item_id.in_(ids))
            )
            codes = {row.item_id: row.code for row in found}
            encoded = [item for item in batch if item.vector is not None]
            self._put_vectors(connection, encoded, codes, encoder_id)
            drop_stale_vectors(connection, [codes[item.id] for item in encoded], encoder_id)
            self._put_thumbnails(connection, encoded, codes)

    def remove(self, item_ids: Sequence[str]) -> int:
        """Delete items and return how many there were; ids that are not there are passed over."""
        removed = 0
        with writing(self._engine) as connection:
            number = next_change(connection)
            for ids in chunked(item_ids, IDS_A_QUERY):
                query = delete(items).where(items.c.item_id.in_(ids)).returning(items.c.item_id)
                gone = list(connection.scalars(query))
                rows = [{"item_id": item_id, "change_number": number} for item_id in gone]
                self._put(connection, deletions, "item_id", rows)
                removed += len(gone)
        return removed

    @contextmanager
    def changes(self, since: int, encoder_id: int | None) -> Iterator[Change]:
        """Open a view of what has changed after change number `since`.

        Everything is new to a caller whose `encoder_id` is not the shop's.
        """
        with reading(self._engine) as connection:
            state = read_state(connection)
            if state.encoder_id != encoder_id:
                since = -1
            gone = select(deletions.c.item_id).where(deletions.c.change_number > since)
            yield Change(
                state, list(connection.scalars(gone)), _item_chunks(connection, state, since)
            )

    def vectors(self, item_ids: Sequence[str], encoder_id: int) -> NDArray[np.float32]:
        """Return the vectors of items, float32 (n, d), in the order asked for.

        Parameters
        ----------
        item_ids : sequence of str
        encoder_id : int
            The encoder that made them: not always the one that the shop has by now.

        Raises
        ------
        UnknownItemError
            If one is not there, as when another process has removed it since it was seen.
        """
        query = select(items.c.item_id, vectors.c.vector).join_from(items, vectors)
        found: dict[str, bytes] = {}
        query = query.where(vectors.c.encoder_id == encoder_id)
        with reading(self._engine) as connection:
            for ids in chunked(item_ids, IDS_A_QUERY):
                rows = connection.execute(query.where(items.c.item_id.in_(ids)))
                found.update((row.item_id, row.vector) for row in rows)
        for item_id in item_ids:
            if item_id not in found:
                raise UnknownItemError(f"item {item_id!r} has just been removed; ask again")
        return to_matrix([found[item_id] for item_id in item_ids])

    def pictures(self, item_ids: Sequence[str]) -> dict[str, list[PictureRef]]:
        """Return where the pictures of items lie."""
        query = select(items.c.item_id, items.c.pictures)
        with reading(self._engine) as connection:
            return {
                row.item_id: [reference(path, place, self.folder) for path, place in row.pictures]
                for ids in chunked(item_ids, IDS_A_QUERY)
                for row in connection.execute(query.where(items.c.item_id.in_(ids)))
            }

    def thumbnails(self, item_ids: Sequence[str]) -> dict[str, bytes]:
        """Return the small pictures of those items that have one, as encoded bytes."""
        query = select(items.c.item_id, tables.thumbnails.c.content).join_from(
            items, tables.thumbnails
        )
        with reading(self._engine) as connection:
            return {
                row.item_id: bytes(row.content)
                for ids in chunked(item_ids, IDS_A_QUERY)
                for row in connection.execute(query.where(items.c.item_id.in_(ids)))
            }

    def count(self) -> int:
        """Return how many items there are."""
        with reading(self._engine) as connection:
            return int(connection.scalar(select(func.count()).select_from(items)) or 0)

    def _put(
        self, connection: Connection, table: Any, key: str, rows: list[dict[str, Any]]
    ) -> None:
        if not rows:
            return
        statement = self._upsert(table)
        fresh = {name: statement.excluded[name] for name in rows[0] if name != key}
        connection.execute(statement.on_conflict_do_update(index_elements=[key], set_=fresh), rows)

    def _put_vectors(
        self,
        connection: Connection,
        encoded: Sequence[StoredItem],
        codes: Mapping[str, int],
        encoder_id: int,
    ) -> None:
        rows = [
            {
                "item_code": codes[item.id],
                "encoder_id": encoder_id,
                "vector": np.asarray(item.vector, "<f4").tobytes(),
            }
            for item in encoded
        ]
        if not rows:
            return
        statement = self._upsert(vectors)
        statement = statement.on_conflict_do_update(
            index_elements=["item_code", "encoder_id"],
            set_={"vector": statement.excluded.vector},
        )
        connection.execute(statement, rows)

    def _put_thumbnails(
        self, connection: Connection, encoded: Sequence[StoredItem], codes: Mapping[str, int]
    ) -> None:
        stale = [codes[item.id] for item in encoded if item.thumbnail is None]
        if stale:
            table = tables.thumbnails
            connection.execute(delete(table).where(table.c.item_code.in_(stale)))
        rows = [
            {"item_code": codes[item.id], "content": item.thumbnail}
            for item in encoded
            if item.thumbnail is not None
        ]
        self._put(connection, tables.thumbnails, "item_code", rows)


def chunked(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield slices of at most `size` values."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def drop_stale_vectors(connection: Connection, codes: Sequence[int], encoder_id: int) -> None:
    """Delete the vectors that other encoders made of items whose pictures are new."""
    for some in chunked(codes, IDS_A_QUERY):
        connection.execute(
            delete(vectors).where(vectors.c.item_code.in_(some), vectors.c.encoder_id != encoder_id)
        )


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


def read_state(connection: Connection) -> ShopState:
    """Return the row that says what the shop is, as this transaction sees it."""
    check_version(connection)
    row = connection.execute(select(shop)).one()
    return ShopState(
        int(row.change_number), row.encoder_id, bool(row.ready), row.attributes, row.settings
    )


def next_change(connection: Connection) -> int:
    """Count the change number up, and return it."""
    # Updating the one row makes writers queue, so change numbers follow the order of commits.
    connection.execute(update(shop).values(change_number=shop.c.change_number + 1))
    return int(connection.scalar(select(shop.c.change_number)) or 0)


def _item_chunks(connection: Connection, state: ShopState, since: int) -> Iterator[ItemChunk]:
    query = (
        select(items.c.item_id, items.c.attributes, vectors.c.vector)
        .join_from(items, vectors)
        .where(vectors.c.encoder_id == state.encoder_id)
        .order_by(items.c.code)
    )
    if since > 0:
        query = query.where(items.c.change_number > since)
    result = connection.execution_options(yield_per=ROWS_A_CHUNK).execute(query)
    for rows in result.partitions():
        yield ItemChunk(
            [row.item_id for row in rows],
            [typed(row.attributes, state.attributes) for row in rows],
            to_matrix([row.vector for row in rows]),
        )
