"""The compiled loops of the neighbourhood models."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.ratings.compiled import compiled

Array = NDArray[Any]


@compiled
def similarities(
    first: int,
    last: int,
    own: tuple[Array, Array, Array],
    other: tuple[Array, Array, Array],
    shrinkage: np.float32,
    centre: bool,
) -> Array:
    """Return the similarities of rows first to last to all, (last - first, n)."""
    own_indptr, own_others, own_ratings = own
    other_indptr, other_owns, other_ratings = other
    n = len(own_indptr) - 1
    block = np.zeros((last - first, n), np.float32)
    sums = np.zeros((n, 6), np.float32)  # count, xy, xx, yy, x, y over common ratings
    for a in range(first, last):
        sums[:] = 0.0
        for s in range(own_indptr[a], own_indptr[a + 1]):
            with_both, x = own_others[s], own_ratings[s]
            for t in range(other_indptr[with_both], other_indptr[with_both + 1]):
                y, row = other_ratings[t], sums[other_owns[t]]
                row[0] += np.float32(1.0)
                row[1] += x * y
                row[2] += x * x
                row[3] += y * y
                if centre:
                    row[4] += x
                    row[5] += y
        for b in range(n):
            if b != a:
                block[a - first, b] = _similarity(sums[b], shrinkage, centre)
    return block


@compiled
def _similarity(sums: Array, shrinkage: np.float32, centre: bool) -> np.float32:
    count, xy, xx, yy, x, y = sums
    if count < 1.0:
        return np.float32(0.0)
    least = np.float32(1e-9) * xx * yy
    if centre:
        xy, xx, yy = xy - x * y / count, xx - x * x / count, yy - y * y / count
    if xx * yy <= least:  # nothing varies, but for rounding errors
        return np.float32(0.0)
    trust = np.float32(1.0)
    if shrinkage > 0.0:
        trust = (count - np.float32(1.0)) / (count - np.float32(1.0) + shrinkage)
    return np.float32(trust * xy / np.sqrt(xx * yy))


@compiled
def weighted_means(
    own: Array,
    other: Array,
    indptr: Array,
    neighbours: Array,
    similarities: Array,
    other_indptr: Array,
    other_owns: Array,
    deviations: Array,
    k: int,
    damping: np.float32,
) -> Array:
    """Return each pair's mean of the k most similar deviations; NaN where there is none."""
    n = len(indptr) - 1
    spread = np.zeros(n, np.float32)
    best, best_at = np.empty(k, np.float32), np.empty(k, np.int64)
    means = np.full(len(own), np.float32(np.nan))
    last = -1
    for pair in range(len(own)):
        a, b = own[pair], other[pair]
        if a < 0 or b < 0:
            continue
        if a != last:
            if last >= 0:
                spread[neighbours[indptr[last] : indptr[last + 1]]] = 0.0
            for s in range(indptr[a], indptr[a + 1]):
                spread[neighbours[s]] = similarities[s]
            last = a
        m = 0
        for t in range(other_indptr[b], other_indptr[b + 1]):
            value = spread[other_owns[t]]
            if value > 0.0 and (m < k or value > best[m - 1]):
                place = min(m, k - 1)
                while place > 0 and best[place - 1] < value:
                    best[place], best_at[place] = best[place - 1], best_at[place - 1]
                    place -= 1
                best[place], best_at[place] = value, t
                m = min(m + 1, k)
        if m > 0:
            total, weight = np.float32(0.0), damping
            for j in range(m):
                total += best[j] * deviations[best_at[j]]
                weight += best[j]
            means[pair] = total / weight
    return means
