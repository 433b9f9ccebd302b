"""What models share that end in factors: a mean, two biases and a product of two vectors."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.index.distance import unit
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.compiled import compiled
from vitrine.ratings.ids import Codes


class FactorModel(RatingModel):
    """Scores ``mean + user bias + item bias + user factors · item factors``.

    The last row of each array belongs to unknown users or items (code −1): zeros, unless the model
    knows better, so an unknown user gets the items' biases and an unknown item the user's.

    Attributes
    ----------
    mean_ : ndarray of shape (), float32
    user_biases_ : ndarray of shape (n_users + 1,), float32
    item_biases_ : ndarray of shape (n_items + 1,), float32
    user_factors_ : ndarray of shape (n_users + 1, n_factors), float32
    item_factors_ : ndarray of shape (n_items + 1, n_factors), float32
    """

    fitted_arrays: ClassVar[tuple[str, ...]] = (
        "mean_",
        "user_biases_",
        "item_biases_",
        "user_factors_",
        "item_factors_",
    )
    mean_: NDArray[np.float32]
    user_biases_: NDArray[np.float32]
    item_biases_: NDArray[np.float32]
    user_factors_: NDArray[np.float32]
    item_factors_: NDArray[np.float32]

    def _set_factors(
        self,
        mean: float,
        user_biases: NDArray[Any],
        item_biases: NDArray[Any],
        user_factors: NDArray[Any],
        item_factors: NDArray[Any],
    ) -> None:
        """Keep fitted arrays of n rows, with a row of zeros added for the unknown."""
        self.mean_ = np.array(mean, dtype=np.float32)
        self.user_biases_ = with_unknown(user_biases)
        self.item_biases_ = with_unknown(item_biases)
        self.user_factors_ = with_unknown(user_factors)
        self.item_factors_ = with_unknown(item_factors)

    def _predict(self, users: Codes, items: Codes) -> Scores:
        scores: Scores = self.mean_ + self.user_biases_[users] + self.item_biases_[items]
        _add_products(scores, users, items, self.user_factors_, self.item_factors_)
        return scores

    def _scores(self, users: Codes) -> Scores:
        scores: Scores = self.user_factors_[users] @ self.item_factors_[:-1].T
        scores += self.item_biases_[:-1]
        scores += (self.mean_ + self.user_biases_[users])[:, None]
        return scores

    def _item_similarities(self, items: Codes) -> Scores:
        vectors = unit(self.item_factors_[:-1])
        return vectors[items] @ vectors.T


@compiled
def _add_products(
    scores: Scores,
    users: Codes,
    items: Codes,
    user_factors: NDArray[np.float32],
    item_factors: NDArray[np.float32],
) -> None:
    """Add to each score the product of the factors of a user and an item, where they lie."""
    for n in range(len(users)):
        p, q = user_factors[users[n]], item_factors[items[n]]
        product = np.float32(0.0)
        for f in range(len(p)):
            product += p[f] * q[f]
        scores[n] += product


def with_unknown(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return `values` as float32 with a row of zeros added: what code −1 picks."""
    padding = [(0, 1)] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values.astype(np.float32), padding)
