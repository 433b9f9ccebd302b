"""A second encoder beside the one that a shop serves with: staged, filled, then switched to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, delete, func, select, update

from vitrine.catalogue.items import PictureRef
from vitrine.errors import EncoderReplacedError
from vitrine.store.database import reading, writing
from vitrine.store.rows import kept_names, reference
from vitrine.store.state import IDS_A_QUERY, chunked, insert_artifact, next_change, read_state
from vitrine.store.store import Store
from vitrine.store.tables import artifacts, items, shop, vectors

STAGED, EARLIER = "staged", "earlier"
_ASKED_FOR = ("encoder", "params", "label")
"""What the shop's settings say about its encoder, and about each of the other two."""


@dataclass(frozen=True)
class OtherEncoder:
    """An encoder that the shop does not serve with (any more, or not yet).

    Attributes
    ----------
    encoder_id : int
    request : dict
        What it was asked for: its name, its options and the label that it learned.
    """

    encoder_id: int
    request: dict[str, Any]


@dataclass(frozen=True)
class UnencodedItem:
    """An item that has no vector of some encoder yet, and where its pictures lie."""

    item_id: str
    fingerprint: str
    pictures: tuple[PictureRef, ...]


class OtherEncoders:
    """The encoders of a shop beside the one in use.

    A **staged** one gets its vectors batch by batch while the shop goes on with its own; once no
    item lacks one, `switch` makes it the shop's, in one transaction. What was in use before is then
    the **earlier** one, its vectors kept, so that switching back is as quick.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._engine, self._folder, self._kept = store.engine, store.folder, store.kept

    def find(self, which: str) -> OtherEncoder | None:
        """Return the encoder that is ``staged`` or ``earlier``, if there is one."""
        with reading(self._engine) as connection:
            return _find(read_state(connection).settings, which)

    def stage(self, request: Mapping[str, Any], files: Mapping[str, bytes]) -> int:
        """Store a fitted encoder in the place of one staged before, and return its id.

        Parameters
        ----------
        request : mapping
            Its ``encoder`` (name), ``params`` and ``label``, as JSON can hold them.
        files : mapping of str to bytes
            Its artifact's.
        """
        with writing(self._engine) as connection:
            settings = dict(read_state(connection).settings)
            before = _find(settings, STAGED)
            # The new one first: SQLite would give it the other's number, which its run still uses.
            encoder_id = insert_artifact(connection, request["encoder"], files)
            if before is not None:
                connection.execute(delete(artifacts).where(artifacts.c.id == before.encoder_id))
            settings[STAGED] = dict(request) | {"encoder_id": encoder_id}
            connection.execute(update(shop).values(settings=settings))
        return encoder_id

    def count_unencoded(self, encoder_id: int) -> int:
        """Return how many items have no vector of an encoder."""
        with reading(self._engine) as connection:
            return _count_unencoded(connection, encoder_id)

    def unencoded(self, encoder_id: int, batch_size: int) -> Iterator[list[UnencodedItem]]:
        """Yield the items that have no vector of an encoder, `batch_size` at a time.

        Each batch is read when it is asked for, and each item comes once, whether it has got its
        vector meanwhile or not.
        """
        query = (
            select(items.c.code, items.c.item_id, items.c.pictures_fingerprint, items.c.pictures)
            .select_from(items.outerjoin(vectors, _of(encoder_id)))
            .where(vectors.c.item_code.is_(None))
            .order_by(items.c.code)
            .limit(batch_size)
        )
        last = -1
        while True:
            with reading(self._engine) as connection:
                rows = connection.execute(query.where(items.c.code > last)).all()
            if not rows:
                return
            last = rows[-1].code
            self._kept.bring(name for row in rows for name in kept_names(row.pictures))
            yield [
                UnencodedItem(
                    row.item_id,
                    row.pictures_fingerprint,
                    tuple(reference(path, place, self._folder) for path, place in row.pictures),
                )
                for row in rows
            ]

    def put_vectors(
        self,
        encoder_id: int,
        batch: Sequence[UnencodedItem],
        made: NDArray[np.float32],
    ) -> None:
        """Store vectors (n, d) of items whose pictures are still the ones that were encoded.

        Raises
        ------
        EncoderReplacedError
            If another process has staged another encoder instead.
        """
        with writing(self._engine) as connection:
            settings = read_state(connection).settings
            others = [_find(settings, which) for which in (STAGED, EARLIER)]
            if encoder_id not in [other.encoder_id for other in others if other is not None]:
                raise EncoderReplacedError(
                    "another retraining has taken the place of this one; let it end, then run "
                    "vitrine retrain again"
                )
            codes = _codes(connection, batch)
            rows = [
                {"item_code": codes[item.item_id], "encoder_id": encoder_id,
                 "vector": np.asarray(vector, "<f4").tobytes()}
                for item, vector in zip(batch, made, strict=True)
                if item.item_id in codes
            ]  # fmt: skip
            written = [row["item_code"] for row in rows]
            of_encoder = vectors.c.encoder_id == encoder_id
            for some in chunked(written, IDS_A_QUERY):
                connection.execute(delete(vectors).where(of_encoder, vectors.c.item_code.in_(some)))
            if rows:
                connection.execute(vectors.insert(), rows)

    def switch(self, encoder_id: int) -> bool:
        """Make a staged or earlier encoder the shop's, if no item lacks a vector of it.

        One transaction: whoever reads sees the one encoder with all its vectors or the other.

        Returns
        -------
        bool
            False, and nothing done, where items lack one.
        """
        with writing(self._engine) as connection:
            if _count_unencoded(connection, encoder_id):
                return False
            state = read_state(connection)
            settings = dict(state.settings)
            staged, earlier = _find(settings, STAGED), _find(settings, EARLIER)
            [chosen] = [
                other for other in (staged, earlier) if other and other.encoder_id == encoder_id
            ]
            if chosen is staged:
                del settings[STAGED]
                if earlier is not None:  # one step back is kept, not two
                    gone = artifacts.c.id == earlier.encoder_id
                    connection.execute(delete(artifacts).where(gone))
            left = {name: settings.get(name) for name in _ASKED_FOR}
            settings |= chosen.request | {EARLIER: left | {"encoder_id": state.encoder_id}}
            next_change(connection)
            connection.execute(update(shop).values(encoder_id=encoder_id, settings=settings))
        return True


def _find(settings: Mapping[str, Any], which: str) -> OtherEncoder | None:
    found = settings.get(which)
    if found is None:
        return None
    return OtherEncoder(int(found["encoder_id"]), {name: found.get(name) for name in _ASKED_FOR})


def _of(encoder_id: int) -> Any:
    return and_(vectors.c.item_code == items.c.code, vectors.c.encoder_id == encoder_id)


def _count_unencoded(connection: Connection, encoder_id: int) -> int:
    query = select(func.count()).select_from(items.outerjoin(vectors, _of(encoder_id)))
    return int(connection.scalar(query.where(vectors.c.item_code.is_(None))) or 0)


def _codes(connection: Connection, batch: Sequence[UnencodedItem]) -> dict[str, int]:
    """Return the codes of those items that are there with the same pictures as before."""
    expected = {item.item_id: item.fingerprint for item in batch}
    query = select(items.c.item_id, items.c.code, items.c.pictures_fingerprint)
    return {
        row.item_id: row.code
        for ids in chunked(list(expected), IDS_A_QUERY)
        for row in connection.execute(query.where(items.c.item_id.in_(ids)))
        if row.pictures_fingerprint == expected[row.item_id]
    }
