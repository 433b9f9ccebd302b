"""Alternating least squares as Spark's MLlib defines it; the factors are found on a cluster.

Only what serving needs is here, so that a shop can recommend by them without Spark.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import OptionError
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]


class SparkALS(FactorModel):
    """Factors whose products come near the ratings, found by MLlib.

    Zhou, Wilkinson, Schreiber and Pan, "Large-Scale Parallel Collaborative Filtering for the
    Netflix Prize", 2008: each row's regularisation is scaled by its number of ratings. There are no
    biases. An unknown user gets the average user's scores; an unknown item, or one that nobody has
    rated, the mean rating.

    Parameters
    ----------
    n_factors : int
        MLlib's ``rank``.
    n_epochs : int
        MLlib's ``maxIter``.
    regularization : float
        MLlib's ``regParam``.
    random_state : int
        Seed.
    """

    kind: ClassVar[str] = "spark-als"

    def __init__(
        self,
        n_factors: int = 32,
        n_epochs: int = 10,
        regularization: float = 0.1,
        random_state: int = 0,
    ) -> None:
        self.n_factors = n_factors
        self.n_epochs = n_epochs
        self.regularization = regularization
        self.random_state = random_state

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        raise OptionError(
            f"{self.kind} is fitted on Spark: vitrine spark als RATINGS --shop SHOP; on one "
            "machine svd and implicit-als are its like"
        )

    def take_factors(self, interactions: Interactions, users: Array, items: Array) -> None:
        """Keep what MLlib has found.

        Parameters
        ----------
        interactions : Interactions
            What it was fitted on.
        users, items : ndarray of shape (n_users, n_factors) and (n_items, n_factors)
            Zeros for whom there is no rating.
        """
        usual = float(interactions.ratings.mean()) if self.predicts_ratings else 0.0
        rated = np.bincount(interactions.item_codes, minlength=len(items)) > 0
        biases = np.where(rated, 0.0, usual)
        self._set_factors(0.0, np.zeros(len(users)), biases, users, items)
        self.user_factors_[-1] = users.mean(axis=0)
        self.item_biases_[-1] = usual

    def everybody(self) -> Array:
        """Return what every user's equations have in common, (n_factors, n_factors): here nothing.

        It takes a pass over all items, so whoever serves many keeps it.
        """
        return np.zeros((self.item_factors_.shape[1],) * 2)

    def new_user(self, everybody: Array, rated: Array, ratings: Array) -> Array:
        """Return how a user's vector follows from ratings: the half step for one more row.

        Parameters
        ----------
        everybody : ndarray of shape (n_factors, n_factors)
            What `everybody` returns.
        rated : ndarray of shape (n, n_factors)
            The factors of the items rated.
        ratings : ndarray of shape (n,)

        Returns
        -------
        ndarray of shape (n_factors, n)
            Each rating's share in the vector, which is their sum.
        """
        gram = everybody + rated.T @ rated
        gram[np.diag_indices_from(gram)] += self.regularization * len(ratings)
        shares: Array = np.linalg.solve(gram, rated.T * ratings)
        return shares


class SparkImplicitALS(SparkALS):
    """Factors whose products come near 1 where there was an interaction, found by MLlib.

    Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", 2008, with
    the regularisation of `SparkALS`. An unknown user gets the average user's scores, an unknown
    item 0.

    Parameters
    ----------
    n_factors, n_epochs, regularization, random_state
        As `SparkALS`.
    alpha : float
        An interaction of weight w counts 1 + alpha·w times as much as none.
    """

    kind: ClassVar[str] = "spark-implicit-als"
    predicts_ratings: ClassVar[bool] = False

    def __init__(
        self,
        n_factors: int = 32,
        n_epochs: int = 10,
        regularization: float = 0.1,
        alpha: float = 1.0,
        random_state: int = 0,
    ) -> None:
        super().__init__(n_factors, n_epochs, regularization, random_state)
        self.alpha = alpha

    def everybody(self) -> Array:
        """Return the sum of all items' products, which stands for what nobody chose."""
        items = self.item_factors_[:-1].astype(np.float64)
        gram: Array = items.T @ items
        return gram

    def new_user(self, everybody: Array, rated: Array, ratings: Array) -> Array:
        """Return how a user's vector follows from interactions; see `SparkALS.new_user`."""
        weights = self.alpha * np.abs(ratings)
        gram = everybody + (rated.T * weights) @ rated
        gram[np.diag_indices_from(gram)] += self.regularization * len(ratings)
        shares: Array = np.linalg.solve(gram, rated.T * (1 + weights))
        return shares
