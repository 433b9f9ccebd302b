"""Mask, rank, cut: the k best of each row of scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, OptionError

FloatArray = NDArray[np.float32]
Positions = NDArray[np.int64]
TopK = tuple[Positions, FloatArray]


def top_k(scores: NDArray[Any], k: int, allowed: NDArray[np.bool_] | None = None) -> TopK:
    """Return the k best of each row, best first, equal scores in order of position.

    Parameters
    ----------
    scores : ndarray of shape (q, n), float
        Higher is better. NaN and −inf are never returned.
    k : int
        At least 1; may exceed n.
    allowed : ndarray of bool, shape (n,) or (q, n), optional
        What may be returned.

    Returns
    -------
    positions : ndarray of shape (q, k), int64
        Columns of `scores`; −1 at the end of a row that has fewer than k to return.
    scores : ndarray of shape (q, k), float32
        Their scores; −inf where the position is −1.

    Raises
    ------
    InputError
        If a shape does not fit.
    OptionError
        If k is under 1.
    """
    check_k(k)
    if scores.ndim != 2:
        raise InputError(f"scores must be (q, n), not {scores.shape}")
    if allowed is not None and allowed.shape not in (scores.shape, scores.shape[1:]):
        raise InputError(f"allowed is {allowed.shape}, the scores are {scores.shape}")
    unusable = np.isnan(scores)
    if allowed is not None:
        unusable |= ~allowed
    masked = np.where(unusable, -np.inf, scores) if unusable.any() else scores
    best = select(masked, min(k, masked.shape[1]))
    _settle_ties(masked, best)
    return rank(best, np.take_along_axis(masked, best, axis=1), k)


def check_k(k: int) -> None:
    """Raise `OptionError` unless k is 1 or more."""
    if k < 1:
        raise OptionError(f"k is {k}; ask for 1 or more")


def select(scores: NDArray[Any], m: int) -> Positions:
    """Return the columns (q, m) of the m highest scores of each row, in no order.

    Columns are first dealt into groups whose maxima take one fast pass; the m highest scores lie
    within the m groups of the highest maxima, so only those are partitioned.
    """
    n = scores.shape[1]
    if m == n:
        return np.broadcast_to(np.arange(n), scores.shape).copy()
    n_members = int(np.sqrt(n / m))
    if n_members < 4:
        return np.argpartition(scores, n - m, axis=1)[:, n - m :]
    width = n // n_members
    grouped = scores[:, : n_members * width].reshape(len(scores), n_members, width)
    groups = np.argpartition(grouped.max(axis=1), width - m, axis=1)[:, width - m :]
    members = groups[:, :, None] + width * np.arange(n_members)  # (q, m, n_members)
    left_over = np.arange(n_members * width, n)
    columns = np.hstack([members.reshape(len(scores), -1), np.tile(left_over, (len(scores), 1))])
    within = np.take_along_axis(scores, columns, axis=1)
    best = np.argpartition(within, within.shape[1] - m, axis=1)[:, within.shape[1] - m :]
    return np.take_along_axis(columns, best, axis=1)


def _settle_ties(scores: NDArray[Any], best: Positions) -> None:
    """Among equal scores at the cut keep the lowest positions, in place."""
    if best.shape[1] in (0, scores.shape[1]):
        return
    cut = np.take_along_axis(scores, best, axis=1).min(axis=1, keepdims=True)
    crowded = (np.count_nonzero(scores >= cut, axis=1) > best.shape[1]) & (cut[:, 0] > -np.inf)
    for row in np.flatnonzero(crowded):
        above = np.flatnonzero(scores[row] > cut[row])
        at = np.flatnonzero(scores[row] == cut[row])
        best[row] = np.concatenate([above, at])[: best.shape[1]]


def rank(candidates: Positions, scores: NDArray[Any], k: int) -> TopK:
    """Order candidates (q, m) by score, then position, and cut or pad to (q, k).

    Where a score is −inf, the candidate is none.
    """
    order = np.lexsort((candidates, -scores), axis=1)[:, :k]
    rows = np.arange(len(candidates))[:, None]  # take_along_axis is slow for one query
    ordered = scores[rows, order]
    positions = np.where(ordered > -np.inf, candidates[rows, order], np.int64(-1))
    with np.errstate(over="ignore"):
        ranked = ordered.astype(np.float32)
    if order.shape[1] == k:
        return positions, ranked
    missing = ((0, 0), (0, k - order.shape[1]))
    return (
        np.pad(positions, missing, constant_values=-1),
        np.pad(ranked, missing, constant_values=-np.inf),
    )
