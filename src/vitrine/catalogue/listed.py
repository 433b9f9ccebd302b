"""A catalogue of items that are at hand, one by one, instead of in a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vitrine.catalogue.attributes import fit_type
from vitrine.catalogue.catalogue import Catalogue
from vitrine.catalogue.decoding import DEFAULT_LIMITS, Limits
from vitrine.catalogue.items import AttributeType, Item, PictureRef, Rejection, Value
from vitrine.catalogue.records import Indices, Records

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")


@dataclass(frozen=True)
class ListedRecords(Records):
    """Records that hold items as they are.

    Parameters
    ----------
    listed : tuple of Item
    """

    listed: tuple[Item, ...] = ()

    def items(self, indices: Indices) -> list[Item]:
        """Return some rows as items."""
        return [self.listed[i] for i in indices.tolist()]

    def references(self, indices: Indices) -> list[tuple[PictureRef, ...]]:
        """Return where the pictures of some rows lie."""
        return [item.pictures for item in self.items(indices)]

    def values(self, column: str, indices: Indices) -> list[Value]:
        """Return one attribute of some rows."""
        return [item.attributes.get(column) for item in self.items(indices)]


def catalogue_of(
    items: Iterable[tuple[int, Item]],
    known: Mapping[str, AttributeType],
    source: str,
    limits: Limits = DEFAULT_LIMITS,
) -> Catalogue:
    """Return a catalogue of items that were made by hand.

    Parameters
    ----------
    items : iterable of (int, Item)
        Each with its number, which a refusal names.
    known : mapping of str to AttributeType
        Attributes that have a type already. Another gets the type of its first value; a number
        widens integers.
    source : str
        What a refusal calls the place where they came from.
    limits : Limits
        What a picture may be at most.
    """
    numbered = list(items)
    schema = _schema([item for _, item in numbered], known)
    good: list[Item] = []
    numbers: list[int] = []
    rejected: list[Rejection] = []
    for number, item in numbered:
        try:
            attributes = {name: _fitted(name, v, schema) for name, v in item.attributes.items()}
        except ValueError as error:
            rejected.append(Rejection(source, number, item.id, None, str(error)))
            continue
        good.append(Item(item.id, item.pictures, attributes))
        numbers.append(number)
    used = {name for item in good for name in item.attributes}
    records = ListedRecords(
        source=source,
        ids=pa.array([item.id for item in good], pa.large_string()),
        paths=pa.array([[]] * len(good), pa.large_list(pa.large_string())),
        root="",
        attributes=pa.table({}),
        schema={name: kind for name, kind in schema.items() if name in used},
        numbers=np.array(numbers, np.int64),
        listed=tuple(good),
    )
    return Catalogue(source, records, rejected=rejected, limits=limits)


def _schema(items: Sequence[Item], known: Mapping[str, AttributeType]) -> dict[str, AttributeType]:
    schema = dict(known)
    for item in items:
        for name, value in item.attributes.items():
            if value is None:
                continue
            kind = _kind(value)
            if schema.get(name) == "integer" and kind == "number":
                schema[name] = "number"
            schema.setdefault(name, kind)
    return schema


def _kind(value: Value) -> AttributeType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "text" if isinstance(value, str) else "date"


def _fitted(name: str, value: Value, schema: Mapping[str, AttributeType]) -> Value:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:100]!r} cannot name an attribute: 1 to 100 printable characters")
    if value is None or name not in schema:
        return None
    try:
        return fit_type(value, schema[name])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
