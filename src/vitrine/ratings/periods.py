"""What was chosen more than usual around some time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.ratings.interactions import Interactions
from vitrine.ratings.trending import OUTSIDE, likeliest_half_life

Array = NDArray[Any]
A_HALF_LIFE, MAX_PERIODS = 2, 128
"""Periods in a half-life, and at most in all."""
PRIOR = 30.0
"""Choices that all times count for in a period's shares."""


@dataclass(frozen=True, eq=False)
class Periods:
    """The logarithm of each item's share of what was chosen around a time over its share of all.

    A choice counts the less the further it lies from the time, before or after it: half at the
    half-life by which `Trending` finds that choices age.

    Attributes
    ----------
    times : ndarray of shape (n_periods,), float64
        Their middles, ascending, at equal distances.
    lifts : ndarray of shape (n_periods, n_items), float32
        Of deviation 1 in all.
    """

    times: Array
    lifts: Array

    @classmethod
    def of(cls, interactions: Interactions, weights: Array) -> Self | None:
        """Find the periods; None without timestamps, or where nothing becomes or falls out of use.

        Parameters
        ----------
        interactions : Interactions
        weights : ndarray of shape (n,)
            How much each counts.
        """
        times = interactions.timestamps
        half_life = np.inf if times is None else likeliest_half_life(interactions, weights)
        if times is None or not np.isfinite(half_life):
            return None
        first, last = np.quantile(times, [OUTSIDE, 1 - OUTSIDE])
        n_periods = int(min((last - first) / half_life * A_HALF_LIFE, MAX_PERIODS - 1)) + 1
        middles = np.linspace(first, last, n_periods) if n_periods > 1 else np.array([last])
        nearest = _nearest(middles, times)
        shape = n_periods, interactions.n_items
        counts = sp.csr_matrix((weights, (nearest, interactions.item_codes)), shape).toarray()
        near = np.exp2(-np.abs(middles[:, None] - middles) / half_life) @ counts
        popular = counts.sum(axis=0) + 1.0
        shares = popular / popular.sum()
        drawn = (near + PRIOR * shares) / (near.sum(axis=1, keepdims=True) + PRIOR)
        lifts = np.log(drawn / shares)
        return cls(middles, (lifts / (lifts.std() or 1.0)).astype(np.float32))

    def around(self, times: Array) -> Array:
        """Return the lifts around the nearest period of each time, (q, n_items)."""
        found: Array = self.lifts[_nearest(self.times, times)]
        return found


def _nearest(middles: Array, times: Array) -> Array:
    """Return which of equally distant `middles` is nearest to each time."""
    if len(middles) == 1:
        return np.zeros(len(times), np.int64)
    places = np.rint((times - middles[0]) / (middles[1] - middles[0]))
    inside: Array = np.clip(places, 0, len(middles) - 1).astype(np.int64)
    return inside
