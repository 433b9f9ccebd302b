"""Users who came, or rated more, after a model was fitted: their scores without fitting again.

A fitted model keeps what it knows of the items; what it would know of a user follows from the
user's ratings alone. How much each of those speaks for an item comes out with it, which is what a
pick is explained by (as in Hu, Koren and Volinsky, "Collaborative Filtering for Implicit Feedback
Datasets", 2008, section 5).
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import solve

from vitrine.ratings.als import ImplicitALS
from vitrine.ratings.base import RatingModel
from vitrine.ratings.bayesian import BayesianSVDpp
from vitrine.ratings.bpr import BPR
from vitrine.ratings.content_profile import ContentProfile
from vitrine.ratings.ease import EASE
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.graded import grades
from vitrine.ratings.ids import UNKNOWN, Codes
from vitrine.ratings.mult_vae import MultVAE
from vitrine.ratings.user_profile import UserProfile

Array = NDArray[Any]
Model = TypeVar("Model", bound=RatingModel)
MAX_SAMPLE = 100_000


class Folding(Generic[Model]):
    """Serves users that a model was not fitted with; here with what an unknown user gets.

    Parameters
    ----------
    model : RatingModel
        Fitted; it stays as it is.
    """

    def __init__(self, model: Model) -> None:
        self.model = model

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,).

        Parameters
        ----------
        items : ndarray of shape (n,), int32
            Codes of what the user rated, all known to the model, ascending.
        ratings : ndarray of shape (n,), float32
        """
        scores: Array = self.model._scores(np.array([UNKNOWN], np.int32))[0]
        return scores

    def scores_of(self, user: int, items: Codes, ratings: Array) -> Array:
        """Score every item for a user of the fit, whose ratings are others by now, (n_items,).

        Parameters
        ----------
        user : int
            Code in the model's `users_`; −1 for somebody who came later. Tells models that learn
            from users' features whose these are.
        items, ratings : ndarray of shape (n,)
            As `scores`.
        """
        return self.scores(items, ratings)

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return how much each rated item speaks for each of `picks`, (n_picks, n).

        Here nothing does: the picks are the same for everybody.
        """
        return np.zeros((len(picks), len(items)))


class ItemWeights(Folding[EASE]):
    """For models that are weights of items for items: the sum of the rated items' rows."""

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        strength = strengths(self.model, ratings, self.model.rating_power)
        scores: Array = strength @ self.model.weights_[items]
        return scores

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return the weight of each rated item for each pick, by its rating, (n_picks, n)."""
        weights: Array = self.model.weights_[np.ix_(items, picks)].T
        return weights * strengths(self.model, ratings, self.model.rating_power)


class RatedFactors(Folding[FactorModel]):
    """For factors that predict ratings: the most probable vector given the user's ratings.

    The fitted users say, as a normal distribution, what vectors are likely; the fitted ratings say
    how noisy ratings are. Nothing of how the factors were found is needed.
    """

    def __init__(self, model: FactorModel) -> None:
        super().__init__(model)
        self._items = np.column_stack(
            [np.ones(len(model.items_)), model.item_factors_[:-1].astype(np.float64)]
        )
        users = np.column_stack([model.user_biases_[:-1], model.user_factors_[:-1]])
        self._mean = users.mean(axis=0, dtype=np.float64)
        self._spread = np.atleast_2d(np.cov(users.T.astype(np.float64), bias=True))
        self._noise = max(noise_variance(model), 1e-6)

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        model, rated = self.model, self._items[items]
        rest = ratings - model.mean_ - model.item_biases_[items] - rated @ self._mean
        vector = self._mean + self._solved(rated) @ (rated.T @ rest) / self._noise
        scores: Array = model.mean_ + model.item_biases_[:-1] + self._items @ vector
        return scores

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return each rated item's share in each pick's product of factors, (n_picks, n).

        Shares in the user's bias are left out: they speak for all items alike.
        """
        model, rated = self.model, self._items[items]
        rest = ratings - model.mean_ - model.item_biases_[items] - rated @ self._mean
        rest = rest - rest.mean()
        picked = self._items[picks].copy()
        picked[:, 0] = 0.0
        shares: Array = picked @ self._solved(rated) @ rated.T * rest
        return shares

    def _solved(self, rated: Array) -> Array:
        """Return (Σ·ZᵀZ / noise + 1)⁻¹ Σ, which needs no inverse of Σ, (k + 1, k + 1)."""
        gram = self._spread @ (rated.T @ rated) / self._noise
        gram[np.diag_indices_from(gram)] += 1.0
        return np.asarray(solve(gram, self._spread))


