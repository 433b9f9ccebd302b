"""The Gibbs sampler behind `BayesianSVDpp`: one sweep draws every unknown once, given the others.

Everything lies in columns of length n: column 0 holds user biases (the items' side is 1 there),
column 1 item biases (the users' side is 1), the others factors. So one routine draws them all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.ratings.compiled import compiled
from vitrine.ratings.feature_prior import FeaturePrior
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]
INIT_DEVIATION = 0.1


@dataclass
class Side:
    """Users or items: own columns, and implicit ones of whoever is on the other side.

    Attributes
    ----------
    own : ndarray of shape (n_columns, n), float32
    implicit : ndarray of shape (n_columns, n_other), float32
        Column values of the other side's members as implicit features of this side's.
    total : ndarray of shape (n_columns, n), float32
        Own plus the shared sum of implicit ones: what ratings depend on.
    linked : csr_matrix of shape (n, n_other)
        1/√(number of links) where this side's row has a link (a rating of whatever value).
    fixed : int
        The column that is 1 on this side and never drawn.
    precision : ndarray of shape (n,), float64
        Relative precision of this side's ratings, around 1.
    expected : ndarray of shape (n_columns, n), float64
        What is expected of the own columns beforehand, besides the prior's mean.
    """

    indptr: Array
    others: Array
    positions: Array
    linked: sp.csr_matrix
    fixed: int
    own: Array
    implicit: Array
    precision: Array
    expected: Array = field(init=False)
    total: Array = field(init=False)
    share: Array = field(init=False)
    members: sp.csr_matrix = field(init=False)
    own_prior: Prior = field(init=False)
    implicit_prior: Prior = field(init=False)

    def __post_init__(self) -> None:
        self.members = self.linked.T.tocsr()  # who has each of the implicit features
        self.share = 1 / np.sqrt(np.maximum(np.diff(self.linked.indptr), 1)).astype(np.float32)
        self.own[self.fixed], self.implicit[self.fixed] = 1.0, 0.0
        self.expected = np.zeros(self.own.shape)
        self.refresh()

    @property
    def n(self) -> int:
        """Members of this side."""
        return int(self.own.shape[1])

    def refresh(self) -> None:
        """Compute `total` afresh: small errors of its updates do not add up."""
        self.total = np.ascontiguousarray(self.own + (self.linked @ self.implicit.T).T)
        self.total = self.total.astype(np.float32)

    def draw_priors(self, rng: np.random.Generator) -> None:
        """Draw each column's prior mean and precision given its values."""
        self.own_prior = draw_prior(self.own - self.expected, rng)
        self.implicit_prior = draw_prior(self.implicit, rng)
        if self.fixed == 1:  # the users' side: mean user bias and overall mean are one number
            self.own_prior.mean[0] = 0.0


@dataclass(frozen=True)
class Prior:
    """Mean and precision of each column's normal prior, both (n_columns,)."""

    mean: Array
    precision: Array


def draw_prior(values: Array, rng: np.random.Generator) -> Prior:
    """Draw from the posterior of a normal-gamma prior, one unit of each kind of information.

    Salakhutdinov and Mnih, "Bayesian Probabilistic Matrix Factorization using Markov Chain Monte
    Carlo", 2008, one column at a time.
    """
    n_columns, n = values.shape
    centre = values.mean(axis=1, dtype=np.float64)
    scatter = np.square(values - centre[:, None]).sum(axis=1, dtype=np.float64)
    rate = 1.0 + 0.5 * scatter + 0.5 * n / (n + 1.0) * centre**2
    precision = rng.gamma(1.0 + n / 2, 1 / rate)
    deviation = 1 / np.sqrt((n + 1.0) * precision)
    mean = n * centre / (n + 1.0) + deviation * rng.standard_normal(n_columns)
    return Prior(mean, precision)


