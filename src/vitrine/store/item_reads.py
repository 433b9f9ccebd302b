"""Reading what is known of some items, by their ids."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, func, select

from vitrine.catalogue.items import PictureRef
from vitrine.errors import UnknownItemError
from vitrine.store.database import reading
from vitrine.store.kept_files import KeptFiles
from vitrine.store.rows import kept_names, reference, to_matrix
from vitrine.store.state import IDS_A_QUERY, chunked
from vitrine.store.tables import items, thumbnails, vectors


class ItemReads(ABC):
    """The part of `Store` that reads single items.

    Attributes
    ----------
    engine : sqlalchemy.Engine
    """

    engine: Engine

    @property
    @abstractmethod
    def folder(self) -> Path:
        """The shop's directory."""

    @property
    @abstractmethod
    def kept(self) -> KeptFiles:
        """The files that belong to the shop."""

    def known(self, item_ids: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Return the pictures' fingerprint and the attributes (as JSON) of the items there are."""
        names = items.c.item_id, items.c.pictures_fingerprint, items.c.attributes
        return {item_id: (prints, values) for item_id, prints, values in self._of(item_ids, *names)}

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
        with reading(self.engine) as connection:
            for ids in chunked(item_ids, IDS_A_QUERY):
                rows = connection.execute(query.where(items.c.item_id.in_(ids)))
                found.update((row.item_id, row.vector) for row in rows)
        for item_id in item_ids:
            if item_id not in found:
                raise UnknownItemError(f"item {item_id!r} has just been removed; ask again")
        return to_matrix([found[item_id] for item_id in item_ids])

    def pictures(self, item_ids: Sequence[str]) -> dict[str, list[PictureRef]]:
        """Return where the pictures of items lie; those that the shop keeps lie here by now."""
        found = dict(self._of(item_ids, items.c.item_id, items.c.pictures))
        self.kept.bring(name for places in found.values() for name in kept_names(places))
        return {
            item_id: [reference(path, place, self.folder) for path, place in places]
            for item_id, places in found.items()
        }

    def thumbnails(self, item_ids: Sequence[str]) -> dict[str, bytes]:
        """Return the small pictures of those items that have one, as encoded bytes."""
        query = select(items.c.item_id, thumbnails.c.content).join_from(items, thumbnails)
        with reading(self.engine) as connection:
            return {
                row.item_id: bytes(row.content)
                for ids in chunked(item_ids, IDS_A_QUERY)
                for row in connection.execute(query.where(items.c.item_id.in_(ids)))
            }

    def count(self) -> int:
        """Return how many items there are."""
        with reading(self.engine) as connection:
            return int(connection.scalar(select(func.count()).select_from(items)) or 0)

    def _of(self, item_ids: Sequence[str], *columns: Any) -> list[Any]:
        """Return some columns of those items that are there, in one state of the database."""
        with reading(self.engine) as connection:
            return [
                row
                for ids in chunked(item_ids, IDS_A_QUERY)
                for row in connection.execute(select(*columns).where(items.c.item_id.in_(ids)))
            ]
