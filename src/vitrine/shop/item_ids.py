"""Which item is at which position, also for a million of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    """Many texts in one array of bytes, which can lie in a file.

    Attributes
    ----------
    content : ndarray of uint8
        All of them, UTF-8, one after the other.
    ends : ndarray of shape (n,), int64
        Where each one ends.
    """

    content: NDArray[np.uint8]
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Lay texts out one after the other."""
        encoded = [text.encode() for text in texts]
        ends = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> str:
        start = self.ends[index - 1] if index else 0
        return bytes(self.content[start : self.ends[index]]).decode()

    def __iter__(self) -> Iterator[str]:
        content, start = bytes(self.content), 0
        for end in self.ends.tolist():
            yield content[start:end].decode()
            start = end


@dataclass(frozen=True)
class FiledIds:
    """Ids that were written down, found by their hash; ten times smaller than a dictionary.

    Attributes
    ----------
    texts : Texts
        The id at each position.
    hashes : ndarray of shape (n,), uint64
        Of all ids, sorted.
    order : ndarray of shape (n,), int64
        The position that each hash belongs to.
    """

    texts: Texts
    hashes: NDArray[np.uint64]
    order: NDArray[np.int64]

    @classmethod
    def of(cls, ids: Sequence[str]) -> Self:
        """File ids by position."""
        hashes = np.fromiter(map(_hash, ids), np.uint64, len(ids))
        order = np.argsort(hashes, kind="stable")
        return cls(Texts.of(ids), hashes[order], order)

    def find(self, item_id: str) -> list[int]:
        """Return the positions that an id has or had, the latest first."""
        wanted = np.uint64(_hash(item_id))
        first = int(np.searchsorted(self.hashes, wanted))
        found = []
        while first < len(self.hashes) and self.hashes[first] == wanted:
            position = int(self.order[first])
            if self.texts[position] == item_id:
                found.append(position)
            first += 1
        return found[::-1]


class ItemIds(Mapping[str, int]):
    """The position of each item by its id, in the order of positions.

    A position is given once: an item that comes back after it was removed gets a new one.

    Parameters
    ----------
    filed : FiledIds, optional
        What was written down before.
    live : ndarray of shape (n,), bool, optional
        Which of those are still there.
    """

    def __init__(
        self, filed: FiledIds | None = None, live: NDArray[np.bool_] | None = None
    ) -> None:
        self._filed = filed or FiledIds.of([])
        self._live = np.zeros(0, np.bool_) if live is None else live
        self._n_live = int(np.count_nonzero(self._live))
        self._added: dict[str, int] = {}
        self._ids: list[str] = []  # of all positions beyond the filed ones

    @property
    def size(self) -> int:
        """Positions in use; those of removed items count."""
        return len(self._live) + len(self._ids)

    def at(self, position: int) -> str:
        """Return the id at a position, also where the item has been removed."""
        beyond = position - len(self._live)
        return self._filed.texts[position] if beyond < 0 else self._ids[beyond]

    def every(self) -> list[str]:
        """Return the id at every position, removed ones included."""
        return [*self._filed.texts, *self._ids]

    def places(self) -> Positions:
        """Return the positions that hold an item, in order."""
        added = np.fromiter(self._added.values(), np.int64, len(self._added))
        return np.concatenate([np.flatnonzero(self._live), added])

    def place(self, item_id: str) -> int:
        """Return an item's position, a new one if it has none."""
        found = self._find(item_id)
        if found is not None:
            return found
        position = self._added[item_id] = self.size
        self._ids.append(item_id)
        return position

    def remove(self, item_id: str) -> int | None:
        """Take an item out and return where it was; None if it was not there."""
        if item_id in self._added:
            return self._added.pop(item_id)
        position = self._find(item_id)
        if position is not None:
            self._live[position] = False
            self._n_live -= 1
        return position

    def __getitem__(self, item_id: str) -> int:
        position = self._find(item_id)
        if position is None:
            raise KeyError(item_id)
        return position

    def __contains__(self, item_id: object) -> bool:
        return isinstance(item_id, str) and self._find(item_id) is not None

    def __iter__(self) -> Iterator[str]:
        for item_id, live in zip(self._filed.texts, self._live.tolist(), strict=True):
            if live:
                yield item_id
        yield from self._added

    def __len__(self) -> int:
        return self._n_live + len(self._added)

    def values(self) -> Places:
        """Return the positions that hold an item, in order, without looking each one up."""
        return Places(self)

    def _find(self, item_id: str) -> int | None:
        position = self._added.get(item_id)
        if position is None and len(self._live):
            there = (one for one in self._filed.find(item_id) if self._live[one])
            position = next(there, None)
        return position


class Places(ValuesView[int]):
    """The positions of `ItemIds`, in order, forwards or backwards."""

    def __init__(self, ids: ItemIds) -> None:
        super().__init__(ids)
        self._ids = ids

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids.places().tolist())

    def __reversed__(self) -> Iterator[int]:
        return iter(self._ids.places()[::-1].tolist())

    def __contains__(self, position: Any) -> bool:
        return position in self._ids.places()


def _hash(item_id: str) -> int:
    # Not Python's own, which differs from process to process.
    return int.from_bytes(hashlib.blake2b(item_id.encode(), digest_size=8).digest(), "little")
