"""Among what was found: near-identical ones as one, and a varied list instead of a near one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitrine.topk.ranking import FloatArray


def collapse(vectors: FloatArray, tolerance: float) -> NDArray[np.int64]:
    """Return for each vector the first one that it is nearly identical to, itself if none is.

    Two are nearly identical where ``|a − b|² ≤ 2 · tolerance · |a| · |b|``; for unit vectors that
    is a cosine distance of at most `tolerance`. Each is compared with those that stand for others,
    so that a long row of small steps does not become one.

    Parameters
    ----------
    vectors : ndarray of shape (m, d), float32
    tolerance : float

    Returns
    -------
    ndarray of shape (m,), int64
        Never above the own index; each that stands for others stands for itself too.
    """
    products = vectors @ vectors.T
    squares = np.diagonal(products)
    apart = squares[:, None] + squares[None, :] - 2 * products
    lengths = np.sqrt(squares)
    near = apart <= 2 * tolerance * lengths[:, None] * lengths[None, :]
    leaders = np.arange(len(vectors))
    if np.count_nonzero(near) == len(vectors):  # each only to itself, as nearly always
        return leaders
    near = np.tril(near, -1)
    for i in np.flatnonzero(near.any(axis=1)):
        before = np.flatnonzero(near[i] & (leaders == np.arange(len(leaders))))
        if len(before):
            leaders[i] = before[0]
    return leaders


def maximal_marginal_relevance(
    relevance: FloatArray, similarities: FloatArray, k: int, diversity: float
) -> NDArray[np.int64]:
    """Choose k candidates one by one, each relevant and unlike those already chosen.

    Carbonell and Goldstein, The use of MMR, diversity-based reranking for reordering documents and
    producing summaries, 1998; their λ is ``1 − diversity``.

    Parameters
    ----------
    relevance : ndarray of shape (m,), float32
        Similarity of each candidate to the query.
    similarities : ndarray of shape (m, m), float32
        Of the candidates to each other, in the same units.
    k : int
    diversity : float
        0: the most relevant ones; 1: the first one, and then what is least like the chosen.

    Returns
    -------
    ndarray of shape (min(k, m),), int64
        In the order chosen; of equally good ones the first.
    """
    chosen: list[int] = []
    closest = np.full(len(relevance), -np.inf)
    worth = relevance.astype(np.float64)
    for _ in range(min(k, len(relevance))):
        worth[chosen[-1:]] = -np.inf
        best = int(np.argmax(worth))
        chosen.append(best)
        closest = np.maximum(closest, similarities[best])
        worth = (1 - diversity) * relevance - diversity * closest
        worth[chosen] = -np.inf
    return np.array(chosen, np.int64)
