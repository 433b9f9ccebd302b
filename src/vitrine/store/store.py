"""Reading and writing a shop's tables; each write is one transaction and one change number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine, insert, select, update

from vitrine.catalogue.attributes import widen_schema
from vitrine.catalogue.items import AttributeType
from vitrine.errors import (
    EncoderReplacedError,
    ShopExistsError,
    ShopNotFoundError,
)
from vitrine.store.database import reading, writing
from vitrine.store.feed import read_changes
from vitrine.store.formats import bring_up_to_date
from vitrine.store.item_reads import ItemReads
from vitrine.store.items import (
    drop_stale_vectors,
    kept_pictures,
    put_rows,
    put_thumbnails,
    put_vectors,
    remove_items,
)
from vitrine.store.kept_files import KeptFiles
from vitrine.store.place import Folder, Place
from vitrine.store.rows import (
    Change,
    ShopState,
    StoredItem,
    item_row,
)
from vitrine.store.state import IDS_A_QUERY, chunked, insert_artifact, next_change, read_state
from vitrine.store.tables import (
    FORMAT_VERSION,
    artifact_files,
    metadata,
    shop,
    tables_of,
)


class Store(ItemReads):
    """A shop's database.

    Parameters
    ----------
    place : Place
        See `create` and `open`.

    Attributes
    ----------
    place : Place
    engine : sqlalchemy.Engine
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.engine: Engine = place.open_engine()

    @cached_property
    def folder(self) -> Path:
        """The shop's directory, absolute; what is kept in it is named from here.

        Of a shop that several machines share it is this machine's own, and may be emptied.
        """
        return self.place.folder(self.engine)

    @property
    def cache_folder(self) -> Path:
        """Where this machine may keep what it can make again; it need not be there yet."""
        return self.folder / "cache"

    @cached_property
    def kept(self) -> KeptFiles:
        """The files that belong to the shop: pictures that came without a file of their own."""
        return self.place.kept_files(self.engine, self.folder)

    @classmethod
    def create(cls, where: Place | Path, settings: Mapping[str, Any]) -> Self:
        """Make the database of a new shop, not ready yet.

        Parameters
        ----------
        where : Place or Path
            A path is that of an SQLite file.
        settings : mapping

        Raises
        ------
        ShopExistsError
            If there is one already.
        """
        place = _place(where)
        if place.exists():
            raise ShopExistsError(f"{place}: there is a shop already")
        store = cls(place)
        with store.closed_on_failure(), writing(store.engine) as connection:
            place.prepare(connection)
            metadata.create_all(connection, tables_of(connection))
            connection.execute(
                insert(shop).values(
                    id=1,
                    format_version=FORMAT_VERSION,
                    change_number=0,
                    ready=0,
                    attributes={},
                    settings=dict(settings),
                )
            )
        return store

    @classmethod
    def open(cls, where: Place | Path) -> Self:
        """Open the database of a shop.

        Raises
        ------
        ShopNotFoundError
            If there is none.
        ShopFormatError
            If it is no shop's, damaged, or of another format version.
        ShopUnavailableError
            If its database cannot be reached.
        """
        place = _place(where)
        if not place.exists():
            raise ShopNotFoundError(
                f"{place}: there is no shop; make one with: vitrine create {place} SOURCE"
            )
        store = cls(place)
        with store.closed_on_failure():
            bring_up_to_date(store.engine)
        return store

    @classmethod
    def exists(cls, where: Place | Path) -> bool:
        """Tell whether a shop's database is there.

        An empty one, left by a process that was killed as it began, is none.
        """
        return _place(where).exists()

    def close(self) -> None:
        """Let go of the database; nothing is pending, so nothing is lost without it."""
        self.engine.dispose()

    def state(self) -> ShopState:
        """Return what the shop is now."""
        with reading(self.engine) as connection:
            return read_state(connection)

    def change_number(self) -> int:
        """Return the number of the last write."""
        with reading(self.engine) as connection:
            return int(connection.scalar(select(shop.c.change_number)) or 0)

    def widen(self, attributes: Mapping[str, AttributeType]) -> dict[str, AttributeType]:
        """Add attributes to the shop's, and return all of them."""
        with writing(self.engine) as connection:
            old = read_state(connection).attributes
            widened = widen_schema(old, attributes)
            if widened != old:
                next_change(connection)
                connection.execute(update(shop).values(attributes=widened))
        return widened

    def set_ready(self) -> None:
        """Note that `create` has come to its end."""
        with writing(self.engine) as connection:
            connection.execute(update(shop).values(ready=1))

    def save_encoder(self, kind: str, files: Mapping[str, bytes]) -> int:
        """Store a fitted encoder's files, make it the shop's encoder, and return its id."""
        with writing(self.engine) as connection:
            encoder_id = insert_artifact(connection, kind, files)
            next_change(connection)
            connection.execute(update(shop).values(encoder_id=encoder_id))
        return encoder_id

    def artifact(self, artifact_id: int) -> dict[str, bytes]:
        """Return the files of one artifact by name."""
        query = select(artifact_files.c.name, artifact_files.c.content)
        with reading(self.engine) as connection:
            rows = connection.execute(query.where(artifact_files.c.artifact_id == artifact_id))
            return {name: bytes(content) for name, content in rows}

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
        ItemsChangedError
            If items without a vector have other pictures by now, or are gone; nothing is written.
        """
        if not batch:
            return
        folder = self.folder
        with writing(self.engine) as connection:
            if read_state(connection).encoder_id != encoder_id:
                raise EncoderReplacedError("the shop has another encoder by now; do it again")
            number = next_change(connection)
            kept = kept_pictures(connection, [item for item in batch if item.vector is None])
            codes: dict[str, int] = {}
            for some in chunked(batch, IDS_A_QUERY):
                rows = [item_row(item, number, folder) for item in some]
                for row in rows:
                    row["pictures"] = kept.get(row["item_id"], row["pictures"])
                codes |= put_rows(connection, rows)
            encoded = [item for item in batch if item.vector is not None]
            made = {item.id: item.vector for item in encoded if item.vector is not None}
            put_vectors(connection, made, codes, encoder_id)
            drop_stale_vectors(connection, [codes[item.id] for item in encoded], encoder_id)
            put_thumbnails(connection, encoded, codes)

    def remove(self, item_ids: Sequence[str]) -> int:
        """Delete items and return how many there were; ids that are not there are passed over."""
        with writing(self.engine) as connection:
            return remove_items(connection, item_ids, next_change(connection))

    @contextmanager
    def changes(self, since: int, encoder_id: int | None) -> Iterator[Change]:
        """Open a view of what has changed after change number `since`.

        Everything is new to a caller whose `encoder_id` is not the shop's.
        """
        with read_changes(self.engine, since, encoder_id) as change:
            yield change

    @contextmanager
    def closed_on_failure(self) -> Iterator[None]:
        """Close it if what is done in the context fails, for nobody else will."""
        try:
            yield
        except BaseException:
            self.close()
            raise


def _place(where: Place | Path) -> Place:
    return where if isinstance(where, Place) else Folder(where.parent, where.name)
