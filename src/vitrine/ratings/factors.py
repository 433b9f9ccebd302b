"""Biased matrix factorisation by gradient descent: SVD and SVD++."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import OptionError, TrainingError
from vitrine.progress import track
from vitrine.ratings.compiled import compiled
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]

_LINE = 16
"""Numbers of single precision in a cache line."""


class SVD(FactorModel):
    """A mean, biases and a product of factors, learned by stochastic gradient descent.

    Simon Funk's method with biases (Koren, Bell and Volinsky, "Matrix Factorization Techniques for
    Recommender Systems", 2009).

    Parameters
    ----------
    n_factors : int
    n_epochs : int
        Passes over the ratings.
    learning_rate : float
    decay : float
        What the learning rate is multiplied by after each epoch.
    regularization : float
        Of the factors, applied once a rating.
    bias_regularization : float
        Of the biases, likewise.
    init_deviation : float
        Standard deviation of the factors at the start.
    shuffle : bool
        Whether users are visited in a random order, new in each epoch. A user's ratings are visited
        one after the other, by item.
    random_state : int
        Seed.
    """

    kind: ClassVar[str] = "svd"

    def __init__(
        self,
        n_factors: int = 50,
        n_epochs: int = 40,
        learning_rate: float = 0.015,
        decay: float = 0.95,
        regularization: float = 0.04,
        bias_regularization: float = 0.01,
        init_deviation: float = 0.015,
        shuffle: bool = True,
        random_state: int = 0,
    ) -> None:
        self.n_factors = n_factors
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.decay = decay
        self.regularization = regularization
        self.bias_regularization = bias_regularization
        self.init_deviation = init_deviation
        self.shuffle = shuffle
        self.random_state = random_state

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        check_descent(self.n_factors, self.n_epochs, self.learning_rate)
        rng = np.random.default_rng(self.random_state)
        mean = np.float32(interactions.ratings.mean(dtype=np.float64))
        user_biases = np.zeros(interactions.n_users, np.float32)
        item_biases = np.zeros(interactions.n_items, np.float32)
        users = _start(rng, interactions.n_users, self.n_factors, self.init_deviation)
        items = _start(rng, interactions.n_items, self.n_factors, self.init_deviation)
        order = np.arange(interactions.n_users)
        centred = interactions.ratings - mean
        rate = self.learning_rate
        for _ in track(range(self.n_epochs), f"fitting {self.kind}"):
            if self.shuffle:
                order = rng.permutation(interactions.n_users)
            _svd_epoch(
                order,
                interactions.by_user.indptr,
                interactions.item_codes,
                centred,
                user_biases,
                item_biases,
                users,
                items,
                np.float32(rate),
                np.float32(self.regularization),
                np.float32(self.bias_regularization),
            )
            rate *= self.decay
        check_converged(users, items)
        users, items = users[:, : self.n_factors], items[:, : self.n_factors]
        self._set_factors(float(mean), user_biases, item_biases, users, items)


class SVDpp(FactorModel):
    """SVD whose user factors also hold what the user rated, however it was rated.

    ``mean + biases + (user factors + Σ implicit item factors / √n) · item factors`` (Koren,
    "Factorization Meets the Neighborhood", 2008, section 4), n being the user's number of ratings.
    Ratings are visited user by user, users in a random order; the implicit factors of a user's
    items get the sum of that user's gradients at once, after the user's last rating, which is many
    times as fast as after each rating. Because of that, and of regularisation once a user, the
    settings that suit other implementations do not suit this one.

    Parameters
    ----------
    n_factors, n_epochs, learning_rate, decay, regularization, bias_regularization, init_deviation
        As `SVD`.
    implicit_rate : float
        Learning rate of the implicit factors.
    implicit_regularization : float
        Of the implicit factors.
    random_state : int
        Seed.
    """

    kind: ClassVar[str] = "svdpp"

    def __init__(
        self,
        n_factors: int = 50,
        n_epochs: int = 30,
        learning_rate: float = 0.01,
        decay: float = 0.95,
        regularization: float = 0.03,
        bias_regularization: float = 0.04,
        implicit_rate: float = 0.0045,
        implicit_regularization: float = 0.09,
        init_deviation: float = 0.035,
        random_state: int = 0,
    ) -> None:
        self.n_factors = n_factors
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.decay = decay
        self.regularization = regularization
        self.bias_regularization = bias_regularization
        self.implicit_rate = implicit_rate
        self.implicit_regularization = implicit_regularization
        self.init_deviation = init_deviation
        self.random_state = random_state

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        check_descent(self.n_factors, self.n_epochs, self.learning_rate)
        rng = np.random.default_rng(self.random_state)
        mean = np.float32(interactions.ratings.mean(dtype=np.float64))
        user_biases = np.zeros(interactions.n_users, np.float32)
        item_biases = np.zeros(interactions.n_items, np.float32)
        users = _start(rng, interactions.n_users, self.n_factors, self.init_deviation)
        items = _start(rng, interactions.n_items, self.n_factors, self.init_deviation)
        implicit = _start(rng, interactions.n_items, self.n_factors, self.init_deviation)
        centred = interactions.ratings - mean
        rate = 1.0
        for _ in track(range(self.n_epochs), f"fitting {self.kind}"):
            _svdpp_epoch(
                rng.permutation(interactions.n_users),
                interactions.by_user.indptr,
                interactions.item_codes,
                centred,
                user_biases,
                item_biases,
                users,
                items,
                implicit,
                np.float32(self.learning_rate * rate),
                np.float32(self.regularization),
                np.float32(self.bias_regularization),
                np.float32(self.implicit_rate * rate),
                np.float32(self.implicit_regularization),
            )
            rate *= self.decay
        check_converged(users, items)
        rows = interactions.by_user
        shares = np.repeat(1 / np.sqrt(np.maximum(rows.counts, 1)), rows.counts)
        users = users + rows.matrix(interactions.n_items, shares) @ implicit
        users, items = users[:, : self.n_factors], items[:, : self.n_factors]
        self._set_factors(float(mean), user_biases, item_biases, users, items)


def check_descent(n_factors: int, n_epochs: int, learning_rate: float) -> None:
    """Raise `OptionError` unless there is something to learn, and a step to learn by."""
    if n_factors < 1 or n_epochs < 1 or not learning_rate > 0:
        raise OptionError(
            f"n_factors {n_factors}, n_epochs {n_epochs} and learning_rate {learning_rate} must "
            "all be above 0"
        )


def check_converged(*factors: Array) -> None:
    """Raise `TrainingError` where the descent ran away."""
    if not all(np.isfinite(array).all() for array in factors):
        raise TrainingError("the factors grew without bound; try a smaller learning_rate")


def _start(rng: np.random.Generator, n: int, n_factors: int, deviation: float) -> Array:
    """Return random factors, filled up with zeros, which stay zeros, to whole cache lines.

    With every row at the start of a line a pass takes a fifth less time.
    """
    width = -(-n_factors // _LINE) * _LINE
    room = np.zeros(n * width + _LINE, np.float32)
    start = -room.ctypes.data // room.itemsize % _LINE
    factors = room[start : start + n * width].reshape(n, width)
    drawn = rng.standard_normal((n, n_factors), np.float32)
    np.multiply(drawn, np.float32(deviation), out=factors[:, :n_factors])
    return factors


@compiled
def _svd_epoch(
    order: Array,
    indptr: Array,
    item_codes: Array,
    ratings: Array,
    user_biases: Array,
    item_biases: Array,
    users: Array,
    items: Array,
    rate: np.float32,
    reg: np.float32,
    bias_reg: np.float32,
) -> None:
    n_factors = users.shape[1]
    keep = np.float32(1.0) - rate * reg
    for u in order:
        first, last = indptr[u], indptr[u + 1]
        if first == last:
            continue
        i, p, bias = item_codes[first], users[u], user_biases[u]
        q = items[i]
        error = ratings[first] - bias - item_biases[i]
        for f in range(n_factors):
            error -= p[f] * q[f]
        for t in range(first, last):
            bias += rate * (error - bias_reg * bias)
            item_biases[i] += rate * (error - bias_reg * item_biases[i])
            step = rate * error
            # The error at the user's next rating comes with the same pass over the factors. After
            # the last one any other will do; not the same, which would be two rows in one place.
            following = t + 1 if t + 1 < last else first
            q, i = items[i], item_codes[following]
            next_q = items[i]
            error = ratings[following] - bias - item_biases[i]
            for f in range(n_factors):
                before = p[f]
                after = keep * before + step * q[f]
                p[f] = after
                q[f] = keep * q[f] + step * before
                error -= after * next_q[f]
        user_biases[u] = bias


@compiled
def _svdpp_epoch(
    order: Array,
    indptr: Array,
    item_codes: Array,
    ratings: Array,
    user_biases: Array,
    item_biases: Array,
    users: Array,
    items: Array,
    implicit: Array,
    rate: np.float32,
    reg: np.float32,
    bias_reg: np.float32,
    implicit_rate: np.float32,
    implicit_reg: np.float32,
) -> None:
    n_factors = users.shape[1]
    keep = np.float32(1.0) - rate * reg
    total = np.empty(n_factors, np.float32)  # the user's own factors plus the implicit ones
    gradient = np.empty(n_factors, np.float32)
    for u in order:
        first, last = indptr[u], indptr[u + 1]
        if first == last:
            continue
        share = np.float32(1.0 / np.sqrt(last - first))
        p = users[u]
        total[:] = p
        for t in range(first, last):
            y = implicit[item_codes[t]]
            for f in range(n_factors):
                total[f] += share * y[f]
        gradient[:] = 0.0
        for t in range(first, last):
            i = item_codes[t]
            q = items[i]
            product = np.float32(0.0)
            for f in range(n_factors):
                product += total[f] * q[f]
            error = ratings[t] - user_biases[u] - item_biases[i] - product
            user_biases[u] += rate * (error - bias_reg * user_biases[u])
            item_biases[i] += rate * (error - bias_reg * item_biases[i])
            step = rate * error
            for f in range(n_factors):
                change = step * q[f] - rate * reg * p[f]
                gradient[f] += error * q[f]
                q[f] = keep * q[f] + step * total[f]
                p[f] += change
                total[f] += change
        shrink = np.float32(1.0) - implicit_rate * implicit_reg
        step = implicit_rate * share
        for t in range(first, last):
            y = implicit[item_codes[t]]
            for f in range(n_factors):
                y[f] = shrink * y[f] + step * gradient[f]
