"""Prepared vectors that can be overwritten, appended and removed."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.topk import FloatArray, Positions, squared_lengths


class Rows:
    """A growing matrix whose rows keep their positions; a removed row leaves a gap.

    Parameters
    ----------
    n_components : int
        Length d of a row.

    Attributes
    ----------
    version : object
        Another one whenever rows were written; no other rows have the same.
    """

    def __init__(self, n_components: int) -> None:
        self.n_components = n_components
        self.n_live = 0
        self.version = object()
        self._n = 0
        self._vectors = np.empty((0, n_components), np.float32)
        self._squared_norms = np.empty(0, np.float32)
        self._live = np.empty(0, np.bool_)

    @classmethod
    def over(
        cls, room: FloatArray, squared_norms: NDArray[np.float32], live: NDArray[np.bool_]
    ) -> Self:
        """Return rows that were written down before, used where they lie.

        Parameters
        ----------
        room : ndarray of shape (capacity, d), float32
            The rows first, then room for others; written to when rows change.
        squared_norms : ndarray of shape (n,), float32
        live : ndarray of shape (n,), bool
        """
        rows = cls(room.shape[1])
        rows._n = len(live)
        rows._vectors = room
        rows._squared_norms = np.zeros(len(room), np.float32)
        rows._squared_norms[: rows._n] = squared_norms
        rows._live = np.zeros(len(room), np.bool_)
        rows._live[: rows._n] = live
        rows.n_live = int(np.count_nonzero(live))
        return rows

    def __len__(self) -> int:
        """Positions in use, removed ones included."""
        return self._n

    @property
    def vectors(self) -> FloatArray:
        """The rows, (n, d); what stands in a removed one means nothing."""
        return self._vectors[: self._n]

    @property
    def squared_norms(self) -> FloatArray:
        """Squared lengths of the rows, (n,)."""
        return self._squared_norms[: self._n]

    @property
    def live(self) -> NDArray[np.bool_]:
        """Which rows have not been removed, (n,)."""
        return self._live[: self._n]

    def put(self, positions: Positions, vectors: FloatArray) -> None:
        """Overwrite rows, or append them: new positions continue the old ones without a gap.

        Raises
        ------
        InputError
            If a vector is NaN, infinite or too large to be squared, or a position leaves a gap.
            Nothing is changed then.
        """
        norms = squared_lengths(vectors)
        if not np.isfinite(norms).all():
            bad = int(np.flatnonzero(~np.isfinite(norms))[0])
            raise InputError(
                f"the vector for position {positions[bad]} holds NaN, infinity or a number too "
                "large to be squared; refuse the item or encode it again"
            )
        n = self._check_positions(positions)
        self._reserve(n)
        self.version = object()
        self._vectors[positions] = vectors
        self._squared_norms[positions] = norms
        self._set_live(positions, True)
        self._n = n

    def remove(self, positions: Positions) -> None:
        """Take rows out for good, or until they are put again.

        Raises
        ------
        InputError
            If there is no such position.
        """
        if len(positions) and (positions.min() < 0 or positions.max() >= self._n):
            raise InputError(f"positions to remove must be 0 to {self._n - 1}: {positions}")
        self._set_live(positions, False)

    def _set_live(self, positions: Positions, live: bool) -> None:
        distinct = np.unique(positions)
        changed = int(np.count_nonzero(self._live[distinct] != live))
        self.n_live += changed if live else -changed
        self._live[distinct] = live

    def _check_positions(self, positions: Positions) -> int:
        """Return how many rows there are once these are put."""
        if len(positions) == 0:
            return self._n
        new = np.unique(positions[positions >= self._n])
        if positions.min() < 0 or not np.array_equal(new, np.arange(self._n, self._n + len(new))):
            raise InputError(f"new positions must continue at {self._n} without a gap: {positions}")
        return self._n + len(new)

    def _reserve(self, n: int) -> None:
        capacity = len(self._live)
        if n <= capacity:
            return
        # Half as much again, so that appending one by one copies each row a few times only; the
        # first fill is exact, as most matrices never grow.
        capacity = max(n, capacity + capacity // 2)
        vectors = np.empty((capacity, self.n_components), np.float32)
        norms, live = np.empty(capacity, np.float32), np.zeros(capacity, np.bool_)
        vectors[: self._n] = self.vectors
        norms[: self._n] = self.squared_norms
        live[: self._n] = self.live
        self._vectors, self._squared_norms, self._live = vectors, norms, live
