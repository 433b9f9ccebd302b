"""Explicit ratings as the strength of a choice, for models that learn from choices alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.errors import OptionError
from vitrine.ratings.ids import Ids
from vitrine.ratings.interactions import Feedback, Rows

FloatArray = NDArray[np.float32]


class Graded:
    """Part of the models to which a rating is a choice, more or less strong.

    Attributes
    ----------
    rating_power : float
        As `grades`.
    """

    items_: Ids
    rating_range_: tuple[float, float]
    feedback_: Feedback
    rating_power: float

    def _grades(self, ratings: NDArray[Any]) -> FloatArray:
        """Return how much each rating counts as a choice, float32 (n,)."""
        return grades(ratings, self.rating_range_, self.feedback_, self.rating_power)

    def _chosen(self, rows: Rows) -> sp.csr_matrix:
        """Return how strongly each row's user chose each item, (n_rows, n_items)."""
        return rows.matrix(len(self.items_), self._grades(rows.ratings))


def grades(
    ratings: NDArray[Any],
    rating_range: tuple[float, float],
    feedback: Feedback,
    power: float,
) -> FloatArray:
    """Return how much each interaction counts as a choice, float32 (n,), 0 to 1.

    An explicit rating counts by its place between the lowest and the highest rating, to `power`:
    the lowest is no choice at all, the highest a whole one; with `power` 0 every rating is one.
    Implicit interactions count 1.

    Raises
    ------
    OptionError
        If `power` is below 0.
    """
    if not power >= 0:
        raise OptionError(f"rating_power is {power}; it must be 0 or more")
    low, high = rating_range
    if feedback == "implicit" or power == 0 or low == high:
        return np.ones(len(ratings), np.float32)
    places = (np.asarray(ratings, np.float64) - low) / (high - low)
    raised: FloatArray = (places**power).astype(np.float32)
    return raised
