"""Bayesian SVD++ with flipped implicit features: an average over models instead of the best one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from vitrine.errors import InputError, OptionError
from vitrine.index.distance import unit
from vitrine.progress import track
from vitrine.ratings.base import FloatArray, RatingModel, Scores
from vitrine.ratings.feature_prior import FeaturePrior
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.gibbs import Sampler, Side
from vitrine.ratings.ids import Codes
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]
PAIRS_AT_ONCE = 8192


class BayesianSVDpp(RatingModel):
    """Averages SVD++ models drawn from their posterior by a Gibbs sampler.

    A user's vector is the user's own plus shares of the items rated; an item's is the item's own
    plus shares of the users who rated it, the "flipped" features of Rendle, Zhang and Koren, "On
    the Difficulty of Evaluating Baselines", 2019. Priors are learned. Unlike there, every user and
    every item has a noise of its own (as in Lakshminarayanan, Bouchard and Archambeau, "Robust
    Bayesian Matrix Factorisation", 2011): whoever rates at random teaches less. Only the
    interactions given to `fit` count as rated; published figures often let the sampler see which
    pairs the test asks for, which is `fit_transductive` here.

    An unknown user or item gets the prior's mean.

    Parameters
    ----------
    n_factors : int
    n_samples : int
        Models averaged, one a sweep.
    burn_in : int
        Sweeps before the first of them.
    noise_freedom : float or None
        How alike the noise of users, and of items, is held beforehand: small lets them differ.
        None: one noise for all, as published.
    random_state : int
        Seed.

    Attributes
    ----------
    means_ : ndarray of shape (n_samples,), float32
    user_samples_ : ndarray of shape (n_users + 1, n_samples, n_factors + 2), float32
        The first two columns hold the biases of users and 1.
    item_samples_ : ndarray of shape (n_items + 1, n_samples, n_factors + 2), float32
        The first two columns hold 1 and the biases of items.
    user_noise_, item_noise_ : ndarray of shape (n + 1,), float32
        Variance of the noise relative to the others'.
    noise_variance_ : ndarray of shape (), float32
    """

    kind: ClassVar[str] = "bayesian-svdpp"
    fitted_arrays: ClassVar[tuple[str, ...]] = (
        "means_",
        "user_samples_",
        "item_samples_",
        "user_noise_",
        "item_noise_",
        "noise_variance_",
    )
    means_: Array
    user_samples_: Array
    item_samples_: Array
    user_noise_: Array
    item_noise_: Array
    noise_variance_: Array
    _also_rated: Interactions | None = None

    def __init__(
        self,
        n_factors: int = 10,
        n_samples: int = 80,
        burn_in: int = 20,
        noise_freedom: float | None = 10.0,
        random_state: int = 0,
    ) -> None:
        self.n_factors = n_factors
        self.n_samples = n_samples
        self.burn_in = burn_in
        self.noise_freedom = noise_freedom
        self.random_state = random_state

    def fit_transductive(
        self,
        interactions: Interactions,
        also_rated: Interactions,
        item_features: ItemFeatures | None = None,
    ) -> Self:
        """Fit, told which pairs will be asked for: the looser variant of published tables.

        Parameters
        ----------
        interactions : Interactions
        also_rated : Interactions
            Pairs that count as rated though their ratings are not looked at. Figures reached with
            the test's own pairs here say nothing about recommending: nobody knows beforehand what
            a user will rate.
        """
        self._also_rated = also_rated
        try:
            return self.fit(interactions, item_features)
        finally:
            self._also_rated = None

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if self.n_factors < 1 or self.n_samples < 1 or self.burn_in < 0:
            raise OptionError("n_factors and n_samples must be 1 or more, burn_in 0 or more")
        if self.noise_freedom is not None and not self.noise_freedom > 0:
            raise OptionError(f"noise_freedom is {self.noise_freedom}; it must be above 0 or None")
        rng = np.random.default_rng(self.random_state)
        linked = self._linked(interactions)
        prior = self._feature_prior(interactions, features)
        sampler = Sampler(interactions, linked, self.n_factors, self.noise_freedom, rng, prior)
        sides = sampler.users, sampler.items
        shapes = [(side.n + 1, self.n_samples, self.n_factors + 2) for side in sides]
        self.user_samples_, self.item_samples_ = (np.empty(s, np.float32) for s in shapes)
        self.means_ = np.empty(self.n_samples, np.float32)
        noises, variance = [np.zeros(side.n) for side in sides], 0.0
        for sweep in track(range(self.burn_in + self.n_samples), f"sampling {self.kind}"):
            sampler.sweep()
            sample = sweep - self.burn_in
            if sample < 0:
                continue
            self.means_[sample] = sampler.mean
            variance += 1 / sampler.noise_precision / self.n_samples
            for noise, side in zip(noises, sides, strict=True):
                noise += 1 / side.precision / self.n_samples
            _keep(sampler.users, self.user_samples_[:, sample])
            _keep(sampler.items, self.item_samples_[:, sample])
            self._keep_sample(sample, sampler)
        self.noise_variance_ = np.array(variance, np.float32)
        self.user_noise_, self.item_noise_ = (np.append(n, 1).astype(np.float32) for n in noises)

    def _feature_prior(
        self, interactions: Interactions, features: ItemFeatures | None
    ) -> FeaturePrior | None:
        """Return what item features say beforehand: here nothing."""
        return None

    def _keep_sample(self, sample: int, sampler: Sampler) -> None:
        """Keep what else there is to keep of a sample."""

    def _linked(self, interactions: Interactions) -> sp.csr_matrix:
        shape = interactions.n_users, interactions.n_items
        pairs = [(interactions.user_codes, interactions.item_codes)]
        if self._also_rated is not None:
            also = self._also_rated
            users = interactions.users.codes(also.user_ids)
            items = interactions.items.codes(also.item_ids)
            if (users < 0).any() or (items < 0).any():
                raise InputError(
                    "also_rated names a user or an item that has no rating to learn from"
                )
            pairs.append((users, items))
        rows, columns = (np.concatenate(codes) for codes in zip(*pairs, strict=True))
        linked = sp.coo_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape).tocsr()
        linked.sort_indices()
        return linked

    def predict_spread(
        self, user_ids: Sequence[Hashable], item_ids: Sequence[Hashable]
    ) -> tuple[FloatArray, FloatArray]:
        """Return each pair's predicted rating and its standard deviation, both float32 (n,).

        The deviation is the posterior predictive one: what the models disagree on and the noise of
        this user's ratings of this item together; a rating lies within twice that of the prediction
        about 19 times in 20.
        """
        check_is_fitted(self, "items_")
        users, items = self.users_.codes(user_ids), self.items_.codes(item_ids)
        spread = np.empty(len(users), np.float32)
        for block in _blocks(len(users)):
            u, i = users[block], items[block]
            disagreement = self._by_sample(u, i).var(axis=1)
            noise = self.noise_variance_ * self.user_noise_[u] * self.item_noise_[i]
            spread[block] = np.sqrt(disagreement + noise)
        return self.predict_codes(users, items), spread

    def _predict(self, users: Codes, items: Codes) -> Scores:
        predicted = np.empty(len(users), np.float32)
        for block in _blocks(len(users)):
            predicted[block] = self._by_sample(users[block], items[block]).mean(axis=1)
        return predicted

    def _by_sample(self, users: Codes, items: Codes) -> Scores:
        """Predict pairs by each sample, (n, n_samples)."""
        products = np.einsum("nsk,nsk->ns", self.user_samples_[users], self.item_samples_[items])
        by_sample: Scores = products + self.means_
        return by_sample

    def _scores(self, users: Codes) -> Scores:
        left = self.user_samples_[users].reshape(len(users), -1)
        right = self.item_samples_[:-1].reshape(len(self.items_), -1)
        scores: Scores = left @ right.T / np.float32(len(self.means_)) + self.means_.mean()
        return scores

    def _item_similarities(self, items: Codes) -> Scores:
        factors = self.item_samples_[:-1, :, 2:].reshape(len(self.items_), -1)
        vectors = unit(factors)
        return vectors[items] @ vectors.T


def _keep(side: Side, into: Array) -> None:
    """Write one sample of a side's totals (n + 1, n_columns).

    The last row, and that of whoever has neither a rating nor a link, is the prior's mean.
    """
    unrated = (np.diff(side.indptr) == 0) & (np.diff(side.linked.indptr) == 0)
    into[:-1] = side.total.T
    into[:-1][unrated] = side.own_prior.mean
    into[-1] = side.own_prior.mean
    into[:, side.fixed] = 1.0


def _blocks(n: int) -> list[slice]:
    return [slice(start, start + PAIRS_AT_ONCE) for start in range(0, n, PAIRS_AT_ONCE)]
