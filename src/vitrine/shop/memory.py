"""What an open shop holds in memory: ids, attributes and vectors, following the change numbers."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.attributes import AttributeTable
from vitrine.catalogue.items import Value
from vitrine.catalogue.where import Where, parse_where
from vitrine.encoders.base import Encoder
from vitrine.errors import UnknownItemError
from vitrine.index import Allowed, NearestNeighbours
from vitrine.shop.centres import Centres
from vitrine.shop.item_ids import ItemIds
from vitrine.shop.locking import MemoryLock
from vitrine.shop.masks import Masks
from vitrine.store import ItemChunk, ShopState, Store
from vitrine.store.clusters import find_clusters

NEAR_IDENTICAL = 0.02
"""Cosine distance up to which pictures may be taken for the same one, saved differently: of photos
saved anew at quality 90 all were nearer, of different photos 1 in 1,000."""

NEARER_THAN_USUAL = 0.1
"""And they must be so much nearer to each other than an item's nearest other item usually is."""

SAMPLE = 256


class Memory:
    """The items of a shop by position: 0, 1, … in the order they came; removed ones leave a gap.

    Parameters
    ----------
    encoder : Encoder
        The one that made the vectors; its distance ranks them.
    encoder_id : int
        Which one that is in the store.
    clusters : Centres, optional
        What gives each item its cluster, as one more attribute.
    made_of : str
        A checksum of encoder and clusters: what was written by another memory is of use to this one
        where theirs are the same.

    Attributes
    ----------
    positions : ItemIds
        The position of each item by its id.
    n_unsaved : int
        Items changed since all was last written down, see `vitrine.shop.snapshots`.
    """

    def __init__(
        self,
        encoder: Encoder,
        encoder_id: int,
        clusters: Centres | None = None,
        made_of: str = "",
    ) -> None:
        self.encoder, self.encoder_id = encoder, encoder_id
        self.clusters, self.made_of = clusters, made_of
        self.change_number = 0
        self.attributes = AttributeTable({})
        self._masks = Masks(self.attributes)
        self.positions = ItemIds()
        self.neighbours = NearestNeighbours(encoder.distance_)
        self.n_unsaved = 0
        self._near_identical: float | None = None

    def follow(self, store: Store, lock: MemoryLock) -> bool:
        """Take over what has been written since the last call; return whether anything was.

        One thread at a time may do so. `lock` is held alone for as long as something is changed
        that others read, which is short: the database is read without it. The index is not
        trained; whether that is due, `neighbours` knows.

        Raises
        ------
        EncoderChanged
            If the shop has another encoder or other clusters now: everything must be read anew.
        """
        if store.change_number() == self.change_number:
            return False
        with store.changes(self.change_number, self.encoder_id) as change:
            if change.state.encoder_id != self.encoder_id or self._has_other_clusters(change.state):
                raise EncoderChanged
            with lock:
                self.attributes.widen(change.state.attributes)
                if self.clusters is not None:
                    self.attributes.widen({self.clusters.name: "integer"})
                self._remove(change.deleted)
            for chunk in change.chunks:
                with lock:
                    self.neighbours.upsert(self._place(chunk), chunk.vectors, renew=False)
        with lock:
            self.change_number = change.state.change_number
        return True

    def restore(self, change_number: int, positions: ItemIds, attributes: AttributeTable) -> None:
        """Hold what was written down at a change number; `neighbours` is loaded by itself."""
        self.change_number, self.positions = change_number, positions
        self.attributes, self._masks = attributes, Masks(attributes)

    @property
    def near_identical(self) -> float:
        """How near two items are that count as one picture, see `vitrine.topk.collapse`.

        Measured once, on a sample, as encoders differ in how near anything is.
        """
        if self._near_identical is None:
            rng = np.random.default_rng(0)
            sample = np.sort(rng.permutation(self.positions.places())[:SAMPLE])
            nearest = self.neighbours.search_rows(sample, 1).positions[:, 0]
            a = self.neighbours.prepared(sample[nearest >= 0]).astype(np.float64)
            b = self.neighbours.prepared(nearest[nearest >= 0]).astype(np.float64)
            lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            apart = ((a - b) ** 2).sum(axis=1) / (2 * np.maximum(lengths, 1e-12))
            usual = float(np.median(apart)) if len(apart) else 0.0
            self._near_identical = max(1e-6, min(NEAR_IDENTICAL, NEARER_THAN_USUAL * usual))
        return self._near_identical

    def __len__(self) -> int:
        return len(self.positions)

    def id_at(self, position: int) -> str:
        """Return the id of the item at a position."""
        return self.positions.at(position)

    def position(self, item_id: str) -> int:
        """Return the position of an item.

        Raises
        ------
        UnknownItemError
            If there is none with that id.
        """
        try:
            return self.positions[item_id]
        except KeyError:
            sample = list(islice(self.positions, 20_000))
            close = difflib.get_close_matches(item_id, sample, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise UnknownItemError(f"there is no item {item_id!r}{hint}") from None

    def mask(self, where: Where) -> NDArray[np.bool_] | None:
        """Return which positions a filter allows, read-only; None where it allows all."""
        allowed = self.allowed(where)
        return None if allowed is None else allowed.mask

    def allowed(self, where: Where) -> Allowed | None:
        """Return the same as `mask`, as an index takes it."""
        conditions = parse_where(where, self.attributes.schema)
        return self._masks.of(conditions) if conditions else None

    def _place(self, chunk: ItemChunk) -> NDArray[np.int64]:
        places = np.empty(len(chunk.item_ids), np.int64)
        for i, item_id in enumerate(chunk.item_ids):
            places[i] = self.positions.place(item_id)
        self.n_unsaved += len(places)
        rows: Sequence[Mapping[str, Value]] = chunk.attributes
        if self.clusters is not None:
            codes = self.clusters.of(chunk.vectors)
            rows = [row | {self.clusters.name: code}
                    for row, code in zip(chunk.attributes, codes, strict=True)]  # fmt: skip
        self._masks.forget()
        self.attributes.set(places, rows)
        return places

    def _has_other_clusters(self, state: ShopState) -> bool:
        wanted = find_clusters(state.settings)
        if wanted is None or wanted.encoder_id != self.encoder_id:  # of another encoder: none
            return self.clusters is not None
        return self.clusters is None or self.clusters.artifact_id != wanted.artifact_id

    def _remove(self, item_ids: list[str]) -> None:
        removed = [self.positions.remove(item_id) for item_id in item_ids]
        gone = np.array([position for position in removed if position is not None], np.int64)
        if len(gone):
            self.neighbours.remove(gone, renew=False)
            self.n_unsaved += len(gone)


class EncoderChanged(Exception):  # noqa: N818 - a signal between the two halves of an open shop
    """The shop has another encoder than the one its vectors in memory were made with."""
