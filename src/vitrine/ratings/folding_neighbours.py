"""Users who came after the fit, for models that look at neighbours and for blends."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.ratings.als import ImplicitALS
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.baselines import damped_biases
from vitrine.ratings.bayesian import BayesianSVDpp
from vitrine.ratings.blend import Blend
from vitrine.ratings.bpr import BPR
from vitrine.ratings.content_profile import ContentProfile
from vitrine.ratings.ease import EASE
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.folding import (
    ChosenFactors,
    EncodedHistory,
    Folding,
    ItemWeights,
    MappedFactors,
    OwnKind,
    OwnProfile,
    RatedFactors,
    SampledFactors,
)
from vitrine.ratings.folding_mllib import OneMoreRow
from vitrine.ratings.ids import UNKNOWN, Codes
from vitrine.ratings.interactions import Interactions, Rows
from vitrine.ratings.mllib import SparkALS
from vitrine.ratings.mult_vae import MultVAE
from vitrine.ratings.neighbours import ItemKNN, UserKNN
from vitrine.ratings.rank_blend import RankBlend
from vitrine.ratings.rank_stack import RankStack
from vitrine.ratings.trend_blend import TrendBlend
from vitrine.ratings.user_profile import UserProfile
from vitrine.ratings.visual import VisualKNN

Array = NDArray[Any]


def folding(model: RatingModel) -> Folding[Any]:
    """Return what serves users that `model` was not fitted with."""
    for kind, made in _FOLDINGS:
        if isinstance(model, kind):
            found: Folding[Any] = made(model)
            return found
    if isinstance(model, FactorModel) and model.predicts_ratings:
        return RatedFactors(model)
    return Folding(model)


class OwnNeighbours(Folding[ItemKNN]):
    """For `ItemKNN`: the neighbours of items are known, the user's ratings are looked up."""

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        model = self.model
        guest = copy(model)
        guest.deviations_, bias = self._deviations(items, ratings)
        guest.seen_ = _one_row(items, ratings)
        guest.other_base_ = np.array([bias, 0.0], np.float32)
        return np.asarray(_all_items(guest))

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return likeness times how far each rating is from what was expected, (n_picks, n)."""
        deviations, _ = self._deviations(items, ratings)
        if self.model.form == "plain":
            deviations = deviations - deviations.mean()
        shares: Array = self.model._item_similarities(picks)[:, items] * deviations
        return shares

    def _deviations(self, items: Codes, ratings: Array) -> tuple[Array, float]:
        model = self.model
        base = model.own_base_[items]
        bias = 0.0
        if model.form != "centred":
            bias = float((ratings - base).sum() / (len(items) + model.user_damping))
        taken = 0.0 if model.form == "plain" else base + np.float32(bias)
        return (ratings - taken).astype(np.float32), bias


class OwnLooks(Folding[VisualKNN]):
    """For `VisualKNN`: the user's own ratings of what looks alike."""

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        model = self.model
        guest = copy(model)
        guest.deviations_, bias = self._deviations(items, ratings)
        guest.seen_ = _one_row(items, ratings)
        guest.user_biases_ = np.array([bias, 0.0], np.float32)
        return np.asarray(_all_items(guest))

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return likeness times how far each rating is from what was expected, (n_picks, n)."""
        likeness = self.model._likeness(self.model.vectors_[picks], self.model.vectors_[items])
        shares: Array = likeness * self._deviations(items, ratings)[0]
        return shares

    def _deviations(self, items: Codes, ratings: Array) -> tuple[Array, float]:
        model = self.model
        rest = ratings - model.mean_ - model.item_biases_[items]
        bias = float(rest.sum() / (len(items) + model.user_damping))
        return (rest - bias).astype(np.float32), bias


class LikeMinded(Folding[UserKNN]):
    """For `UserKNN`: the user's likeness to every fitted user, from the items both rated."""

    def __init__(self, model: UserKNN) -> None:
        super().__init__(model)
        seen = model.seen_
        users = np.repeat(np.arange(len(seen.counts), dtype=np.int32), seen.counts)
        fitted = Interactions(model.users_, model.items_, users, seen.indices, seen.ratings)
        mean, user_biases, item_biases = damped_biases(
            fitted, model.user_damping, model.item_damping, 10
        )
        taken = {"pearson-baseline": mean + user_biases[users] + item_biases[seen.indices]}
        centred = seen.ratings - taken.get(model.similarity, np.zeros(len(users)))
        n_items = len(model.items_)
        self._mean, self._item_biases = mean, item_biases
        self._centred = seen.matrix(n_items, centred)
        self._squares = seen.matrix(n_items, centred**2)
        self._rated = seen.matrix(n_items, np.ones(len(users)))
        self._by_item = model._rated_by_other()

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        model = self.model
        guest = copy(model)
        base = self._mean + self._item_biases[items]
        bias = float((ratings - base).sum() / (len(items) + model.user_damping))
        taken = base + bias if model.similarity == "pearson-baseline" else 0.0
        likeness = self._likeness(items, np.asarray(ratings - taken, np.float64))
        near = np.argsort(-likeness, kind="stable")[: model.n_kept]
        near = np.sort(near[likeness[near] > 0])
        # The guest is in the first row; the others' rows are empty.
        guest.indptr_ = np.full(len(model.users_) + 1, len(near))
        guest.indptr_[0] = 0
        guest.neighbours_ = near.astype(np.int32)
        guest.similarities_ = likeness[near].astype(np.float32)
        own = float(ratings.mean()) if model.form == "centred" else self._mean + bias
        guest.own_base_ = np.array([own], np.float32)
        guest._by_item = self._by_item
        return np.asarray(_all_items(guest))

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return how alike items are to all users, times how much more each was liked."""
        similar = self.model._item_similarities(picks)[:, items]
        shares: Array = np.maximum(similar, 0.0) * (ratings - ratings.mean())
        return shares

    def _likeness(self, items: Codes, centred: Array) -> Array:
        """Return the user's similarity to each fitted user, (n_users,), as `UserKNN` fits it."""
        values, there = np.zeros((2, self._rated.shape[1]))
        values[items], there[items] = centred, 1.0
        count = self._rated @ there
        xy, xx, yy = self._centred @ values, self._rated @ values**2, self._squares @ there
        if self.model.similarity == "pearson":
            x, y, n = self._rated @ values, self._centred @ there, np.maximum(count, 1)
            xy, xx, yy = xy - x * y / n, xx - x * x / n, yy - y * y / n
        product = xx * yy
        similar = np.divide(xy, np.sqrt(np.maximum(product, 1e-12)), where=product > 1e-9,
                            out=np.zeros(len(count)))  # fmt: skip
        if self.model.shrinkage > 0:
            n = np.maximum(count - 1, 0)
            similar = similar * n / (n + self.model.shrinkage)
        return np.asarray(similar)


