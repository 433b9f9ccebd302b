"""Factors by linear algebra: principal components and truncated SVD of the rating matrix."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn import decomposition

from vitrine.errors import OptionError, TrainingError
from vitrine.ratings.baselines import damped_biases
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]


class _Spectral(FactorModel):
    """A low-rank fit of what the biases leave; a missing rating is filled with its baseline."""

    def __init__(
        self,
        n_components: int = 10,
        user_damping: float = 6.0,
        item_damping: float = 2.0,
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.user_damping = user_damping
        self.item_damping = item_damping
        self.random_state = random_state

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        limit = min(interactions.n_users, interactions.n_items) - 1
        if not self.n_components >= 1:
            raise OptionError(f"n_components is {self.n_components}; it must be 1 or more")
        if limit < 1:
            raise OptionError(f"{self.kind} needs two users and two items at least")
        mean, users, items = damped_biases(interactions, self.user_damping, self.item_damping, 10)
        codes = interactions.user_codes, interactions.item_codes
        rest = interactions.ratings - (mean + users[codes[0]] + items[codes[1]])
        if not np.abs(rest).max() > 1e-9 * np.abs(interactions.ratings).max():
            raise TrainingError(
                f"{self.kind}: nothing is left of these ratings beyond what users and items are "
                "rated on average; fit biases instead"
            )
        matrix = interactions.by_user.matrix(interactions.n_items, rest)
        scores, components, centre = self._decompose(matrix, min(self.n_components, limit))
        self._set_factors(mean, users, items + centre, scores, components.T)

    @abstractmethod
    def _decompose(self, matrix: sp.csr_matrix, n_components: int) -> tuple[Array, Array, Array]:
        """Return scores (n_users, c), components (c, n_items) and item means (n_items,)."""


class PCA(_Spectral):
    """Principal components of the rating matrix, missing ratings filled with baselines.

    The filled matrix less its baselines is sparse, and stays so: scikit-learn's PCA centres its
    columns implicitly.
    An unknown user or item gets what the biases say.

    Parameters
    ----------
    n_components : int
        Cut to what the matrix can have.
    user_damping, item_damping : float
        Of the biases, as `Biases`.
    random_state : int
        Seed of the iterative solver's start.
    """

    kind: ClassVar[str] = "pca"

    def _decompose(self, matrix: sp.csr_matrix, n_components: int) -> tuple[Array, Array, Array]:
        pca = decomposition.PCA(n_components, svd_solver="arpack", random_state=self.random_state)
        return pca.fit_transform(matrix), pca.components_, pca.mean_


class TruncatedSVD(_Spectral):
    """The best low-rank fit of the rating matrix, missing ratings filled with baselines.

    As `PCA`, without centring the columns.
    An unknown user or item gets what the biases say.

    Parameters
    ----------
    n_components : int
        Cut to what the matrix can have.
    user_damping, item_damping : float
        Of the biases, as `Biases`.
    random_state : int
        Seed of the iterative solver's start.
    """

    kind: ClassVar[str] = "truncated-svd"

    def _decompose(self, matrix: sp.csr_matrix, n_components: int) -> tuple[Array, Array, Array]:
        svd = decomposition.TruncatedSVD(
            n_components, algorithm="arpack", random_state=self.random_state
        )
        return svd.fit_transform(matrix), svd.components_, np.zeros(matrix.shape[1])