class ChosenFactors(Folding[ImplicitALS]):
    """For implicit ALS: the exact solution for one more row."""

    def __init__(self, model: ImplicitALS) -> None:
        super().__init__(model)
        self._items = model.item_factors_[:-1].astype(np.float64)
        self._base = model.unobserved_weight * (self._items.T @ self._items)

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        vector = self._solved(items, ratings).sum(axis=1)
        scores: Array = self._items @ vector
        return scores

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return each rated item's share in each pick's score, (n_picks, n)."""
        shares: Array = self._items[picks] @ self._solved(items, ratings)
        return shares

    def _solved(self, items: Codes, ratings: Array) -> Array:
        """Return each rated item's share in the user's vector, (k, n)."""
        model, rated = self.model, self._items[items]
        weights = ratings
        if model.feedback_ == "explicit":
            weights = grades(ratings, model.rating_range_, "explicit", model.rating_power)
        mass = weights.sum() + model.unobserved_weight * len(self._items)
        gram = self._base + (rated.T * weights) @ rated
        gram[np.diag_indices_from(gram)] += model.regularization * mass**model.frequency_scaling
        return np.asarray(solve(gram, rated.T * weights, assume_a="pos"))


class MappedFactors(Folding[BPR]):
    """For factors learned by ranking: a linear map from the items' factors to the user's.

    The map, from the sum of the factors of what a user chose, is the least squares fit over the
    fitted users.
    """

    def __init__(self, model: BPR) -> None:
        super().__init__(model)
        n_users = min(len(model.users_), MAX_SAMPLE)
        counts = model.seen_.counts[:n_users]
        seen = model.seen_.matrix(len(model.items_))[:n_users]
        shares = np.repeat(1 / np.sqrt(np.maximum(counts, 1)), counts)
        seen.data = shares * strengths(model, seen.data, model.rating_power)
        profiles = (seen @ model.item_factors_[:-1]).astype(np.float64)
        gram = profiles.T @ profiles
        gram[np.diag_indices_from(gram)] += 1e-3 * (np.trace(gram) / max(1, len(gram)) + 1e-9)
        users = model.user_factors_[:n_users].astype(np.float64)
        self._map = np.linalg.solve(gram, profiles.T @ users)

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        model, share = self.model, 1 / np.sqrt(max(1, len(items)))
        profile = share * strengths(model, ratings, model.rating_power) @ model.item_factors_[items]
        scores: Array = model.item_factors_[:-1] @ (profile @ self._map)
        return scores + self.model.item_biases_[:-1]

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return each rated item's share in each pick's score, (n_picks, n)."""
        factors, power = self.model.item_factors_, self.model.rating_power
        shares: Array = factors[picks] @ (factors[items] @ self._map).T
        return shares * strengths(self.model, ratings, power)


