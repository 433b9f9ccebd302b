"""Measures of recommended lists, on plain arrays; one value a list.

``relevant``, bool (q, k), says whether the item at each rank is one that the user went on to like;
``n_relevant``, int64 (q,), how many such items there were. A list without any is NaN. See
`vitrine.evaluation.metrics` for precision, recall and average precision.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.ratings.interactions import Rows

BoolArray = NDArray[np.bool_]
Float64Array = NDArray[np.float64]
Lists = NDArray[np.int64]


def relevance(lists: Lists, wanted: Rows) -> BoolArray:
    """Return which entries of `lists` (q, k), item codes or −1, are in row q of `wanted`."""
    n = int(max(lists.max(initial=0), wanted.indices.max(initial=0))) + 1
    keys = np.repeat(np.arange(len(lists)), wanted.counts) * n + wanted.indices
    found: BoolArray = np.isin(np.arange(len(lists))[:, None] * n + lists, keys) & (lists >= 0)
    return found


def ndcg_at_k(relevant: BoolArray, n_relevant: NDArray[np.int64]) -> Float64Array:
    """Return the normalised discounted cumulative gain: (q,), 0 to 1.

    NDCG@k = Σᵢ relᵢ / log₂(i + 1) over the same for a perfect list, i = 1 … k (Järvelin and
    Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", 2002, with relevance 0 or 1).
    """
    k = relevant.shape[1]
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.append(0.0, np.cumsum(discounts))[np.minimum(n_relevant, k)]
    values = np.full(len(relevant), np.nan)
    np.divide(relevant @ discounts, ideal, out=values, where=n_relevant > 0)
    return values


def hit_at_k(relevant: BoolArray, n_relevant: NDArray[np.int64]) -> Float64Array:
    """Return 1 where the list holds any relevant item, else 0: (q,)."""
    return np.where(n_relevant > 0, relevant.any(axis=1), np.nan)


def coverage(lists: Lists, n_items: int) -> float:
    """Return the share of all items that is in any list."""
    return len(np.unique(lists[lists >= 0])) / n_items


def novelty(lists: Lists, item_shares: Float64Array) -> Float64Array:
    """Return the mean self-information of each list's items in bits: (q,).

    −log₂ of the share of users who rated the item (Zhou et al., "Solving the apparent
    diversity-accuracy dilemma of recommender systems", 2010); higher is more novel.

    Parameters
    ----------
    lists : ndarray of shape (q, k), int64
    item_shares : ndarray of shape (n_items,), float64
        Share of users who rated each item; 0 counts as half a user's would at the least.
    """
    floor = item_shares[item_shares > 0].min() / 2
    return _mean_of(lists, -np.log2(np.maximum(item_shares, floor)))


def popularity(lists: Lists, item_shares: Float64Array) -> Float64Array:
    """Return the mean share of users who rated each list's items: (q,), 0 to 1."""
    return _mean_of(lists, item_shares)


def diversity(lists: Lists, rated: sp.csr_matrix) -> Float64Array:
    """Return one minus the mean cosine between the items of each list: (q,), 0 to 1.

    Parameters
    ----------
    lists : ndarray of shape (q, k), int64
    rated : csr_matrix of shape (n_users, n_items)
        Who rated what: items are alike as far as the same users rated them. An item that nobody
        rated is like no other.
    """
    binary = sp.csc_matrix(rated, dtype=np.float64)
    binary.data[:] = 1.0
    lengths = np.sqrt(np.maximum(np.diff(binary.indptr), 1))
    vectors = (binary @ sp.diags(1 / lengths)).T.tocsr()  # one row an item, of unit length
    listed = lists >= 0
    rows = np.repeat(np.arange(len(lists)), listed.sum(axis=1))
    entries = np.ones(len(rows)), (rows, lists[listed])
    sums = sp.csr_matrix(entries, shape=(len(lists), vectors.shape[0])) @ vectors
    own = _sum_of(lists, np.asarray(vectors.power(2).sum(axis=1)).ravel())
    pairs = listed.sum(axis=1) * (listed.sum(axis=1) - 1.0)
    cosines = np.asarray(sums.power(2).sum(axis=1)).ravel() - own
    values = np.full(len(lists), np.nan)
    np.divide(cosines, pairs, out=values, where=pairs > 0)
    return 1 - values


def _sum_of(lists: Lists, values: Float64Array) -> Float64Array:
    sums: Float64Array = np.append(values, 0.0)[lists].sum(axis=1)  # −1 picks the 0 at the end
    return sums


def _mean_of(lists: Lists, values: Float64Array) -> Float64Array:
    counts = (lists >= 0).sum(axis=1)
    means = np.full(len(lists), np.nan)
    np.divide(_sum_of(lists, values), counts, out=means, where=counts > 0)
    return means
