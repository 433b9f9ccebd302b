"""How sure a mean over queries is: percentile intervals from resampled queries.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A measured mean and the ends of its interval; NaN where nothing could be measured.

    Attributes
    ----------
    value, low, high : float
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1%} ({self.low:.1%} to {self.high:.1%})"


def bootstrap(
    values: Float64Array, n_bootstrap: int = 1000, random_state: int = 0, level: float = 0.95
) -> list[Figure]:
    """Return the mean of each column with its percentile interval over resampled rows.

    Parameters
    ----------
    values : ndarray of shape (q, m), float64
        One row a query, one column a measure; NaN leaves the query out of that measure.
    n_bootstrap : int
        Resamplings; 0 for none (low and high are NaN).
    random_state : int
    level : float
        How often the interval should cover the truth.
    """
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN: nothing was measured
        measured = ~np.isnan(values)
        filled = np.where(measured, values, 0.0)
        means = filled.sum(axis=0) / measured.sum(axis=0)
        if n_bootstrap < 1:
            return [Figure(float(mean), np.nan, np.nan) for mean in means]
        both = np.hstack([filled, measured])
        sums = np.concatenate(
            [counts @ both for counts in _resampled(len(values), n_bootstrap, random_state)]
        )
        resampled = sums[:, : values.shape[1]] / sums[:, values.shape[1] :]
    tail = 100 * (1 - level) / 2
    figures = []
    for mean, column in zip(means, resampled.T, strict=True):
        known = column[~np.isnan(column)]
        low, high = np.percentile(known, [tail, 100 - tail]) if len(known) else (np.nan, np.nan)
        figures.append(Figure(float(mean), float(low), float(high)))
    return figures


def paired_difference(
    first: Float64Array,
    second: Float64Array,
    n_bootstrap: int = 1000,
    random_state: int = 0,
    level: float = 0.95,
) -> Figure:
    """Return mean(first − second) over the same queries with its interval.

    The difference is real, at `level`, where the interval does not hold 0. Pairing takes out what
    makes a query easy or hard for both, so that smaller differences show than by comparing two
    intervals.

    Parameters
    ----------
    first, second : ndarray of shape (q,), float64
        One value a query, the same queries in the same order; NaN in either leaves a query out.
    n_bootstrap, random_state, level
        As `bootstrap`.
    """
    return bootstrap((first - second)[:, None], n_bootstrap, random_state, level)[0]


def _resampled(n: int, n_bootstrap: int, random_state: int) -> Iterator[Float64Array]:
    """Yield how often each of n rows was drawn, (b, n) at a time, b ≤ `n_bootstrap` in sum."""
    rng = np.random.default_rng(random_state)
    step = max(1, 2**20 // max(1, n))  # 8 MB of draws at a time
    for start in range(0, n_bootstrap, step):
        b = min(step, n_bootstrap - start)
        drawn = rng.integers(0, n, (b, n)) + n * np.arange(b)[:, None]
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)
