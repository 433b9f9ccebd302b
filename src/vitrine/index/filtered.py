"""Search under a filter: in the lists that hold what it allows."""

from __future__ import annotations

from math import ceil
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from vitrine.index.lists import packed
from vitrine.index.probing import FEWEST_FAR, Lists, search_widening
from vitrine.topk import FloatArray, Positions

_FEWEST_NEAR = 8
"""Lists looked into first near what is allowed. That fewer bring nothing nearer may be chance."""

_AS_MUCH = 0.75
"""Of the share of all rows that is allowed: with less in its nearest list, a query is far away."""


class Filing:
    """Which list of an inverted file each row was filed under.

    Parameters
    ----------
    index : faiss.IndexIVF
    n_rows : int
    """

    def __init__(self, index: Any, n_rows: int) -> None:
        lists = index.invlists
        self._list_of = np.full(n_rows, -1, np.int32)
        self._sizes = np.zeros(index.nlist, np.int64)
        for number in range(index.nlist):
            if size := lists.list_size(number):
                self._list_of[faiss.rev_swig_ptr(lists.get_ids(number), size)] = number
                self._sizes[number] = size

    def lists(self, positions: Positions) -> AllowedLists:
        """Return the lists that hold rows at some positions, (n,) int64, in order."""
        positions = positions[: np.searchsorted(positions, len(self._list_of))]  # others are newer
        # Rows that are filed nowhere are counted in front of the first list.
        counts = np.bincount(self._list_of[positions] + 1, minlength=len(self._sizes) + 1)[1:]
        return AllowedLists(self, counts, self._sizes)


class AllowedLists:
    """The lists that hold rows which a filter allows.

    Parameters
    ----------
    filing : Filing
        What this was made of.
    counts, sizes : ndarray of shape (n_lists,), int64
        Allowed rows, and rows, of each list.
    """

    def __init__(self, filing: Filing, counts: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        self.filing = filing
        self._counts, self._sizes = counts, sizes
        holding = counts > 0
        self._share = float(counts.sum()) / max(1, int(sizes[holding].sum()))
        self._lists = Lists(int(np.count_nonzero(holding)), packed(holding))

    def search(
        self, index: Any, queries: FloatArray, k: int, m: int, n_probes: int, selector: Any
    ) -> Positions:
        """Return candidates for the k nearest rows of each query (q, m), in order of their codes.

        The nearest that a filter allows may lie together and far from a query, where an effort that
        was tuned without filters says little.

        Parameters
        ----------
        index : faiss.IndexIVF
        queries : ndarray of shape (q, d), float32
        k, m : int
            `m` is at least 1.5 times `k`.
        n_probes : int
            Lists that searches without a filter look into.
        selector : faiss.IDSelector
            Which rows are allowed.

        Returns
        -------
        ndarray of shape (q, m), int64
            −1 where there are no more.
        """
        positions = np.full((len(queries), m), -1, np.int64)
        if not self._lists.n:
            return positions
        tuned, near = ceil(n_probes / self._share), self._near(index, queries)
        for some, fewest in ((near, _FEWEST_NEAR), (~near, FEWEST_FAR)):
            if some.any():
                positions[some] = search_widening(
                    index, queries[some], k, m, max(tuned, fewest), selector, self._lists
                )
        return positions

    def _near(self, index: Any, queries: FloatArray) -> NDArray[np.bool_]:
        """Tell in which queries' nearest list about as much is allowed as everywhere."""
        nearest = index.quantizer.search(queries, 1)[1][:, 0]
        share = self._counts[nearest] / np.maximum(1, self._sizes[nearest])
        near: NDArray[np.bool_] = share >= _AS_MUCH * self._counts.sum() / self._sizes.sum()
        return near
