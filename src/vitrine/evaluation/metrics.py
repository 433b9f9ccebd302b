"""Measures of ranked lists, one value a query, on plain arrays.

All take ``relevant``, bool (q, k): whether the item at each rank is of the query's category, best
rank first. Where fewer than k items could be returned at all, cut the columns: a shop of 5 items is
not wrong for lacking a tenth. Edge cases, decided once:

- A query whose category has no other member in the gallery has nothing to find. It counts as a miss
  in `hit_at_1` and `precision_at_k`, where a wrong item is shown all the same; `recall_at_k` and
  `average_precision_at_k` are undefined for it (NaN) and leave it out of the mean.
- Recall divides by all relevant items of the gallery, not by k: it says how much of a category the
  list covers, and is small for large categories by nature.
- Average precision divides by min(k, relevant items), so that a perfect list has 1 for every k.

Definitions as in Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), 8.4,
cut at k.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
Float64Array = NDArray[np.float64]


def hit_at_1(relevant: BoolArray) -> Float64Array:
    """Return 1 where the nearest item is relevant, else 0: (q,); its mean is the rate@1."""
    return relevant[:, 0].astype(np.float64)


def precision_at_k(relevant: BoolArray) -> Float64Array:
    """Return the share of the list that is relevant: (q,), 0 to 1."""
    share: Float64Array = relevant.mean(axis=1, dtype=np.float64)
    return share


def recall_at_k(relevant: BoolArray, n_relevant: NDArray[np.int64]) -> Float64Array:
    """Return the share of the relevant items that is in the list: (q,), 0 to 1.

    Parameters
    ----------
    relevant : ndarray of shape (q, k), bool
    n_relevant : ndarray of shape (q,), int64
        How many relevant items the gallery holds; NaN is returned where there are none.
    """
    return _divide(relevant.sum(axis=1), n_relevant)


def average_precision_at_k(relevant: BoolArray, n_relevant: NDArray[np.int64]) -> Float64Array:
    """Return the mean of the precisions at each relevant rank: (q,), 0 to 1.

    AP@k = Σᵢ P@i · relᵢ / min(k, n_relevant), i = 1 … k.

    Parameters
    ----------
    relevant : ndarray of shape (q, k), bool
    n_relevant : ndarray of shape (q,), int64
        How many relevant items the gallery holds; NaN is returned where there are none.
    """
    k = relevant.shape[1]
    precisions = np.cumsum(relevant, axis=1) / np.arange(1, k + 1)
    return _divide((precisions * relevant).sum(axis=1), np.minimum(k, n_relevant))


def _divide(found: NDArray[np.generic], possible: NDArray[np.int64]) -> Float64Array:
    shares = np.full(len(possible), np.nan)
    np.divide(found, possible, out=shares, where=possible > 0)
    return shares
