"""Which item is at which position, also for a million of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, ValuesView
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.texts import FiledTexts

Positions = NDArray[np.int64]


class ItemIds(Mapping[str, int]):
    """The position of each item by its id, in the order of positions.

    A position is given once: an item that comes back after it was removed gets a new one.

    Parameters
    ----------
    filed : FiledTexts, optional
        What was written down before.
    live : ndarray of shape (n,), bool, optional
        Which of those are still there.
    """

    def __init__(
        self, filed: FiledTexts | None = None, live: NDArray[np.bool_] | None = None
    ) -> None:
        self._filed = filed or FiledTexts.of([])
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

    def at_each(self, positions: Positions) -> list[str]:
        """Return the ids at several positions."""
        if not self._ids:  # as nearly always
            return self._filed.texts.several(positions)
        return [self.at(position) for position in positions.tolist()]

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
    """The positions of `ItemIds`, in order."""

    def __init__(self, ids: ItemIds) -> None:
        super().__init__(ids)
        self._ids = ids

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids.places().tolist())

    def __contains__(self, position: Any) -> bool:
        return position in self._ids.places()
