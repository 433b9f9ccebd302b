"""How much each of several encoders should count, found on pictures that are held out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
Score = Callable[[FloatArray], float]
"""Rates similarities (q, n): higher is better."""

_SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
"""What a member may be given of the whole, the others keeping their proportions."""
_DEPTH = 5
_LEAST_GAIN = 5e-4
"""What a change must bring: smaller ones are chance."""


def similarities(queries: FloatArray, gallery: FloatArray) -> FloatArray:
    """Return minus half the squared distances between rows, (q, n)."""
    inner: FloatArray = queries @ gallery.T
    halves = [np.float32(0.5) * np.einsum("nd,nd->n", x, x) for x in (queries, gallery)]
    inner -= halves[0][:, None] + halves[1][None, :]
    return inner


def by_labels(codes: NDArray[np.intp]) -> Score:
    """Rate by labels: the nearest is of the same class, and so are the nearest five.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Classes; item i is both query i and gallery item i, and leaves itself out.
    """

    def score(similar: FloatArray) -> float:
        left = similar.copy()
        np.fill_diagonal(left, -np.inf)
        k = min(_DEPTH, len(codes) - 1)
        nearest = np.argpartition(-left, k - 1, axis=1)[:, :k]
        same = codes[nearest] == codes[:, None]
        first = codes[left.argmax(axis=1)] == codes
        return float(0.5 * first.mean() + 0.5 * same.mean())

    return score


def by_views(similar: FloatArray) -> float:
    """Rate without labels: how near the top of its list the other view of a picture is.

    The mean reciprocal rank of item i for query i.
    """
    own = np.diagonal(similar)[:, None]
    ranks = (similar > own).sum(axis=1) + 1
    return float((1.0 / ranks).mean())


def find_weights(similar: Sequence[FloatArray], score: Score) -> NDArray[np.float64]:
    """Return weights that sum to 1: from the best member alone upwards, one change at a time.

    Each round gives one member another share of the whole, the others keeping their proportions,
    and takes the change that brings most, until none brings anything (Caruana and others, Ensemble
    selection from libraries of models, ICML 2004, with shares in the place of votes).

    Parameters
    ----------
    similar : sequence of ndarray of shape (q, n)
        Each member's similarities, on one scale.
    score : function
    """
    n = len(similar)
    alone = [score(one) for one in similar]
    weights: NDArray[np.float64] = np.eye(n)[int(np.argmax(alone))]
    best = max(alone)
    while True:
        tries = [tried for member in range(n) for tried in _changed(weights, member)]
        scores = [score(_mixed(similar, tried)) for tried in tries]
        if not scores or max(scores) < best + _LEAST_GAIN:
            return weights
        best = max(scores)
        weights = tries[int(np.argmax(scores))]


def _changed(weights: NDArray[np.float64], member: int) -> list[NDArray[np.float64]]:
    """Return the weights with other shares for one member, also none."""
    others = weights.copy()
    others[member] = 0.0
    if not others.sum():  # it is alone
        return []
    others /= others.sum()
    own = np.eye(len(weights))[member]
    shares = [*_SHARES, *([0.0] if weights[member] else [])]
    return [(1 - share) * others + share * own for share in shares]


def _mixed(similar: Sequence[FloatArray], weights: NDArray[np.float64]) -> FloatArray:
    total = np.zeros_like(similar[0])
    for one, weight in zip(similar, weights, strict=True):
        if weight:
            total += np.float32(weight) * one
    return total
