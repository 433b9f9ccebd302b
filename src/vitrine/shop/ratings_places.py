"""Where in the shop's memory items are now, and how many people rated each."""

from __future__ import annotations

from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vitrine.shop.memory import Memory
from vitrine.store import RatingStore

Version = tuple[int, int, int]


def items_version(memory: Memory) -> Version:
    """Return what differs when items came or went, and not when ratings or attributes changed."""
    return id(memory), len(memory.positions), memory.positions.size


class Places:
    """Which positions of the memory hold an item, and the ratings of each, kept up to date.

    Parameters
    ----------
    ratings : RatingStore
    """

    def __init__(self, ratings: RatingStore) -> None:
        self._ratings = ratings
        self._lock = Lock()
        self._memory: Memory | None = None  # held, so that no other memory gets its id
        self._version: Version | None = None
        self._there = np.zeros(0, bool)
        self._counts: dict[str, int] = {}
        self._change_number = 0
        self._counted = np.zeros(0)

    def there(self, memory: Memory) -> NDArray[np.bool_]:
        """Return which positions hold an item, bool (n_positions,); the caller's own."""
        with self._lock:
            self._follow(memory)
            return self._there.copy()

    def counts(self) -> dict[str, int]:
        """Return how many people rated each item, in the catalogue or not."""
        with self._lock:
            self._count()
            return dict(self._counts)

    def popularity(self, memory: Memory) -> NDArray[np.float64]:
        """Return how many people rated the item at each position, (n_positions,)."""
        with self._lock:
            self._follow(memory)
            for item_id in self._count():
                if item_id in memory.positions:
                    self._counted[memory.positions[item_id]] = self._counts[item_id]
            return self._counted.copy()

    def _count(self) -> list[str]:
        """Take over counts that any process has changed, and return of which items."""
        self._change_number, rows = self._ratings.counts(self._change_number)
        self._counts.update((row.item_id, row.n_ratings) for row in rows)
        return [row.item_id for row in rows]

    def _follow(self, memory: Memory) -> None:
        version = items_version(memory)
        if version == self._version:
            return
        self._memory, self._version = memory, version
        places = memory.positions.places()
        size = int(places.max(initial=-1)) + 1
        self._there, self._counted = np.zeros(size, bool), np.zeros(size)
        self._there[places] = True
        self._count()
        self._counted[places] = [self._counts.get(item_id, 0) for item_id in memory.positions]
