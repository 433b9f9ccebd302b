"""Search under a filter: in lists that hold what it allows, until more of them add nothing."""

from __future__ import annotations

from math import ceil
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from vitrine.index.lists import packed
from vitrine.topk import FloatArray, Positions

_ENOUGH = 1.5
"""Looking into lists ends when they bring nothing among so many times the k best."""

_FEWEST_NEAR, _FEWEST_FAR = 8, 32
"""Lists looked into first, and then as many again. That fewer bring nothing nearer may be chance,
and far from what is allowed, where any list may hold some of the nearest, most bring nothing."""

_AS_MUCH = 0.75
"""Of the share of all rows that is allowed: with less in its nearest list, a query is far away."""

_LISTS_AHEAD = 8
"""So many times the lists of the first look are put in order at once; few queries need more."""


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
        self._n = int(np.count_nonzero(holding))
        self._share = float(counts.sum()) / max(1, int(sizes[holding].sum()))
        self._holding = packed(holding)  # outlives searches: selectors only point at it

    def search(
        self, index: Any, queries: FloatArray, k: int, m: int, n_probes: int, selector: Any
    ) -> Positions:
        """Return candidates for the k nearest rows of each query (q, m), in order of their codes.

        The nearest that a filter allows may lie together and far from a query, where an effort that
        was tuned without filters says little. So each query looks into twice as many lists again
        and again, until the new ones bring nothing that is near enough to matter.

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
        if not self._n:
            return positions
        tuned, near = ceil(n_probes / self._share), self._near(index, queries)
        for some, fewest in ((near, _FEWEST_NEAR), (~near, _FEWEST_FAR)):
            if some.any():
                first = min(self._n, max(tuned, fewest))
                positions[some] = self._search(index, queries[some], k, m, first, selector)
        return positions

    def _near(self, index: Any, queries: FloatArray) -> NDArray[np.bool_]:
        """Tell in which queries' nearest list about as much is allowed as everywhere."""
        nearest = index.quantizer.search(queries, 1)[1][:, 0]
        share = self._counts[nearest] / np.maximum(1, self._sizes[nearest])
        near: NDArray[np.bool_] = share >= _AS_MUCH * self._counts.sum() / self._sizes.sum()
        return near

    def _search(
        self, index: Any, queries: FloatArray, k: int, m: int, first: int, selector: Any
    ) -> Positions:
        """Do what `search` says, beginning with so many lists."""
        scores = np.full((len(queries), m), np.inf, np.float32)
        positions = np.full((len(queries), m), -1, np.int64)
        going, last = np.arange(len(queries)), ceil(_ENOUGH * k) - 1
        start, end = 0, first
        ordered = self._ordered(index, queries, min(self._n, _LISTS_AHEAD * first))
        while True:
            if end > len(ordered[0][0]):
                ordered = self._ordered(index, queries, self._n)
            lists = [np.ascontiguousarray(part[going, start:end]) for part in ordered]
            more = _look_into(index, np.ascontiguousarray(queries[going]), m, lists, selector)
            worst = scores[going, last]
            nearer = (more[0][:, 0] < worst) | np.isinf(worst)
            scores[going], positions[going] = _merged((scores[going], positions[going]), more)
            going, start = going[nearer], end
            if end == self._n or not len(going):
                return positions
            end = min(self._n, 2 * end)

    def _ordered(
        self, index: Any, queries: FloatArray, n: int
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        """Return the distances and numbers of the n lists nearest to each query, nearest first."""
        parameters = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(self._holding))
        found: tuple[FloatArray, NDArray[np.int64]] = index.quantizer.search(
            queries, n, params=parameters
        )
        return found


def _look_into(
    index: Any, queries: FloatArray, m: int, lists: list[NDArray[Any]], selector: Any
) -> tuple[FloatArray, Positions]:
    """Return the scores and positions of the m nearest by their codes in each query's own lists."""
    distances, numbers = lists
    scores = np.empty((len(queries), m), np.float32)
    positions = np.empty((len(queries), m), np.int64)
    pointers = [faiss.swig_ptr(part) for part in (numbers, distances, scores, positions)]
    # FAISS's own wrapper of this takes no parameters.
    parameters = faiss.SearchParametersIVF(nprobe=numbers.shape[1], sel=selector)
    index.search_preassigned_c(
        len(queries), faiss.swig_ptr(queries), m, *pointers, False, parameters
    )
    scores[positions < 0] = np.inf
    return scores, positions


def _merged(
    one: tuple[FloatArray, Positions], other: tuple[FloatArray, Positions]
) -> tuple[FloatArray, Positions]:
    """Return as many of the lowest scores, and their positions, as one of the two has."""
    scores: FloatArray = np.hstack([one[0], other[0]])
    positions: Positions = np.hstack([one[1], other[1]])
    order = np.argsort(scores, axis=1, kind="stable")[:, : one[0].shape[1]]
    return np.take_along_axis(scores, order, 1), np.take_along_axis(positions, order, 1)