class Sampler:
    """A chain of draws of everything that explains the ratings.

    Parameters
    ----------
    interactions : Interactions
    linked : csr_matrix of shape (n_users, n_items)
        Who rated what; its values do not matter.
    n_factors : int
    noise_freedom : float, optional
        Degrees of freedom of the prior of each user's and each item's noise; None: all alike.
    rng : Generator
    item_features : FeaturePrior, optional
        What is known of the items besides their ratings.
    """

    def __init__(
        self,
        interactions: Interactions,
        linked: sp.csr_matrix,
        n_factors: int,
        noise_freedom: float | None,
        rng: np.random.Generator,
        item_features: FeaturePrior | None = None,
    ) -> None:
        self.data, self.noise_freedom, self.rng = interactions, noise_freedom, rng
        self.item_features = item_features
        self.mean = float(interactions.ratings.mean(dtype=np.float64))
        self.noise_precision = 1.0
        by_user, by_item = interactions.by_user, interactions.by_item
        positions = np.arange(len(interactions))
        rows = ((by_user, positions, linked), (by_item, interactions.item_order, linked.T.tocsr()))
        self.users, self.items = (
            self._side(r.indptr, r.indices, order, links, 1 - code, n_factors + 2)
            for code, (r, order, links) in enumerate(rows)
        )

    def _side(
        self, indptr: Array, others: Array, order: Array, links: sp.csr_matrix, fixed: int, n: int
    ) -> Side:
        counts = np.diff(links.indptr)
        shares = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts).astype(np.float32)
        linked = sp.csr_matrix((shares, links.indices, links.indptr), shape=links.shape)
        own = self.rng.normal(0, INIT_DEVIATION, (n, links.shape[0])).astype(np.float32)
        implicit = self.rng.normal(0, INIT_DEVIATION, (n, links.shape[1])).astype(np.float32)
        return Side(indptr, others, order, linked, fixed, own, implicit, np.ones(links.shape[0]))

    def sweep(self) -> None:
        """Draw everything once."""
        users, items, rng = self.users, self.items, self.rng
        users.refresh()
        items.refresh()
        errors = residuals(self.data, self.mean, users.total, items.total)
        weights = self._draw_noise(errors)
        self._draw_mean(errors, weights)
        users.draw_priors(rng)
        items.draw_priors(rng)
        self._draw_expected()
        noise = rng.standard_normal((4, len(users.own), max(users.n, items.n)), dtype=np.float32)
        for column in range(len(users.own)):
            for side, other, z in ((users, items, noise[:2]), (items, users, noise[2:])):
                if column != side.fixed:
                    _draw_column(side, other, column, errors, weights, z[:, column])

    def _draw_noise(self, errors: Array) -> Array:
        """Draw the noise's precisions, and return each rating's (n,), float32."""
        users, items, rng = self.users, self.items, self.rng
        u, i = self.data.user_codes, self.data.item_codes
        squares = errors.astype(np.float64) ** 2
        scaled = squares * users.precision[u] * items.precision[i]
        self.noise_precision = rng.gamma(1 + len(u) / 2, 1 / (1 + scaled.sum() / 2))
        if self.noise_freedom is not None:
            for side, mine, other, theirs in ((users, u, items, i), (items, i, users, u)):
                sums = np.bincount(mine, squares * other.precision[theirs], side.n)
                shape = (self.noise_freedom + np.diff(side.indptr)) / 2
                rate = (self.noise_freedom + self.noise_precision * sums) / 2
                side.precision = rng.gamma(shape, 1 / rate)
        weights = self.noise_precision * users.precision[u] * items.precision[i]
        return weights.astype(np.float32)

    def _draw_expected(self) -> None:
        """Draw what the items' features say of the items' own columns."""
        if self.item_features is None:
            return
        items, prior = self.items, self.items.own_prior
        rest = items.own - prior.mean[:, None]
        rest[items.fixed] = 0.0
        self.item_features.draw(rest, prior.precision, self.rng)
        items.expected = self.item_features.mean()
        items.expected[items.fixed] = 0.0

    def _draw_mean(self, errors: Array, weights: Array) -> None:
        """Draw the overall mean, and take its change out of `errors` in place."""
        total = weights.sum(dtype=np.float64)
        best = (weights * errors).sum(dtype=np.float64) / total
        change = best + self.rng.standard_normal() / np.sqrt(total)
        self.mean += change
        errors -= np.float32(change)