class Blended(Folding[Blend]):
    """For `Blend`: each of its models folded in, and the same weights."""

    def __init__(self, model: Blend) -> None:
        super().__init__(model)
        self._parts = [folding(part) for part in model.models_]

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        model = self.model
        limits = model.rating_range_
        each = np.stack([np.clip(part.scores(items, ratings), *limits) for part in self._parts])
        by_user, by_item = model._counts
        warmth = np.log1p(len(items)) + by_user[-1]  # the unknown user's is 0 less the mean
        factors = np.stack([np.ones(each.shape[1]), np.full(each.shape[1], warmth), by_item[:-1]])
        scores: Array = np.einsum("mc,mn,cn->n", model.weights_, each, factors)
        return scores + model.intercept_

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return the mean of the models' shares, each by how much the model weighs."""
        weights = np.maximum(self.model.weights_[:, 0], 0.0)
        return _mean_share(self._parts, weights, items, ratings, picks)


class BlendedRanks(Folding[RankBlend]):
    """For `RankBlend`: each of its models folded in, and the same weights."""

    def __init__(self, model: RankBlend) -> None:
        super().__init__(model)
        self._parts = [folding(part) for part in model.models_]

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        weights = self.model.weights_of_models()
        scores: Array = np.tensordot(weights, self.each(items, ratings), 1)
        return scores

    def each(self, items: Codes, ratings: Array) -> Array:
        """Return every model's scores, standardised, (n_models, n_items)."""
        found = []
        for part in self._parts:
            known = items < len(part.model.items_)  # the others came after its fit
            scores = part.scores(items[known], ratings[known])
            found.append(self.model.standardised(scores[None])[0])
        return np.stack(found)

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return the mean of the models' shares, each by how much the model weighs."""
        weights = np.asarray(self.model.weights_of_models(), np.float64)
        return _mean_share(self._parts, weights, items, ratings, picks)


