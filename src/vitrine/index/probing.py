"""Looking into more and more lists of an inverted file, until they add nothing."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from vitrine.topk import FloatArray, Positions

FEWEST_FAR = 32
"""Lists looked into first for a query that is far from the rows, and then as many again: any list
may hold some of its nearest, and most hold none."""

_ENOUGH = 1.5
"""Looking into lists ends when they bring nothing among so many times the k best."""

_LISTS_AHEAD = 8
"""So many times the lists of the first look are put in order at once; few queries need more."""


@dataclass(frozen=True)
class Lists:
    """Some lists of an inverted file.

    Attributes
    ----------
    n : int
        How many they are.
    bits : ndarray of uint8
        Which, eight to a byte. Must outlive searches: selectors only point at it.
    """

    n: int
    bits: NDArray[np.uint8]


def search_widening(
    index: Any,
    queries: FloatArray,
    k: int,
    m: int,
    first: int,
    selector: Any = None,
    among: Lists | None = None,
) -> Positions:
    """Return candidates for the k nearest rows of each query (q, m), in order of their codes.

    Each query looks into twice as many lists again and again, until the new ones bring nothing that
    is near enough to matter.

    Parameters
    ----------
    index : faiss.IndexIVF
    queries : ndarray of shape (q, d), float32
    k, m : int
        `m` is at least 1.5 times `k`.
    first : int
        Lists to look into first.
    selector : faiss.IDSelector, optional
        Which rows may be returned.
    among : Lists, optional
        The only lists to look into.

    Returns
    -------
    ndarray of shape (q, m), int64
        −1 where there are no more.
    """
    n_lists = index.nlist if among is None else among.n
    scores = np.full((len(queries), m), np.inf, np.float32)
    positions = np.full((len(queries), m), -1, np.int64)
    going, last = np.arange(len(queries)), ceil(_ENOUGH * k) - 1
    start, end = 0, min(n_lists, first)
    ordered = _ordered(index, queries, min(n_lists, _LISTS_AHEAD * first), among)
    while True:
        if end > len(ordered[0][0]):
            ordered = _ordered(index, queries, n_lists, among)
        lists = [np.ascontiguousarray(part[going, start:end]) for part in ordered]
        more = _look_into(index, np.ascontiguousarray(queries[going]), m, lists, selector)
        worst = scores[going, last]
        nearer = (more[0][:, 0] < worst) | np.isinf(worst)
        scores[going], positions[going] = _merged((scores[going], positions[going]), more)
        going, start = going[nearer], end
        if end == n_lists or not len(going):
            return positions
        end = min(n_lists, 2 * end)


def _ordered(
    index: Any, queries: FloatArray, n: int, among: Lists | None
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return the distances and numbers of the n lists nearest to each query, nearest first."""
    selector = None if among is None else faiss.IDSelectorBitmap(among.bits)
    parameters = None if selector is None else faiss.SearchParameters(sel=selector)
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