def residuals(data: Interactions, mean: float, users: Array, items: Array) -> Array:
    """Return ratings less their predictions, (n,), float32."""
    codes = data.user_codes, data.item_codes
    rows = np.ascontiguousarray(users.T), np.ascontiguousarray(items.T)
    errors: Array = data.ratings - np.float32(mean) - _products(*codes, *rows)
    return errors


def _draw_column(
    side: Side, other: Side, column: int, errors: Array, weights: Array, noise: Array
) -> None:
    own, implicit = side.own_prior, side.implicit_prior
    _draw(
        errors,
        weights,
        (side.indptr, side.others, side.positions),
        (side.members.indptr, side.members.indices),
        side.share,
        side.total[column],
        other.total[column],
        side.own[column],
        side.implicit[column],
        own.mean[column] + side.expected[column],
        float(own.precision[column]),
        (float(implicit.mean[column]), float(implicit.precision[column])),
        noise,
    )


@compiled
def _products(user_codes: Array, item_codes: Array, users: Array, items: Array) -> Array:
    products = np.empty(len(user_codes), np.float32)
    for t in range(len(user_codes)):
        p, q = users[user_codes[t]], items[item_codes[t]]
        product = np.float32(0.0)
        for f in range(len(p)):
            product += p[f] * q[f]
        products[t] = product
    return products


@compiled
def _draw(
    errors: Array,
    weights: Array,
    rated: tuple[Array, Array, Array],
    members: tuple[Array, Array],
    share: Array,
    total: Array,
    other: Array,
    own: Array,
    implicit: Array,
    own_means: Array,
    own_precision: float,
    implicit_prior: tuple[float, float],
    noise: Array,
) -> None:
    """Draw one column of own, then of implicit values; keep `total` and `errors` in step.

    A row's ratings enter only through two sums, Σ w·error·other and Σ w·other², so an implicit
    value, which moves all its members' ratings, is drawn from the members' sums alone.
    """
    indptr, others, positions = rated
    implicit_mean, implicit_precision = implicit_prior
    n = len(own)
    first, second, change = np.zeros(n), np.zeros(n), np.zeros(n)
    for a in range(n):
        s1, s2 = 0.0, 0.0
        for t in range(indptr[a], indptr[a + 1]):
            b = other[others[t]]
            weighted = weights[positions[t]] * b
            s1 += errors[positions[t]] * weighted
            s2 += b * weighted
        precision = s2 + own_precision
        drawn = (s1 + s2 * own[a] + own_precision * own_means[a]) / precision
        drawn += noise[0, a] / np.sqrt(precision)
        change[a] = drawn - own[a]
        own[a] = drawn
        first[a], second[a] = s1 - s2 * change[a], s2
    member_indptr, member_rows = members
    for j in range(len(implicit)):
        s1, s2 = 0.0, 0.0
        for t in range(member_indptr[j], member_indptr[j + 1]):
            a = member_rows[t]
            s1 += share[a] * first[a]
            s2 += share[a] * share[a] * second[a]
        precision = s2 + implicit_precision
        drawn = (s1 + s2 * implicit[j] + implicit_precision * implicit_mean) / precision
        drawn += noise[1, j] / np.sqrt(precision)
        step = drawn - implicit[j]
        implicit[j] = drawn
        for t in range(member_indptr[j], member_indptr[j + 1]):
            a = member_rows[t]
            first[a] -= second[a] * share[a] * step
            change[a] += share[a] * step
    for a in range(n):
        total[a] += change[a]
        step32 = np.float32(change[a])
        for t in range(indptr[a], indptr[a + 1]):
            errors[positions[t]] -= other[others[t]] * step32
