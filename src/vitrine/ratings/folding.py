"""Users who came, or rated more, after a model was fitted: their scores without fitting again.

A fitted model keeps what it knows of the items; what it would know of a user follows from the
user's ratings alone. How much each of those speaks for an item comes out with it, which is what a
pick is explained by (as in Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback
Datasets", 2008, section 5).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.ratings.base import RatingModel
from vitrine.ratings.ids import UNKNOWN, Codes

Array = NDArray[Any]
FloatArray = NDArray[np.float32]


class Folding:
    """Serves users that a model was not fitted with; here with what an unknown user gets.

    Parameters
    ----------
    model : RatingModel
        Fitted; it stays as it is.
    """

    def __init__(self, model: RatingModel) -> None:
        self.model = model

    def scores(self, items: Codes, ratings: FloatArray) -> Array:
        """Score every item for a user, (n_items,).

        Parameters
        ----------
        items : ndarray of shape (n,), int32
            Codes of what the user rated, all known to the model, ascending.
        ratings : ndarray of shape (n,), float32
        """
        return np.asarray(self.model._scores(np.array([UNKNOWN], np.int32))[0])

    def contributions(self, items: Codes, ratings: FloatArray, picks: Codes) -> Array:
        """Return how much each rated item speaks for each of `picks`, (n_picks, n).

        Here how alike the two are to the model, times how much more than usual the user liked the
        rated one.
        """
        similar = self.model._item_similarities(picks)[:, items]
        return np.asarray(np.maximum(similar, 0.0) * self.liking(ratings))

    def liking(self, ratings: FloatArray) -> Array:
        """Return how much more than the user's usual each rating is; all of implicit feedback."""
        if self.model.feedback_ == "implicit" or not self.model.predicts_ratings:
            return np.ones(len(ratings))
        low, high = self.model.rating_range_
        usual = (ratings.sum() + (low + high) / 2) / (len(ratings) + 1)
        return np.asarray(ratings - usual, np.float64)


class ItemWeights(Folding):
    """For models that are weights of items for items, such as EASE: the sum of the rows."""

    def scores(self, items: Codes, ratings: FloatArray) -> Array:
        """Score every item for a user, (n_items,)."""
        weights: Array = self.model.weights_  # type: ignore[attr-defined]
        return np.asarray(weights[items].sum(axis=0))

    def contributions(self, items: Codes, ratings: FloatArray, picks: Codes) -> Array:
        """Return the weight of each rated item for each pick, (n_picks, n)."""
        weights: Array = self.model.weights_  # type: ignore[attr-defined]
        return weights[np.ix_(items, picks)].T


def folding(model: RatingModel) -> Folding:
    """Return what serves users that `model` was not fitted with."""
    return ItemWeights(model) if hasattr(model, "weights_") else Folding(model)