class Stacked(Folding[RankStack]):
    """For `RankStack`: its blend folded in, and corrected as for any other history."""

    def __init__(self, model: RankStack) -> None:
        super().__init__(model)
        self._blended = BlendedRanks(model.first_.blend)

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user of whom only the ratings are known, (n_items,)."""
        return self.scores_of(UNKNOWN, items, ratings)

    def scores_of(self, user: int, items: Codes, ratings: Array) -> Array:
        """Score every item for a user of the fit, whose features are known, (n_items,)."""
        each = self._blended.each(items, ratings)
        return self.model.for_history(user, each[:, None], _one_row(items, ratings))

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return the blend's shares: what corrects them speaks for no rated item."""
        return self._blended.contributions(items, ratings, picks)


class Trended(Folding[TrendBlend]):
    """For `TrendBlend`: its other model folded in, among the same trends."""

    def __init__(self, model: TrendBlend) -> None:
        super().__init__(model)
        self._personal = folding(model.models_[0])

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        personal = self._personal.scores(items, ratings).astype(np.float64)
        scores: Array = self.model.mixed(personal[None])[0]
        return scores

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return the other model's shares: the trend is the same for everybody."""
        return self._personal.contributions(items, ratings, picks)


def _mean_share(
    parts: list[Folding[Any]], weights: Array, items: Codes, ratings: Array, picks: Codes
) -> Array:
    """Return the mean of what each folding says of the items that its model knows, (n_picks, n)."""
    total = np.zeros((len(picks), len(items)))
    for weight, part in zip(weights, parts, strict=True):
        shares = np.zeros((len(picks), len(items)))
        known, asked = (codes < len(part.model.items_) for codes in (items, picks))
        shares[np.ix_(asked, known)] = part.contributions(
            items[known], ratings[known], picks[asked]
        )
        sizes = np.abs(shares).sum(axis=1, keepdims=True)
        total += weight * np.divide(shares, sizes, where=sizes > 0, out=np.zeros(shares.shape))
    return total


def _one_row(items: Codes, ratings: Array) -> Rows:
    return Rows(np.array([0, len(items)]), items, np.asarray(ratings, np.float32))


def _all_items(guest: RatingModel) -> Scores:
    """Score every item for the user whose code is 0."""
    items = np.arange(len(guest.items_), dtype=np.int32)
    return guest._predict(np.zeros(len(items), np.int32), items)


_FOLDINGS: tuple[tuple[type[RatingModel], Any], ...] = (
    (EASE, ItemWeights),
    (ImplicitALS, ChosenFactors),
    (BPR, MappedFactors),
    (MultVAE, EncodedHistory),
    (ContentProfile, OwnProfile),
    (SparkALS, OneMoreRow),
    (BayesianSVDpp, SampledFactors),
    (ItemKNN, OwnNeighbours),
    (UserKNN, LikeMinded),
    (VisualKNN, OwnLooks),
    (Blend, Blended),
    (RankBlend, BlendedRanks),
    (RankStack, Stacked),
    (UserProfile, OwnKind),
    (TrendBlend, Trended),
)
