"""The network of `MultVAE`, and its gradients written out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import log_softmax

from vitrine.ratings.adam import Adam

Array = NDArray[Any]
OWN_IN, OWN_OUT, BY_FEATURES = 0.05, 0.01, 0.1
"""Deviations that the items' own rows, and what features say of a row, start with."""


@dataclass
class Draw:
    """What chance decides in one step.

    Attributes
    ----------
    noise : ndarray of shape (n_users, n_factors), float32
        Standard normal.
    kept : ndarray of shape (n_items,), float32
        1 where an item's own rows take part, 0 where its features must do.
    competing : ndarray of int64
        The items that compete, ascending; all that the users chose among them.
    offsets : ndarray of shape (n_competing,), float32
        Logarithms of how many items each of them stands for.
    """

    noise: Array
    kept: Array
    competing: Array
    offsets: Array


class Network:
    """Histories to the means and variances of users' factors, and factors to items' shares.

    A history's entries pick rows of a table of items, whose weighted sum goes through a tanh; an
    item's share is the softmax of the factors times a row of a second table, and a bias, which is
    that table's last column. A row of either table is the item's own part and a linear map of its
    features.

    Parameters
    ----------
    features : ndarray of shape (n_items, n_columns), float32
        n_columns may be 0.
    n_hidden, n_factors : int
    decay : float
        Of every weight, as in `Adam`.
    rng : Generator
    """

    def __init__(
        self,
        features: NDArray[np.float32],
        n_hidden: int,
        n_factors: int,
        decay: float,
        rng: np.random.Generator,
    ) -> None:
        self.features, self.n_factors = features, n_factors
        n_items, n_columns = features.shape
        squares = np.square(features, dtype=np.float64).sum() / n_items
        start = BY_FEATURES / np.sqrt(squares) if squares > 0 else 0.0

        def normal(deviation: float, *shape: int) -> Adam:
            return Adam(rng.normal(0, deviation, shape).astype(np.float32), decay)

        def uniform(*shape: int) -> Adam:
            border = n_hidden**-0.5
            return Adam(rng.uniform(-border, border, shape).astype(np.float32), decay)

        self.own_in = normal(OWN_IN, n_items, n_hidden)
        self.own_out = normal(OWN_OUT, n_items, n_factors + 1)
        self.by_features_in = normal(start, n_columns, n_hidden)
        self.by_features_out = normal(start, n_columns, n_factors + 1)
        self.hidden = Adam(np.zeros(n_hidden, np.float32), decay)
        self.mean, self.mean_shift = uniform(n_hidden, n_factors), uniform(n_factors)
        self.spread, self.spread_shift = uniform(n_hidden, n_factors), uniform(n_factors)
        for table in (self.own_out, self.by_features_out):
            table.values[:, -1] = 0.0
        self.number = 0

    def tables(self, kept: Array) -> tuple[Array, Array]:
        """Return rows of all items: of the first table, and of the second."""
        own = kept[:, None]
        first = own * self.own_in.values + self.features @ self.by_features_in.values
        second = own * self.own_out.values + self.features @ self.by_features_out.values
        return first, second

    def means(self, histories: sp.csr_matrix, first: Array) -> Array:
        """Return the means of users' factors, (n_users, n_factors), given the first table."""
        return means_of(
            histories, first, self.hidden.values, self.mean.values, self.mean_shift.values
        )

    def step(
        self, entered: sp.csr_matrix, chosen: sp.csr_matrix, draw: Draw, kl: float, rate: float
    ) -> float:
        """Learn from some users, and return their mean loss.

        Parameters
        ----------
        entered : csr_matrix of shape (n_users, n_items)
            What of each history the network is shown, of about unit length.
        chosen : csr_matrix of shape (n_users, n_items)
            What it should find: weights of what each user chose.
        draw : Draw
        kl : float
            Weight of the distance to the prior.
        rate : float
        """
        loss, gradients = self.gradients(entered, chosen, draw, kl)
        self.number += 1
        for parameter, gradient, rows in gradients:
            parameter.step(gradient, rate, self.number, rows)
        return loss

    def gradients(
        self, entered: sp.csr_matrix, chosen: sp.csr_matrix, draw: Draw, kl: float
    ) -> tuple[float, list[tuple[Adam, Array, Array | None]]]:
        """Return the mean loss, and its gradient in each parameter or some rows of it."""
        n_users = entered.shape[0]
        shown = np.unique(entered.indices)
        history = entered[:, shown]
        described, own = self.features[shown], draw.kept[shown, None]
        first = own * self.own_in.values[shown] + described @ self.by_features_in.values
        hidden = np.tanh(history @ first + self.hidden.values)
        mean = hidden @ self.mean.values + self.mean_shift.values
        log_variance = hidden @ self.spread.values + self.spread_shift.values
        deviation = np.exp(log_variance / 2)
        factors = np.pad(mean + draw.noise * deviation, ((0, 0), (0, 1)), constant_values=1.0)

        rival, rival_own = self.features[draw.competing], draw.kept[draw.competing, None]
        second = rival_own * self.own_out.values[draw.competing]
        second += rival @ self.by_features_out.values
        wanted = chosen[:, draw.competing].toarray()
        shares = log_softmax(factors @ second.T + draw.offsets, axis=1)
        apart = (mean**2 + deviation**2 - 1 - log_variance).sum(dtype=np.float64) / 2
        loss = float((kl * apart - np.vdot(wanted, shares)) / n_users)

        at_scores = np.exp(shares, out=shares)
        at_scores *= wanted.sum(axis=1, keepdims=True)
        at_scores -= wanted
        at_scores /= n_users
        at_second = at_scores.T @ factors
        at_factors = (at_scores @ second)[:, :-1]
        prior = np.float32(kl / n_users)
        at_mean = at_factors + prior * mean
        at_spread = at_factors * draw.noise * deviation / 2 + prior / 2 * (deviation**2 - 1)
        at_hidden = at_mean @ self.mean.values.T + at_spread @ self.spread.values.T
        at_hidden *= 1 - hidden**2
        at_first = history.T @ at_hidden
        return loss, [
            (self.own_in, own * at_first, shown),
            (self.by_features_in, described.T @ at_first, None),
            (self.own_out, rival_own * at_second, draw.competing),
            (self.by_features_out, rival.T @ at_second, None),
            (self.hidden, at_hidden.sum(axis=0), None),
            (self.mean, hidden.T @ at_mean, None),
            (self.mean_shift, at_mean.sum(axis=0), None),
            (self.spread, hidden.T @ at_spread, None),
            (self.spread_shift, at_spread.sum(axis=0), None),
        ]


def means_of(
    histories: sp.csr_matrix, first: Array, shift: Array, factors: Array, factors_shift: Array
) -> Array:
    """Return the means of users' factors, (n_users, n_factors).

    Parameters
    ----------
    histories : csr_matrix of shape (n_users, n_items)
        Rows of unit length.
    first : ndarray of shape (n_items, n_hidden)
    shift : ndarray of shape (n_hidden,)
    factors : ndarray of shape (n_hidden, n_factors)
    factors_shift : ndarray of shape (n_factors,)
    """
    means: Array = np.tanh(histories @ first + shift) @ factors + factors_shift
    return means
