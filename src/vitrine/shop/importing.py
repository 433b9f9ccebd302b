"""From a catalogue into a shop: encode and store, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue import Catalogue, DecodedBatch, Item, Rejection
from vitrine.catalogue.attributes import fit_type, to_json
from vitrine.catalogue.items import AttributeType, Value
from vitrine.encoders.base import Encoder
from vitrine.encoders.preprocessing import Picture
from vitrine.index.distance import unit
from vitrine.progress import task
from vitrine.shop.thumbnails import make_thumbnail
from vitrine.store import Store, StoredItem

BATCH_ITEMS = 512
LOOKUP_ITEMS = 5_000

Prepared = tuple[Picture, bytes | None]
"""A picture as its encoder wants it, and its thumbnail."""


@dataclass
class ImportResult:
    """What became of the items of a catalogue.

    Attributes
    ----------
    added, updated, unchanged : int
        Items that are new, differ from what was stored, or were there already just so.
    rejected : list of Rejection
        Rows and pictures that were refused, each with its reason.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)


class Import:
    """One catalogue on its way into a shop.

    Items that are there unchanged cost a look-up only, and a new price no new vector. Each batch
    is one transaction, so a kill at any moment leaves whole batches, and running again goes on
    where it stopped.

    Parameters
    ----------
    store : Store
    encoder : Encoder
        The shop's, fitted.
    encoder_id : int
        Which one that is in the store.
    keep_thumbnails : bool
        Whether a small picture is stored with each item.
    same_pictures : set of str
        Ids of items of which only attributes are given: their pictures count as unchanged, be
        their files there or not.
    """

    def __init__(
        self,
        store: Store,
        encoder: Encoder,
        encoder_id: int,
        keep_thumbnails: bool,
        same_pictures: Set[str] = frozenset(),
    ) -> None:
        self._store = store
        self._encoder = encoder
        self._encoder_id = encoder_id
        self._keep_thumbnails = keep_thumbnails
        self._same_pictures = same_pictures
        self._fingerprints: dict[str, str] = {}  # of the items to encode, with all their pictures
        self._known: set[str] = set()

    def run(self, catalogue: Catalogue) -> ImportResult:
        """Bring the catalogue's items in and say what became of them."""
        self._schema = self._store.widen(catalogue.schema)
        self._result = result = ImportResult(rejected=list(catalogue.rejected))
        cover = self._encoder.preprocessing_.cover
        with task(f"importing {catalogue.name}", len(catalogue)) as progress:
            chosen = catalogue.take(self._to_encode(catalogue))
            progress.advance(len(catalogue) - len(chosen))
            for batch in chosen.decoded(BATCH_ITEMS, cover, then=self._prepare):
                result.rejected += batch.rejected
                stored = list(self._encode(batch))
                self._store.put(stored, self._encoder_id)
                updated = sum(item.id in self._known for item in stored)
                result.updated += updated
                result.added += len(stored) - updated
                refused = len(result.rejected)
                progress.advance(len(batch.items), f"{refused:,} refused" if refused else "")
        return result

    def _to_encode(self, catalogue: Catalogue) -> list[int]:
        """Return which items need a vector; those whose attributes alone differ are rewritten."""
        to_encode = []
        for start in range(0, len(catalogue), LOOKUP_ITEMS):
            items = list(catalogue[start : start + LOOKUP_ITEMS])
            known = self._store.known([item.id for item in items])
            self._known |= known.keys()
            rewritten = []
            for i, item in enumerate(items, start):
                stored_fingerprint, stored_attributes = known.get(item.id, ("", None))
                if item.id in self._same_pictures and item.id not in known:
                    self._refuse(item, "it was removed meanwhile")
                    continue
                fingerprint = (
                    stored_fingerprint
                    if item.id in self._same_pictures
                    else replace(item, attributes={}).fingerprint()
                )
                if stored_fingerprint != fingerprint:
                    to_encode.append(i)
                    self._fingerprints[item.id] = fingerprint
                elif (row := self._typed(item)) is None:
                    continue
                elif {name: to_json(value) for name, value in row.items()} == stored_attributes:
                    self._result.unchanged += 1
                else:
                    rewritten.append(StoredItem(item.id, item.pictures, fingerprint, row))
            self._store.put(rewritten, self._encoder_id)
            self._result.updated += len(rewritten)
        return to_encode

    def _prepare(self, picture: Picture) -> Prepared:
        """Shrink a picture in the thread that decodes it, so that no large one waits in memory."""
        thumbnail = make_thumbnail(picture) if self._keep_thumbnails else None
        return self._encoder.preprocessing_.prepare(picture), thumbnail

    def _encode(self, batch: DecodedBatch[Prepared]) -> Iterator[StoredItem]:
        if not batch.items:
            return
        pictures = [[picture for picture, _ in of_item] for of_item in batch.pictures]
        vectors = encode_items(self._encoder, pictures)
        for item, vector, prepared in zip(batch.items, vectors, batch.pictures, strict=True):
            row = self._typed(item)
            if row is None:
                continue
            if not np.isfinite(vector).all():
                self._refuse(item, "the encoder gave a vector that is not finite")
                continue
            fingerprint, (_, thumbnail) = self._fingerprints[item.id], prepared[0]
            yield StoredItem(item.id, item.pictures, fingerprint, row, vector, thumbnail)

    def _typed(self, item: Item) -> dict[str, Value] | None:
        """Return the item's attributes in the shop's types, or None where one does not fit."""
        try:
            return _typed(item.attributes, self._schema)
        except ValueError as error:
            self._refuse(item, f"an attribute does not fit the shop's: {error}")
            return None

    def _refuse(self, item: Item, reason: str) -> None:
        source = item.pictures[0].path
        self._result.rejected.append(Rejection(source, None, item.id, None, reason))


def encode_items(encoder: Encoder, pictures: Sequence[Sequence[Picture]]) -> NDArray[np.float32]:
    """Return one vector an item, float32 (n, d), for items of one or several pictures.

    Several pictures of one item make one vector: the mean of their unit vectors where the encoder
    compares by angle, else their mean.
    """
    counts = np.array([len(of_item) for of_item in pictures])
    vectors = encoder.transform([picture for of_item in pictures for picture in of_item])
    if (counts == 1).all():
        return vectors
    if encoder.distance_.name == "cosine":
        vectors = unit(vectors)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(vectors, starts, axis=0)
    means: NDArray[np.float32] = (sums / counts[:, None]).astype(np.float32)
    return means


def _typed(values: Mapping[str, Value], schema: Mapping[str, AttributeType]) -> dict[str, Value]:
    fitted = {}
    for name, value in values.items():
        try:
            fitted[name] = fit_type(value, schema[name])
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return {name: value for name, value in fitted.items() if value is not None}
