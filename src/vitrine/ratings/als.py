"""Implicit feedback by alternating least squares."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import OptionError, TrainingError
from vitrine.progress import track
from vitrine.ratings.compiled import compiled
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.graded import grades
from vitrine.ratings.interactions import Interactions, Rows
from vitrine.ratings.visits import with_visits

Array = NDArray[Any]


class ImplicitALS(FactorModel):
    """Factors whose products come near 1 where there was an interaction, and near 0 elsewhere.

    Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", 2008, solved
    exactly, with the regularisation of Rendle, Krichene, Zhang and Koren, "Revisiting the
    Performance of iALS on Item Recommendation Benchmarks", 2022: each row's is scaled by how much
    there is to fit in it. An unknown user gets the average user's scores; an unknown item scores 0.

    Parameters
    ----------
    n_factors : int
    n_epochs : int
        Times that all users and then all items are solved for.
    unobserved_weight : float
        Weight of each pair without interaction, where an interaction of weight 1 weighs 1.
    regularization : float
    frequency_scaling : float
        Power of a row's total weight that its regularisation is scaled by: 0 none, 1 in proportion.
    rating_power : float
        As `EASE`: an explicit rating weighs its place on the scale to this power.
    visit_seconds : float or None
        As `EASE`.
    random_state : int
        Seed.
    """

    kind: ClassVar[str] = "implicit-als"
    predicts_ratings: ClassVar[bool] = False

    def __init__(
        self,
        n_factors: int = 32,
        n_epochs: int = 12,
        unobserved_weight: float = 0.09,
        regularization: float = 0.7,
        frequency_scaling: float = 0.4,
        rating_power: float = 1.0,
        random_state: int = 0,
        visit_seconds: float | None = None,
    ) -> None:
        self.n_factors = n_factors
        self.n_epochs = n_epochs
        self.unobserved_weight = unobserved_weight
        self.regularization = regularization
        self.frequency_scaling = frequency_scaling
        self.rating_power = rating_power
        self.random_state = random_state
        self.visit_seconds = visit_seconds

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if min(self.n_factors, self.n_epochs) < 1:
            raise OptionError("n_factors and n_epochs must be 1 or more")
        if not (self.unobserved_weight > 0 and self.regularization > 0):
            raise OptionError("unobserved_weight and regularization must be above 0")
        rng = np.random.default_rng(self.random_state)
        deviation = 0.1 / np.sqrt(self.n_factors)
        shape = interactions.n_items, self.n_factors
        items = rng.normal(0, deviation, shape).astype(np.float32)
        by_user, by_item = self._rows(interactions)
        for _ in track(range(self.n_epochs), f"fitting {self.kind}"):
            try:
                users = self._solve_side(by_user, items)
                items = self._solve_side(by_item, users)
            except ZeroDivisionError:  # an equation that float32 cannot tell from none
                items[:] = np.nan
            if not np.isfinite(items).all():
                raise TrainingError(
                    f"{self.kind}: the weights are too large to solve for, or too far apart; "
                    "scale them down, such as by their logarithm"
                )
        users = users[: interactions.n_users]  # what comes after are visits
        none = np.zeros(len(users)), np.zeros(len(items))
        self._set_factors(0.0, *none, users, items)
        self.user_factors_[-1] = users.mean(axis=0)

    def _rows(self, interactions: Interactions) -> tuple[Rows, Rows]:
        """Return how strongly each user, and then each visit, chose what, by user and by item."""
        by_user = with_visits(interactions, self.visit_seconds)
        columns = by_user.matrix(interactions.n_items).tocsc()
        by_item = Rows(columns.indptr.astype(np.int64), columns.indices, columns.data)
        if interactions.feedback == "explicit":
            scale = self.rating_range_, self.feedback_, self.rating_power
            by_user, by_item = (
                rows._replace(ratings=grades(rows.ratings, *scale)) for rows in (by_user, by_item)
            )
        return by_user, by_item

    def _solve_side(self, rows: Rows, other: Array) -> Array:
        """Return the best factors of one side, given the other's."""
        base = self.unobserved_weight * (other.T @ other)
        mass = np.add.reduceat(np.append(rows.ratings, 0), rows.indptr[:-1]) * (rows.counts > 0)
        mass = mass + self.unobserved_weight * len(other)
        ridge = self.regularization * mass**self.frequency_scaling
        return solve_rows(
            rows.indptr,
            rows.indices,
            rows.ratings,
            other,
            base.astype(np.float32),
            ridge.astype(np.float32),
        )


@compiled
def solve_rows(
    indptr: Array, indices: Array, weights: Array, other: Array, base: Array, ridge: Array
) -> Array:
    """Solve (base + Σ w·vvᵀ + ridge·1) x = Σ w·v for each row, by Cholesky; (n_rows, k).

    v are the rows of `other` that a row of the compressed matrix names. The pairs it names are
    counted in `base` too, at the unobserved weight, so that `weights` come on top of it.
    """
    n, k = len(indptr) - 1, other.shape[1]
    solved = np.zeros((n, k), np.float32)
    gram = np.empty((k, k), np.float32)
    for row in range(n):
        x = solved[row]
        gram[:] = base
        for t in range(indptr[row], indptr[row + 1]):
            v, weight = other[indices[t]], weights[t]
            for a in range(k):
                scaled = weight * v[a]
                x[a] += scaled
                for b in range(a + 1):
                    gram[a, b] += scaled * v[b]
        for a in range(k):
            gram[a, a] += ridge[row]
        _cholesky_solve(gram, x)
    return solved


@compiled
def _cholesky_solve(gram: Array, x: Array) -> None:
    """Overwrite x with the solution of gram·x' = x; only gram's lower triangle is read."""
    k = len(x)
    for a in range(k):
        for b in range(a + 1):
            total = gram[a, b]
            for c in range(b):
                total -= gram[a, c] * gram[b, c]
            if a == b:
                gram[a, a] = np.sqrt(max(total, np.float32(1e-12)))
            else:
                gram[a, b] = total / gram[b, b]
    for a in range(k):
        total = x[a]
        for c in range(a):
            total -= gram[a, c] * x[c]
        x[a] = total / gram[a, a]
    for a in range(k - 1, -1, -1):
        x[a] /= gram[a, a]
        for c in range(a):
            x[c] -= gram[a, c] * x[a]
