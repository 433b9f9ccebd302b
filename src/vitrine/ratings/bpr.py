"""Bayesian personalised ranking: factors that put chosen items above others."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import OptionError
from vitrine.progress import track
from vitrine.ratings.compiled import compiled
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.factors import check_converged, check_descent
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.graded import grades
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]


class BPR(FactorModel):
    """Learns to rank each item that a user chose above one that the user did not.

    Rendle, Freudenthaler, Gantner and Schmidt-Thieme, "BPR: Bayesian Personalized Ranking from
    Implicit Feedback", 2009, by stochastic gradient descent. The item not chosen is the highest
    scored of a few drawn at random, so that the descent works on the top of the list (Zhang, Chen,
    Wang and Yu, "Optimizing Top-N Collaborative Filtering via Dynamic Negative Item Sampling",
    2013). Implicit interactions count alike, explicit ratings by their place on the scale. An
    unknown user gets the average user's scores; an unknown item scores 0.

    Parameters
    ----------
    n_factors, n_epochs, learning_rate, decay, init_deviation
        As `SVD`; in an epoch each interaction is paired once.
    regularization : float
        Of factors and item biases, applied once a pair.
    n_candidates : int
        Items drawn for each pair, of which the highest scored is taken; 1 is the published form.
    rating_power : float
        As `EASE`: a pair's step is as long as the rating's place on the scale to this power.
    random_state : int
        Seed.
    """

    kind: ClassVar[str] = "bpr"
    predicts_ratings: ClassVar[bool] = False

    def __init__(
        self,
        n_factors: int = 64,
        n_epochs: int = 80,
        learning_rate: float = 0.05,
        decay: float = 0.975,
        regularization: float = 0.03,
        n_candidates: int = 4,
        init_deviation: float = 0.1,
        rating_power: float = 1.0,
        random_state: int = 0,
    ) -> None:
        self.n_factors = n_factors
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.decay = decay
        self.regularization = regularization
        self.n_candidates = n_candidates
        self.init_deviation = init_deviation
        self.rating_power = rating_power
        self.random_state = random_state

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        check_descent(self.n_factors, self.n_epochs, self.learning_rate)
        if self.n_candidates < 1:
            raise OptionError(f"n_candidates is {self.n_candidates}; it must be 1 or more")
        rng = np.random.default_rng(self.random_state)
        shapes = (interactions.n_users, self.n_factors), (interactions.n_items, self.n_factors)
        users, items = (
            rng.normal(0, self.init_deviation / np.sqrt(self.n_factors), shape).astype(np.float32)
            for shape in shapes
        )
        biases = np.zeros(interactions.n_items, np.float32)
        rate, n = self.learning_rate, len(interactions)
        scale = self.rating_range_, self.feedback_, self.rating_power
        strengths = grades(interactions.ratings, *scale)
        for _ in track(range(self.n_epochs), f"fitting {self.kind}"):
            _bpr_epoch(
                rng.permutation(n),
                rng.integers(0, interactions.n_items, (n, self.n_candidates), dtype=np.int32),
                interactions.by_user.indptr,
                interactions.user_codes,
                interactions.item_codes,
                strengths,
                users,
                items,
                biases,
                np.float32(rate),
                np.float32(self.regularization),
            )
            rate *= self.decay
        check_converged(users, items)
        self._set_factors(0.0, np.zeros(len(users)), biases, users, items)
        self.user_factors_[-1] = users.mean(axis=0)


@compiled
def _bpr_epoch(
    order: Array,
    candidates: Array,
    indptr: Array,
    user_codes: Array,
    item_codes: Array,
    strengths: Array,
    users: Array,
    items: Array,
    biases: Array,
    rate: np.float32,
    reg: np.float32,
) -> None:
    k = users.shape[1]
    one = np.float32(1.0)
    keep = one - rate * reg
    for n in range(len(order)):
        t = order[n]
        u, i = user_codes[t], item_codes[t]
        p, chosen = users[u], items[i]
        mine = item_codes[indptr[u] : indptr[u + 1]]
        j, worst = -1, np.float32(-np.inf)
        for c in range(candidates.shape[1]):
            candidate = candidates[n, c]
            place = np.searchsorted(mine, candidate)
            if place < len(mine) and mine[place] == candidate:
                continue  # chosen too: nothing to learn from this one
            other = items[candidate]
            score = biases[candidate]
            for f in range(k):
                score += p[f] * other[f]
            if score > worst:
                j, worst = candidate, score
        if j < 0:
            continue
        other = items[j]
        score = biases[i]
        for f in range(k):
            score += p[f] * chosen[f]
        step = strengths[t] * rate / (one + np.exp(score - worst))
        biases[i] = keep * biases[i] + step
        biases[j] = keep * biases[j] - step
        for f in range(k):
            a, b, c = p[f], chosen[f], other[f]
            p[f] = keep * a + step * (b - c)
            chosen[f] = keep * b + step * a
            other[f] = keep * c - step * a
