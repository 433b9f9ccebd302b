"""EASE: an item-to-item model in closed form, for implicit feedback."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import lapack
from sklearn.utils.validation import check_is_fitted

from vitrine.errors import InputError, OptionError
from vitrine.ratings.base import Mask, Pick, RatingModel, Scores
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.ids import UNKNOWN, Codes
from vitrine.ratings.interactions import Interactions
from vitrine.topk import top_k

Array = NDArray[Any]
MAX_ITEMS = 30_000


class EASE(RatingModel):
    """Scores an item by what the user's other items say about it.

    The weights of items for items come from one ridge regression of all items on all others at once
    (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019). Every interaction counts
    once, whatever its rating or weight; `Interactions.liked` leaves the good ones. An unknown user
    gets the average user's scores; an unknown item scores 0.

    Parameters
    ----------
    regularization : float
        λ of the ridge regression, above 0.
    """

    kind: ClassVar[str] = "ease"
    predicts_ratings: ClassVar[bool] = False
    fitted_arrays: ClassVar[tuple[str, ...]] = ("weights_",)
    weights_: Array

    def __init__(self, regularization: float = 250.0) -> None:
        self.regularization = regularization

    def recommend_for(
        self,
        item_ids: Sequence[Hashable],
        k: int = 10,
        *,
        allowed: Mask | Iterable[Hashable] | None = None,
    ) -> list[Pick]:
        """Return the k best items for somebody who chose `item_ids`, known or not, best first.

        What `recommend` would give a user with just these interactions: no training is needed.
        Items that are not known say nothing; where none is, the average user's scores remain.
        """
        check_is_fitted(self, "items_")
        codes = np.unique(self.items_.codes(item_ids))
        codes = codes[codes >= 0]
        scores = self._scores(np.array([UNKNOWN]))
        if len(codes):
            scores = self.weights_[codes].sum(axis=0, keepdims=True)
        permitted = np.ones(len(self.items_), dtype=bool)
        permitted[codes] = False
        mask = self._mask(allowed)
        return self._picks(*top_k(scores, k, permitted if mask is None else permitted & mask))[0]

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if not self.regularization > 0:
            raise OptionError(f"regularization is {self.regularization}; it must be above 0")
        if interactions.n_items > MAX_ITEMS:
            raise InputError(
                f"EASE keeps a number for each pair of items, too many of {interactions.n_items} "
                f"items; up to {MAX_ITEMS} will do, or choose implicit-als"
            )
        chosen = binary(interactions.by_user.matrix(interactions.n_items))
        gram = (chosen.T @ chosen).toarray().astype(np.float64)
        gram[np.diag_indices_from(gram)] += self.regularization
        self.weights_ = item_weights(gram).astype(np.float32)

    def _scores(self, users: Codes) -> Scores:
        chosen = binary(self.seen_.matrix(len(self.items_)))
        average = sp.csr_matrix(chosen.mean(axis=0), dtype=np.float32)
        scores: Scores = sp.vstack([chosen, average], format="csr")[users] @ self.weights_
        return scores

    def _predict(self, users: Codes, items: Codes) -> Scores:
        return self._predict_by_rows(users, items)

    def _item_similarities(self, items: Codes) -> Scores:
        return self.weights_[items]


def item_weights(gram: Array) -> Array:
    """Return weights (n_items, n_items), zero on the diagonal, from a regularised Gram matrix.

    With P the inverse of the Gram matrix, the weight of item i for item j is −Pᵢⱼ / Pⱼⱼ. `gram` is
    overwritten.
    """
    factor, failed = lapack.dpotrf(gram, lower=1, overwrite_a=1)
    if not failed:
        factor, failed = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise InputError("the items' Gram matrix cannot be inverted; raise regularization")
    inverse = np.tril(factor) + np.tril(factor, -1).T
    weights: Array = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def binary(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Return the matrix with 1 wherever it holds a number."""
    return sp.csr_matrix(
        (np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape
    )
