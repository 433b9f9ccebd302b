"""From a catalogue into a shop: fit the encoder, encode, store, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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


def import_catalogue(
    store: Store, encoder: Encoder, encoder_id: int, catalogue: Catalogue, thumbnails: bool
) -> ImportResult:
    """Bring a catalogue's items into a shop; items that are there unchanged cost a look-up only.

    Each batch is one transaction, so a kill at any moment leaves whole batches, and running again
    goes on where it stopped.
    """
    schema = store.widen(catalogue.schema)
    result = ImportResult(rejected=list(catalogue.rejected))
    new = _Sorted(store, catalogue, schema, encoder_id, result)
    with task(f"importing {catalogue.name}", len(catalogue)) as progress:
        progress.advance(len(catalogue) - len(new.to_encode))
        encoding = catalogue.take(new.to_encode)
        with ThreadPoolExecutor() as pool:
            batches: Iterator[DecodedBatch[Picture]] = encoding.decoded(
                BATCH_ITEMS, cover=encoder.preprocessing_.cover
            )
            for batch in batches:
                result.rejected += batch.rejected
                stored = list(_encode(encoder, batch, schema, result, thumbnails, pool))
                store.put(stored, encoder_id)
                for item in stored:
                    new.count(item.id)
                progress.advance(len(batch.items), note=_note(result))
    return result


class _Sorted:
    """A catalogue's items, sorted into those to encode, to rewrite and to leave alone."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        schema: Mapping[str, AttributeType],
        encoder_id: int,
        result: ImportResult,
    ) -> None:
        self.to_encode: list[int] = []
        self._known: set[str] = set()
        self._result = result
        for start in range(0, len(catalogue), LOOKUP_ITEMS):
            items = [catalogue[i] for i in range(start, min(start + LOOKUP_ITEMS, len(catalogue)))]
            known = store.known([item.id for item in items])
            self._known |= known.keys()
            rewrite = []
            for i, item in enumerate(items, start):
                fingerprint, attributes = known.get(item.id, ("", None))
                if fingerprint != _pictures_fingerprint(item):
                    self.to_encode.append(i)
                elif (row := _checked(item, schema, result)) is not None:
                    if {name: to_json(value) for name, value in row.items()} == attributes:
                        result.unchanged += 1
                    else:
                        rewrite.append(_stored(item, row))
                        result.updated += 1
            store.put(rewrite, encoder_id)

    def count(self, item_id: str) -> None:
        """Count an item that was encoded and stored."""
        if item_id in self._known:
            self._result.updated += 1
        else:
            self._result.added += 1


def _encode(
    encoder: Encoder,
    batch: DecodedBatch[Picture],
    schema: Mapping[str, AttributeType],
    result: ImportResult,
    thumbnails: bool,
    pool: ThreadPoolExecutor,
) -> Iterator[StoredItem]:
    if not batch.items:
        return
    small: Iterator[bytes | None] = iter([None] * len(batch.items))
    if thumbnails:
        small = pool.map(make_thumbnail, [pictures[0] for pictures in batch.pictures])
    vectors = encode_items(encoder, batch.pictures)
    for item, vector, thumbnail in zip(batch.items, vectors, small, strict=True):
        row = _checked(item, schema, result)
        if row is None:
            continue
        if not np.isfinite(vector).all():
            result.rejected.append(_refused(item, "the encoder gave a vector that is not finite"))
            continue
        yield _stored(item, row, vector, thumbnail)


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


def _checked(
    item: Item, schema: Mapping[str, AttributeType], result: ImportResult
) -> dict[str, Value] | None:
    try:
        values = {name: fit_type(value, schema[name]) for name, value in item.attributes.items()}
    except ValueError as error:
        result.rejected.append(
            _refused(item, f"an attribute does not fit the shop's type: {error}")
        )
        return None
    return {name: value for name, value in values.items() if value is not None}


def _refused(item: Item, reason: str) -> Rejection:
    return Rejection(
        source=item.pictures[0].path, row=None, item_id=item.id, picture=None, reason=reason
    )


def _stored(
    item: Item,
    attributes: Mapping[str, Value],
    vector: NDArray[np.float32] | None = None,
    thumbnail: bytes | None = None,
) -> StoredItem:
    fingerprint = _pictures_fingerprint(item)
    return StoredItem(item.id, item.pictures, fingerprint, attributes, vector, thumbnail)


def _pictures_fingerprint(item: Item) -> str:
    return replace(item, attributes={}).fingerprint()


def _note(result: ImportResult) -> str:
    return f"{len(result.rejected)} refused" if result.rejected else ""
