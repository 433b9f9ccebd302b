"""The nearest among some rows of a large matrix, scored where they lie."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from math import sqrt

import faiss
import numpy as np

from vitrine.index.rows import Rows
from vitrine.topk import UNIT_ROUNDOFF, FloatArray, Metric, Positions

_WORTH_A_THREAD = 1_000_000
"""Numbers to go through, from which on a second thread takes half of them."""


def likely(
    query: FloatArray, rows: Rows, positions: Positions, k: int, metric: Metric
) -> Positions:
    """Return those of some rows that may be among the k nearest of them to a query, in order.

    All of the k nearest are there, and few others: those that rounding in single precision does
    not tell from the last of them. Rows are scored where they lie; copying them together first
    took three times as long.

    Parameters
    ----------
    query : ndarray of shape (d,), float32
    rows : Rows
    positions : ndarray of shape (m,), int64
        Which rows to look at, each once.
    k : int
    metric : {"ip", "l2"}
    """
    m = len(positions)
    if m <= k:
        return positions
    scores = _scores(np.ascontiguousarray(query), rows, np.ascontiguousarray(positions), metric)
    last = float(np.partition(scores, m - k)[m - k])
    # Higham's bound, as in `vitrine.topk.nearest`, twice over: both scores are rounded.
    margin = 2 * (rows.n_components + 8) * UNIT_ROUNDOFF
    if metric == "l2":
        margin *= abs(last)
    else:
        margin *= sqrt(float(query @ query) * float(rows.squared_norms[positions].max()))
    near: Positions = positions[scores >= last - margin]
    return near


def likely_of_each(
    queries: FloatArray,
    rows: Rows,
    positions: Positions,
    k: int,
    metric: Metric,
    exclude: Positions | None,
) -> Positions:
    """Return what is `likely` for each of some queries, (q, m), filled up with −1.

    Parameters
    ----------
    queries : ndarray of shape (q, d), float32
    rows, positions, k, metric
        As `likely`.
    exclude : ndarray of shape (q,), int64, optional
        One position a query that may not be returned; −1: none.
    """
    found = []
    for i, query in enumerate(queries):
        own = positions if exclude is None else positions[positions != exclude[i]]
        found.append(likely(query, rows, own, k, metric))
    return _side_by_side(found)


def likely_candidates(
    queries: FloatArray, rows: Rows, candidates: Positions, k: int, metric: Metric
) -> Positions:
    """Return what is `likely` among each query's own candidates, (q, m), filled up with −1.

    Parameters
    ----------
    queries : ndarray of shape (q, d), float32
    rows, k, metric
        As `likely`.
    candidates : ndarray of shape (q, c), int64
        Rows, distinct for each query; −1 is no candidate.
    """
    return _side_by_side(
        [likely(query, rows, own[own >= 0], k, metric)
         for query, own in zip(queries, candidates, strict=True)]
    )  # fmt: skip


def _side_by_side(found: list[Positions]) -> Positions:
    positions = np.full((len(found), max(map(len, found), default=0)), -1)
    for i, some in enumerate(found):
        positions[i, : len(some)] = some
    return positions


def _scores(query: FloatArray, rows: Rows, positions: Positions, metric: Metric) -> FloatArray:
    scores = np.empty(len(positions), np.float32)
    if len(positions) * rows.n_components < _WORTH_A_THREAD:
        _score(query, rows.vectors, positions, scores, metric)
        return scores
    # Waiting for memory takes most of the time, which two threads can do at once.
    half = len(positions) // 2
    other = _helpers(os.getpid()).submit(
        _score, query, rows.vectors, positions[half:], scores[half:], metric, one_thread=True
    )
    _score(query, rows.vectors, positions[:half], scores[:half], metric)
    other.result()
    return scores


def _score(
    query: FloatArray,
    vectors: FloatArray,
    positions: Positions,
    scores: FloatArray,
    metric: Metric,
    one_thread: bool = False,
) -> None:
    """Write the score of each row at `positions` into `scores`, higher for nearer."""
    if one_thread:
        faiss.omp_set_num_threads(1)  # of this thread, which does nothing else
    score = faiss.fvec_inner_products_by_idx if metric == "ip" else faiss.fvec_L2sqr_by_idx
    pointers = [faiss.swig_ptr(array) for array in (scores, query, vectors, positions)]
    score(*pointers, vectors.shape[1], 1, len(positions))
    if metric == "l2":
        np.negative(scores, out=scores)


@cache
def _helpers(_process: int) -> ThreadPoolExecutor:
    """Return this process's threads; a forked one has none of its parent's."""
    return ThreadPoolExecutor(os.cpu_count(), "score")