class EncodedHistory(Folding[MultVAE]):
    """For `MultVAE`, whose encoder takes any history."""

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        model = self.model
        row = strengths(model, ratings, model.rating_power)[None]
        if not row.any():
            return super().scores(items, ratings)
        factors = model.factors_of(self._histories(row, items))[0]
        scores: Array = model.item_factors_[:-1] @ factors + model.item_biases_[:-1]
        return scores

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return by how much each pick would score less without each rated item, (n_picks, n)."""
        model = self.model
        whole = strengths(model, ratings, model.rating_power)[None]
        without = whole * (1 - np.eye(len(items), dtype=np.float32))
        factors = model.factors_of(self._histories(np.concatenate([whole, without]), items))
        scores = model.item_factors_[picks] @ factors.T
        lost: Array = scores[:, :1] - scores[:, 1:]
        return lost

    def _histories(self, rows: Array, items: Codes) -> sp.csr_matrix:
        """Return rows of how strongly each of `items` was chosen, as columns of all items."""
        indptr = np.arange(len(rows) + 1) * len(items)
        columns, n_items = np.tile(items, len(rows)), len(self.model.items_)
        return sp.csr_matrix((rows.ravel(), columns, indptr), (len(rows), n_items))


class OwnProfile(Folding[ContentProfile]):
    """For `ContentProfile`: the user's mean over what was chosen, as for any other."""

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        strength = strengths(self.model, ratings, self.model.rating_power)
        row = sp.csr_matrix((strength, items, [0, len(items)]), (1, len(self.model.items_)))
        scores: Array = self.model.lift(row)[0]
        return scores

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return by how much each rated item is more like each pick than most are, (n_picks, n)."""
        similar = self.model._item_similarities(picks)
        shares: Array = similar[:, items] - similar.mean(axis=1, keepdims=True)
        return shares * strengths(self.model, ratings, self.model.rating_power)


class OwnKind(Folding[UserProfile]):
    """For `UserProfile`, to which what a user chose says nothing beyond the features."""

    def scores_of(self, user: int, items: Codes, ratings: Array) -> Array:
        """Score every item for a user of the fit, (n_items,)."""
        scores: Array = self.model._scores(np.array([user], np.int32))[0]
        return scores


class SampledFactors(Folding[BayesianSVDpp]):
    """For `BayesianSVDpp`: in each sample the expected vector, given the user's ratings.

    As `RatedFactors`, sample by sample, with the noise of each item.
    """

    def __init__(self, model: BayesianSVDpp) -> None:
        super().__init__(model)
        users = _free(model.user_samples_[:-1])  # (n_users, s, k + 1)
        self._mean = users.mean(axis=0)
        centred = users - self._mean
        self._spread = np.einsum("nsk,nsl->skl", centred, centred, optimize=True) / len(users)
        self._flat = model.item_samples_[:-1].reshape(len(model.items_), -1)

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        shares, rest = self._shares(items, ratings)
        free = self._mean + np.einsum("skn,ns->sk", shares, rest)
        vector = np.insert(free, 1, 1.0, axis=1).astype(np.float32)
        means = self.model.means_
        scores: Array = self._flat @ vector.ravel() / np.float32(len(means)) + means.mean()
        return scores

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return each rated item's mean share in each pick's product of factors, (n_picks, n)."""
        shares, rest = self._shares(items, ratings)
        rest = rest - rest.mean(axis=0)
        picked = self.model.item_samples_[picks][:, :, 2:]
        each = np.einsum("psk,skn->psn", picked, shares[:, 1:], optimize=True)
        means: Array = np.einsum("psn,ns->pn", each, rest, optimize=True) / rest.shape[1]
        return means

    def _shares(self, items: Codes, ratings: Array) -> tuple[Array, Array]:
        """Return what residuals are multiplied by, (s, k + 1, n), and the residuals, (n, s)."""
        model = self.model
        rated = model.item_samples_[items].astype(np.float64)
        free = _free(rated)  # (n, s, k + 1)
        precision = 1 / (model.noise_variance_ * model.item_noise_[items]).astype(np.float64)
        rest = ratings[:, None] - model.means_ - rated[:, :, 1]
        rest = rest - np.einsum("nsk,sk->ns", free, self._mean)
        weighted = free * precision[:, None, None]
        gram = self._spread @ np.einsum("nsk,nsl->skl", weighted, free, optimize=True)
        gram += np.eye(gram.shape[1])
        solved = np.linalg.solve(gram, self._spread)
        return np.einsum("skl,nsl->skn", solved, weighted, optimize=True), rest


def strengths(model: RatingModel, ratings: Array, power: float) -> Array:
    """Return how much ratings count as choices to a model that was fitted on a scale, (n,)."""
    scale = model.rating_range_
    return grades(np.clip(ratings, *scale), scale, model.feedback_, power)


def noise_variance(model: RatingModel) -> float:
    """Return the mean squared error of the ratings that a model was fitted with, of a sample."""
    seen = model.seen_
    step = max(1, len(seen.ratings) // MAX_SAMPLE)
    users = np.repeat(np.arange(len(seen.counts), dtype=np.int32), seen.counts)[::step]
    predicted = model._predict(users, seen.indices[::step])
    return float(np.mean((predicted - seen.ratings[::step]) ** 2, dtype=np.float64))


def _free(samples: Array) -> Array:
    """Return samples without the column that belongs to the items' biases, float64."""
    return np.delete(samples, 1, axis=-1).astype(np.float64)
