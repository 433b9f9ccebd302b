"""A sum of other models' ranking scores."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.ratings.base import Scores
from vitrine.ratings.ensemble import Choice, Ensemble
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.ids import Codes
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.registry import make_rating_model

VISIT_SECONDS = 600.0
"""The longest visit that models of `DEFAULT_RANKERS` learn from, where there are timestamps."""


class Ranker(NamedTuple):
    """A model of a blend of scores, and whether it must be left out."""

    name: str
    params: dict[str, Any]
    weight: float
    of_ratings: bool = False
    """It learns from explicit ratings alone."""
    of_features: bool = False
    """It needs items' features."""


DEFAULT_RANKERS: tuple[Ranker, ...] = (
    Ranker("hybrid", {"likeness_weight": 30.0, "visit_seconds": VISIT_SECONDS}, 0.5),
    Ranker("implicit-als", {"visit_seconds": VISIT_SECONDS}, 0.5),
    Ranker("bpr", {}, 0.5),
    Ranker("mult-vae", {"visit_seconds": VISIT_SECONDS}, 1.0),
    Ranker("bayesian-svdpp", {}, 0.5, of_ratings=True),
    Ranker("content-profile", {}, 0.3, of_features=True),
)


class RankBlend(Ensemble):
    """Adds up several models' scores of all items, each with mean 0 and deviation 1 for a user.

    Models that err differently correct each other, so about equal weights do well. Those that know
    items by their features use them. An unknown user gets the same sum of what the models fall back
    on; an unknown item scores 0. Items that came after the fit are scored by those of the models
    that know them by their features (`add_items`); the others give them the user's mean score.

    Parameters
    ----------
    models : sequence of (name, params), optional
        What is blended; those of `DEFAULT_RANKERS` that feedback and features allow when not given.
    weights : sequence of float, optional
        One a model; when not given those of `DEFAULT_RANKERS` for the default models, and 1 for
        others.

    Attributes
    ----------
    models_ : list of RatingModel
    n_fitted_ : int
        The first so many items were there in the fit; means and deviations are theirs.
    """

    kind: ClassVar[str] = "rank-blend"
    predicts_ratings: ClassVar[bool] = False
    n_fitted_: int

    def __init__(
        self, models: Sequence[Choice] | None = None, weights: Sequence[float] | None = None
    ) -> None:
        self.models = models
        self.weights = weights

    def add_items(self, features: ItemFeatures) -> Self:
        """Return a model that also knows the new items of `features`, by the models that can.

        Nothing is trained. Items that are known already stay as they are.

        Raises
        ------
        InputError
            If none of the models takes items in, the model was fitted without features, or these
            are of other blocks.
        """
        check_is_fitted(self, "items_")
        growing = [hasattr(model, "add_items") for model in self.models_]
        if not any(growing):
            raise InputError("none of the blended models takes in items that came after its fit")
        added = copy.copy(self)
        added.items_ = self.items_.extended(features.items.values)
        if added.items_ is self.items_:
            return self
        models: list[Any] = self.models_
        added.models_ = [
            model.add_items(features) if grows else model
            for model, grows in zip(models, growing, strict=True)
        ]
        return added

    def settled(self) -> Self:
        """Return an unfitted blend of the same models, each settled, with the same weights."""
        models = [model.settled() for model in self.models_]
        chosen = [(model.kind, model.get_params(deep=False)) for model in models]
        copied = super().settled()
        copied.set_params(models=chosen, weights=list(self.weights_of_models()))
        return copied

    def knows_by(self, block: str) -> bool:
        """Tell whether any of the models does."""
        return any(model.knows_by(block) for model in self.models_)

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        chosen = self.models
        if chosen is None:
            explicit, described = interactions.feedback == "explicit", features is not None
            chosen = [
                (ranker.name, ranker.params)
                for ranker in DEFAULT_RANKERS
                if (explicit or not ranker.of_ratings) and (described or not ranker.of_features)
            ]
        if not chosen or (self.weights is not None and len(self.weights) != len(chosen)):
            raise OptionError("a blend needs models, and as many weights as models")
        made = [make_rating_model(name, **params) for name, params in chosen]
        self.models_ = [model.fit(interactions, features) for model in made]
        self.n_fitted_ = len(self.items_)

    def standardised(self, scores: Scores) -> Scores:
        """Return a model's scores with mean 0 and deviation 1 for each user, float64 (q, n_items).

        Parameters
        ----------
        scores : ndarray of shape (q, n)
            Of the first n items; those that came after the model's fit get 0.
        """
        centred = scores.astype(np.float64)
        centred -= centred[:, : self.n_fitted_].mean(axis=1, keepdims=True)
        deviations = centred[:, : self.n_fitted_].std(axis=1, keepdims=True)
        centred /= np.where(deviations > 0, deviations, 1.0)
        return np.pad(centred, ((0, 0), (0, len(self.items_) - scores.shape[1])))

    def weights_of_models(self) -> Sequence[float]:
        """Return what each of `models_` weighs."""
        if self.weights is not None:
            return self.weights
        usual = {ranker.name: ranker.weight for ranker in DEFAULT_RANKERS}
        return [1.0 if self.models is not None else usual[model.kind] for model in self.models_]

    def each_scores(self, users: Codes) -> Scores:
        """Return what each of `models_` says, standardised, (n_models, q, n_items)."""
        return np.stack([self.standardised(model._scores(users)) for model in self.models_])

    def _scores(self, users: Codes) -> Scores:
        total = np.zeros((len(users), len(self.items_)))
        for weight, model in zip(self.weights_of_models(), self.models_, strict=True):
            total += weight * self.standardised(model._scores(users))
        return total

    def _item_similarities(self, items: Codes) -> Scores:
        """Ask the first of the models that know all items."""
        whole = [model for model in self.models_ if len(model.items_) == len(self.items_)]
        return whole[0]._item_similarities(items)

    def _predict(self, users: Codes, items: Codes) -> Scores:
        return self._predict_by_rows(users, items)

    def _state(self) -> Artifact:
        artifact = super()._state()
        artifact.settings["n_fitted"] = self.n_fitted_
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        self.n_fitted_ = int(artifact.settings.get("n_fitted", len(self.items_)))
