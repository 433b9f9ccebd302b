"""Ids of any type ↔ codes 0…n-1, which is what arrays are indexed by."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import ArtifactError, InputError

Codes = NDArray[np.int32]
UNKNOWN = -1
"""The code of an id that is not known. It indexes the last row of an array, on purpose: fitted
arrays keep what an unknown user or item gets there."""


class Ids:
    """Distinct ids in a fixed order; an id's place is its code.

    Parameters
    ----------
    values : iterable of hashable
        Distinct ids. NumPy scalars become plain Python ones, so that ``7`` finds ``np.int64(7)``.

    Raises
    ------
    InputError
        If an id occurs twice, or is None or NaN.
    """

    def __init__(self, values: Iterable[Hashable]) -> None:
        self.values: tuple[Hashable, ...] = tuple(_plain(values))
        self._codes = {value: code for code, value in enumerate(self.values)}
        if len(self._codes) != len(self.values):
            raise InputError("an id occurs twice where each may occur once")
        for code, value in enumerate(self.values):
            if value is None or value != value:
                raise InputError(f"id number {code} is {value}; give every row an id")

    def __len__(self) -> int:
        return len(self.values)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ids) and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.values)

    def __contains__(self, value: object) -> bool:
        return value in self._codes

    def __repr__(self) -> str:
        return f"Ids({len(self)})"

    def codes(self, ids: Iterable[Hashable]) -> Codes:
        """Return the ids' codes, int32; `UNKNOWN` (−1) for an id that is not here."""
        values = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
        find = self._codes.get
        codes = np.fromiter(map(find, values, repeat(UNKNOWN)), np.int32, len(values))
        for i in np.flatnonzero(codes < 0).tolist():
            value = values[i]
            if isinstance(value, np.generic):  # NumPy's times are not equal to Python's
                codes[i] = find(value.item(), UNKNOWN)
        return codes

    def take(self, codes: Iterable[int]) -> list[Hashable]:
        """Return the ids of `codes`."""
        values = self.values
        return [values[code] for code in codes]

    def extended(self, ids: Iterable[Hashable]) -> Ids:
        """Return these ids followed by those of `ids` that are new."""
        new = dict.fromkeys(value for value in _plain(ids) if value not in self._codes)
        return Ids([*self.values, *new]) if new else self

    def to_bytes(self) -> bytes:
        """Return the ids as JSON.

        Raises
        ------
        ArtifactError
            If an id is neither text nor a number: only these can be saved.
        """
        for value in self.values:
            if type(value) not in (str, int, float):
                raise ArtifactError(
                    f"the id {value!r} is a {type(value).__name__}; only text and numbers can be "
                    "saved: use those as ids"
                )
        return json.dumps(self.values, ensure_ascii=False, allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Ids:
        """Rebuild from `to_bytes`."""
        return cls(json.loads(content))


def encode(ids: Sequence[Hashable] | NDArray[Any]) -> tuple[Ids, Codes]:
    """Give each id a code, in the order in which they first appear.

    Returns
    -------
    ids : Ids
        The distinct ones.
    codes : ndarray of shape (n,), int32
        One for each given id.
    """
    values = ids if isinstance(ids, np.ndarray) else list(ids)
    if isinstance(values, np.ndarray) and values.dtype.kind in "iuU":
        distinct, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        order = np.argsort(first, kind="stable")
        rank = np.empty(len(order), dtype=np.int32)
        rank[order] = np.arange(len(order), dtype=np.int32)
        return Ids(distinct[order]), rank[inverse]
    table = Ids(dict.fromkeys(_plain(values)))
    return table, table.codes(values)


def _plain(values: Iterable[Hashable]) -> Iterable[Hashable]:
    if isinstance(values, np.ndarray):
        plain: list[Hashable] = values.tolist()
        return plain
    return (value.item() if isinstance(value, np.generic) else value for value in values)


def can_be_stored(text: str) -> bool:
    """Tell whether every database can hold a text: no zero byte, no half of a surrogate pair."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
