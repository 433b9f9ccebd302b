"""A block of features as a density: how much likelier a row is to some than to everybody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.index.distance import unit
from vitrine.ratings.features import hats

Array = NDArray[Any]
N_KNOTS = 64
"""Values of a number that are told apart; between them it is shared out."""
WIDTH = 0.3
"""Of the bells that tell how near two numbers are, in standard deviations of the knots."""
NOTHING = 1e-9
"""Likeness below which an item is like nothing that anybody chose."""
PARTS = ("frame", "told", "common")


@dataclass(frozen=True, eq=False)
class ProfileBlock:
    """One block of features, as rows whose products with means of rows are likenesses.

    Of items for `ContentProfile`, where a user is a mean; of users for `UserProfile`, where an item
    is one.

    Attributes
    ----------
    n_columns : int
        Of the features; 1 for a number.
    frame : ndarray of shape (d,), float32
        A number's knots, ascending; the mean of vectors' unit-length rows; empty for categories.
    told : ndarray of shape (n, d), float32
        A row is 0 where there is no such feature.
    common : ndarray of shape (d,), float32
        The mean row of everybody's choices.
    """

    n_columns: int
    frame: Array
    told: Array
    common: Array

    @classmethod
    def of(cls, block: Array, described: NDArray[np.bool_], weights: Array) -> Self:
        """Take the frame from the rows that take part, as often as `weights` (n,) says."""
        known = block[described & (weights > 0)]
        if not len(known):
            raise InputError(
                "what takes part in choices has no features; nothing can be learned of them"
            )
        if block.shape[1] == 1:
            frame = np.unique(np.quantile(known, np.linspace(0, 1, N_KNOTS)))
        elif ((block == 0) | (block == 1)).all():
            frame = np.empty(0)
        else:
            frame = unit(known).mean(axis=0)
        frame = frame.astype(np.float32)
        told = _told(block, described, frame)
        common = weights @ told / np.maximum(weights @ told.any(axis=1), 1e-12)
        return cls(block.shape[1], frame, told, common.astype(np.float32))

    def extended(self, block: Array, described: NDArray[np.bool_]) -> ProfileBlock:
        """Return the block with rows for more items below."""
        more = _told(block, described, self.frame)
        return replace(self, told=np.concatenate([self.told, more]))

    def means(self, chosen: sp.csr_matrix, prior: float) -> Array:
        """Return the mean row of what each chose, drawn towards everybody's, (q, d).

        Parameters
        ----------
        chosen : csr_matrix of shape (q, n)
        prior : float
            Choices that everybody's mean counts for.
        """
        means: Array = chosen @ self.told + prior * self.common
        means /= (chosen @ self._there + prior)[:, None]
        return means

    def lift(self, means: Array, rows: NDArray[Any] | slice = slice(None)) -> Array:
        """Return how much likelier rows are by some means than by everybody's, the logarithm.

        Parameters
        ----------
        means : ndarray of shape (q, d)
            As `means` gives them.
        rows : ndarray of int64 or slice
            Which of the block's.

        Returns
        -------
        ndarray of shape (q, n_rows), float64
        """
        expected = self._expected[rows]
        known = expected > NOTHING
        # A mean's likeness is never 0, for everybody's is a share of it.
        shares = (means @ self._likened[rows].T) / np.where(known, expected, 1.0)
        lifts: Array = np.where(known, np.log(np.maximum(shares, NOTHING)), 0.0)
        return lifts

    def likeness(self, rows: NDArray[Any]) -> Array:
        """Return how alike some rows are to all, 0 to 1, (n_rows, n)."""
        alike: Array = self.told[rows] @ self._likened.T
        return alike

    def to_arrays(self, name: str) -> dict[str, Array]:
        """Return the block's arrays by names of their own, for a model's artifact."""
        return {f"{part}.{name}": getattr(self, part) for part in PARTS}

    @classmethod
    def from_arrays(cls, n_columns: int, name: str, arrays: Mapping[str, Array]) -> Self:
        """Rebuild a block from what `to_arrays` returned, among which may be others."""
        return cls(n_columns, *(arrays[f"{part}.{name}"] for part in PARTS))

    @cached_property
    def _there(self) -> NDArray[np.float32]:
        """1 where there is the feature, else 0, (n,)."""
        return np.asarray(self.told.any(axis=1), np.float32)

    @cached_property
    def _expected(self) -> NDArray[np.float64]:
        """Everybody's likeness to each row, (n,)."""
        return np.asarray(self._likened @ self.common, np.float64)

    @cached_property
    def _likened(self) -> Array:
        """What rows are multiplied by to be likened to, (n, d)."""
        if self.n_columns > 1:
            return self.told
        deviation = self.frame.std() or 1.0
        gaps = (self.frame[:, None] - self.frame) / (WIDTH * deviation)
        bells: Array = self.told @ np.exp(-0.5 * gaps**2)
        return bells


def _told(block: Array, described: NDArray[np.bool_], frame: Array) -> NDArray[np.float32]:
    """Return a block's rows, (n, d): hats between knots, unit rows, or unit rows around a mean."""
    there = described.copy()
    rows: Array
    if block.shape[1] == 1:
        rows = hats(block, frame)
    else:
        there &= block.any(axis=1)
        rows = unit(block)
        if len(frame):
            around = unit(rows - frame)
            rows = np.hstack([np.ones((len(rows), 1)), around]) / np.sqrt(2)
    rows[~there] = 0.0
    return rows.astype(np.float32)
