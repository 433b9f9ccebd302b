"""Rows as the rest of Vitrine sees them, and what they are in the tables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.attributes import fit_type, to_json
from vitrine.catalogue.items import AttributeType, PictureRef, Value

PICTURES_NAME = "pictures"
"""The folder of the pictures that a shop keeps itself; all its kept files lie there."""

_IN_JSON: dict[AttributeType, type] = {
    "text": str, "number": float, "integer": int, "boolean": bool,
}  # fmt: skip
"""What JSON gives back as it was; the other values need `fit_type`."""


@dataclass(frozen=True)
class ShopState:
    """The one row that says what a shop is."""

    change_number: int
    encoder_id: int | None
    ready: bool
    attributes: dict[str, AttributeType]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One item as it is written.

    A `vector` of None keeps the vector and the thumbnail that the item has: its pictures are the
    same, only attributes changed.
    """

    id: str
    pictures: tuple[PictureRef, ...]
    pictures_fingerprint: str
    attributes: Mapping[str, Value]
    vector: NDArray[np.float32] | None = None
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class ItemChunk:
    """Some items as they are read: ids, attributes and vectors, float32 (n, d), in one order."""

    item_ids: list[str]
    attributes: list[dict[str, Value]]
    vectors: NDArray[np.float32]


@dataclass(frozen=True)
class Change:
    """What has changed since some change number, seen in one transaction."""

    state: ShopState
    deleted: list[str]
    chunks: Iterator[ItemChunk]


def reference(path: str, row: int | None, folder: Path) -> PictureRef:
    """Return where a picture lies; what the shop keeps itself is written relative to its folder."""
    return PictureRef(os.path.join(folder, path), row)


def kept_names(places: Iterable[tuple[str, int | None]]) -> list[str]:
    """Return the names of those of an item's stored pictures that the shop keeps itself."""
    return [path for path, _ in places if path.startswith(f"{PICTURES_NAME}/")]


def _written(path: str, folder: Path) -> str:
    inside = f"{folder}{os.sep}"
    return path.removeprefix(inside)


def item_row(item: StoredItem, change_number: int, folder: Path) -> dict[str, Any]:
    """Return an item as a row of the table `items`.

    Pictures in the shop's own `folder` are written relative to it, so that a shop can be moved.
    """
    return {
        "item_id": item.id,
        "change_number": change_number,
        "pictures": [[_written(one.path, folder), one.row] for one in item.pictures],
        "pictures_fingerprint": item.pictures_fingerprint,
        "attributes": {name: to_json(value) for name, value in item.attributes.items()},
    }


def typed(texts: Sequence[str], schema: Mapping[str, AttributeType]) -> list[dict[str, Value]]:
    """Return several items' attributes, each a JSON object, as the types of the schema."""
    rows: list[dict[str, Any]] = json.loads(f"[{','.join(texts)}]")  # all at once: twice as fast
    as_they_are: dict[str, Any] = {name: _IN_JSON.get(kind) for name, kind in schema.items()}
    return [
        {
            name: value if type(value) is as_they_are[name] else fit_type(value, schema[name])
            for name, value in row.items()
        }
        for row in rows
    ]


def to_matrix(rows: Sequence[bytes]) -> NDArray[np.float32]:
    """Return stored vectors as float32 (n, d)."""
    if not rows:
        return np.zeros((0, 0), np.float32)
    return np.frombuffer(b"".join(rows), "<f4").reshape(len(rows), -1).astype(np.float32)
