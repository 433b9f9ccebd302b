"""A sum of other models' predicted ratings, with learned weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

from vitrine.artifact import Artifact
from vitrine.errors import OptionError
from vitrine.progress import track
from vitrine.ratings.base import Scores
from vitrine.ratings.ensemble import Choice, Ensemble
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.ids import Codes
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.registry import make_rating_model

Array = NDArray[Any]
DEFAULT_MODELS: tuple[Choice, ...] = (
    ("bayesian-svdpp", {}),
    ("svdpp", {}),
    ("item-knn", {}),
    ("user-knn", {}),
    ("biases", {}),
)


class Blend(Ensemble):
    """Adds up several models' predictions, weighted by ridge regression.

    The weights are learned on predictions of ratings that each model, fitted on the other folds of
    the training part, had not seen. They may grow with the logarithm of how many ratings the user
    and the item have, since some models need more of them than others (Sill, Takács, Mackey and
    Lin, "Feature-Weighted Linear Stacking", 2009). An unknown user or item gets the same sum of
    what the models fall back on.

    Parameters
    ----------
    models : sequence of (name, params), optional
        What is blended; the five of `DEFAULT_MODELS` when not given.
    n_folds : int
        Folds that the weights are learned on; each model is fitted once more than that.
    regularization : float
        Of the weights.
    random_state : int
        Seed of the folds.

    Attributes
    ----------
    weights_ : ndarray of shape (n_models, 3), float64
        Constant part, growth with the user's and with the item's log-count of ratings.
    intercept_ : float
    models_ : list of RatingModel
    """

    kind: ClassVar[str] = "blend"
    weights_: Array
    intercept_: float
    _counts: tuple[Array, Array]

    def __init__(
        self,
        models: Sequence[Choice] | None = None,
        n_folds: int = 5,
        regularization: float = 10.0,
        random_state: int = 0,
    ) -> None:
        self.models = models
        self.n_folds = n_folds
        self.regularization = regularization
        self.random_state = random_state

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        chosen = DEFAULT_MODELS if self.models is None else self.models
        if not chosen or self.n_folds < 2 or not self.regularization >= 0:
            raise OptionError("a blend needs models, 2 folds or more and regularization from 0 up")
        make = [partial(make_rating_model, name, **params) for name, params in chosen]
        if not all(model().predicts_ratings for model in make):
            raise OptionError("a blend is of models that predict ratings")
        n_folds = min(self.n_folds, len(interactions))
        dealt = np.random.default_rng(self.random_state).permutation(len(interactions)) % n_folds
        held_out = np.empty((len(make), len(interactions)))
        jobs = [(fold, column) for fold in range(n_folds) for column in range(len(make))]
        for fold, column in track(jobs, "holding out ratings to weigh models on"):
            held = dealt == fold
            model = make[column]().fit(interactions.select(~held), features)
            users, items = interactions.user_codes[held], interactions.item_codes[held]
            held_out[column, held] = model.predict_codes(users, items)
        self._count()
        parts = self._parts(held_out, interactions.user_codes, interactions.item_codes)
        ridge = Ridge(alpha=self.regularization).fit(parts.reshape(len(make) * 3, -1).T,
                                                     interactions.ratings)  # fmt: skip
        self.weights_ = ridge.coef_.reshape(len(make), 3).astype(np.float64)
        self.intercept_ = float(ridge.intercept_)
        self.models_ = [model().fit(interactions, features) for model in make]

    def _count(self) -> None:
        """Keep how far each log-count of ratings is from the mean one; 0 for the unknown."""
        by_item = np.bincount(self.seen_.indices, minlength=len(self.items_))
        logs = [np.log1p(counts) for counts in (self.seen_.counts, by_item)]
        users, items = (np.append(log - log.mean(), -log.mean()) for log in logs)
        self._counts = users, items

    def _parts(self, predictions: Array, users: Codes, items: Codes) -> Array:
        """Return predictions (m, n) and their products with both counts, (m, 3, n)."""
        by_user, by_item = self._counts
        factors = np.stack([np.ones(len(users)), by_user[users], by_item[items]])
        parts: Array = predictions[:, None, :] * factors
        return parts

    def _predict(self, users: Codes, items: Codes) -> Scores:
        predictions = np.stack([model.predict_codes(users, items) for model in self.models_])
        parts = self._parts(predictions, users, items)
        predicted: Scores = np.einsum("mc,mcn->n", self.weights_, parts) + self.intercept_
        return predicted

    def _state(self) -> Artifact:
        artifact = super()._state()
        artifact.settings["intercept"] = self.intercept_
        artifact.arrays["weights_"] = self.weights_
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        self.intercept_ = float(artifact.settings["intercept"])
        self.weights_ = artifact.arrays["weights_"]
        self._count()
