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
from vitrine.ratings.graded import Graded
from vitrine.ratings.ids import UNKNOWN, Codes
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.memory import check_fits
from vitrine.ratings.visits import with_visits
from vitrine.topk import top_k

Array = NDArray[Any]
BYTES_A_PAIR = 16  # the Gram matrix in doubles, LAPACK's copy of a triangle, the weights
COLUMNS_AT_ONCE = 1024
RAREST = 1e-4
"""Frequency, relative to the average item's, that an item nobody chose is taken to have."""


class EASE(Graded, RatingModel):
    """Scores an item by what the user's other items say about it.

    The weights of items for items come from one ridge regression of all items on all others at once
    (Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", 2019). Beyond the published form,
    which is both scalings at 0, users with many interactions say less each and items with many are
    held back more. An explicit rating counts by its place on the scale, and an implicit interaction
    once, whatever its weight. An unknown user gets the average user's scores; an unknown item
    scores 0.

    Parameters
    ----------
    regularization : float
        λ of the ridge regression, above 0.
    user_scaling : float
        A user with c times the average number of interactions weighs c to minus this power.
    frequency_scaling : float
        Power of an item's frequency, relative to the average item's, that λ is scaled by.
    rating_power : float
        Power of an explicit rating's place between the lowest (0) and the highest (1); 0: every
        rating counts alike.
    visit_seconds : float or None
        What was chosen within so long says more of pairs of items than the rest of a history: each
        such visit is learned from as if it were one more user. None: no timestamps are used.
    """

    kind: ClassVar[str] = "ease"
    predicts_ratings: ClassVar[bool] = False
    fitted_arrays: ClassVar[tuple[str, ...]] = ("weights_",)
    weights_: Array

    def __init__(
        self,
        regularization: float = 250.0,
        user_scaling: float = 0.5,
        frequency_scaling: float = 0.3,
        rating_power: float = 1.0,
        visit_seconds: float | None = None,
    ) -> None:
        self.regularization = regularization
        self.user_scaling = user_scaling
        self.frequency_scaling = frequency_scaling
        self.rating_power = rating_power
        self.visit_seconds = visit_seconds

    def recommend_for(
        self,
        item_ids: Sequence[Hashable],
        k: int = 10,
        *,
        ratings: Sequence[float] | None = None,
        allowed: Mask | Iterable[Hashable] | None = None,
    ) -> list[Pick]:
        """Return the k best items for somebody who chose `item_ids`, known or not, best first.

        What `recommend` would give a user with just these interactions: no training is needed.
        Items that are not known say nothing; where none is, the average user's scores remain.

        Parameters
        ----------
        item_ids : sequence of hashable
            Each once.
        k : int
        ratings : sequence of float, optional
            What that somebody thought of each, on the scale of the fitted ratings; without them
            each counts as a whole choice.
        allowed : as in `recommend`

        Raises
        ------
        InputError
            If items and ratings differ in number.
        """
        check_is_fitted(self, "items_")
        codes = self.items_.codes(item_ids)
        strengths = np.ones(len(codes), np.float32)
        if ratings is not None:
            if len(ratings) != len(codes):
                raise InputError(f"{len(codes)} items but {len(ratings)} ratings; give one an item")
            strengths = self._grades(np.clip(ratings, *self.rating_range_))
        strengths, codes = strengths[codes >= 0], codes[codes >= 0]
        scores = self._scores(np.array([UNKNOWN]))
        if strengths.any():
            scores = strengths[None] @ self.weights_[codes]
        permitted = np.ones(len(self.items_), dtype=bool)
        permitted[codes] = False
        mask = self._mask(allowed)
        return self._picks(*top_k(scores, k, permitted if mask is None else permitted & mask))[0]

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if not self.regularization > 0:
            raise OptionError(f"regularization is {self.regularization}; it must be above 0")
        n_items = interactions.n_items
        check_fits(
            BYTES_A_PAIR * n_items**2,
            f"{self.kind}, which keeps a number for each pair of {n_items:,} items,",
            "implicit-als or bpr, which do not",
        )
        self.weights_ = self._weights(self._learned_from(interactions))

    def _learned_from(self, interactions: Interactions) -> sp.csr_matrix:
        """Return how strongly each user, and below them each visit, chose each item."""
        return self._chosen(with_visits(interactions, self.visit_seconds))

    def _weights(self, chosen: sp.csr_matrix, likeness: Array | float = 0.0) -> Array:
        """Return the weights of items for items, float32, from choices (n_users, n_items).

        `likeness`, (n_items, n_items), is added to what users say of pairs of items.
        """
        counts = np.maximum(np.diff(chosen.indptr), 1)
        shares = (counts / counts.mean()) ** -self.user_scaling
        gram = _gram(chosen, shares)
        own = np.diag(gram).copy()
        mean = own[own > 0].mean() if own.any() else 1.0
        frequency = np.maximum(own / mean, RAREST)
        gram[np.diag_indices_from(gram)] += self.regularization * frequency**self.frequency_scaling
        gram += likeness
        return item_weights(gram)

    def _scores(self, users: Codes) -> Scores:
        known = users >= 0
        scores = np.empty((len(users), len(self.items_)), np.float32)
        scores[known] = self._chosen(self.seen_.take(users[known])) @ self.weights_
        if not known.all():
            average = np.asarray(self._chosen(self.seen_).mean(axis=0), np.float32)
            scores[~known] = average @ self.weights_
        return scores

    def _predict(self, users: Codes, items: Codes) -> Scores:
        return self._predict_by_rows(users, items)

    def _item_similarities(self, items: Codes) -> Scores:
        return self.weights_[items]


def item_weights(gram: Array) -> Array:
    """Return weights (n_items, n_items), zero on the diagonal, from a regularised Gram matrix.

    With P the inverse of the Gram matrix, the weight of item i for item j is −Pᵢⱼ / Pⱼⱼ; float32.
    `gram` is overwritten.
    """
    factor, failed = lapack.dpotrf(gram.T, lower=1, overwrite_a=1)
    if not failed:
        factor, failed = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise InputError("the items' Gram matrix cannot be inverted; raise regularization")
    scale = -1 / np.diag(factor)
    weights = np.empty(factor.shape, np.float32)
    for start in range(0, len(factor), COLUMNS_AT_ONCE):  # only the lower triangle is filled
        end = start + COLUMNS_AT_ONCE
        weights[start:, start:end] = factor[start:, start:end] * scale[start:end]
        weights[start:end, start:] = factor[start:, start:end].T * scale[start:]
        square = np.tril(factor[start:end, start:end])
        square += np.tril(square, -1).T
        weights[start:end, start:end] = square * scale[start:end]
    np.fill_diagonal(weights, 0.0)
    return weights


def _gram(chosen: sp.csr_matrix, shares: Array) -> Array:
    """Return Σ share · row · rowᵀ over users, float64 (n_items, n_items), some columns at a time.

    In one piece, the sparse product of popular items would need more memory than the dense one.
    """
    n = chosen.shape[1]
    gram = np.empty((n, n))
    columns = sp.csc_matrix(chosen, dtype=np.float64)
    weighted = sp.csr_matrix(columns.T @ sp.diags(shares))
    for start in range(0, n, COLUMNS_AT_ONCE):
        part = columns[:, start : start + COLUMNS_AT_ONCE]
        gram[:, start : start + COLUMNS_AT_ONCE] = (weighted @ part).toarray()
    return gram


def binary(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Return the matrix with 1 wherever it holds a number."""
    return sp.csr_matrix(
        (np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape
    )
