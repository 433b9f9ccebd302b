"""Choosing a model's parameters inside the training part, so that no figure was tuned on.

Random search (Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", 2012): some
settings are drawn, each is fitted on a part of the training part and asked for the rest, which is
split off in the way of the outer split.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from vitrine.errors import InputError, TrainingError
from vitrine.evaluation.ratings.result import RatingResult
from vitrine.evaluation.ratings.spaces import SPACES, draw_params
from vitrine.evaluation.ratings.splits import RatingSplit, make_splits
from vitrine.ratings import Interactions, RatingModel


@dataclass(frozen=True)
class Search:
    """How parameters are searched for.

    Parameters
    ----------
    n_trials : int
        Settings tried, the model's own among them.
    split : str
        The kind of the inner split, as `make_splits` names it; the first one counts.
    random_state : int
        Seed of the settings and of the inner split.
    """

    n_trials: int = 10
    split: str = "folds:5"
    random_state: int = 0

    def inner_split(self, train: Interactions) -> RatingSplit:
        """Return the first inner split of a training part."""
        name = "folds:5" if self.split.startswith("given") else self.split
        return next(make_splits(name, train, random_state=self.random_state))

    def settings(self, kind: str) -> list[dict[str, Any]]:
        """Return the settings to try; the first, without any, is the model's own."""
        if kind not in SPACES:
            return [{}]
        rng = np.random.default_rng([self.random_state, *kind.encode()])
        return [{}, *(draw_params(kind, rng) for _ in range(self.n_trials - 1))]


def best_setting(
    model: RatingModel, search: Search, evaluate: Any, split: RatingSplit
) -> dict[str, Any]:
    """Return the parameters with the best figure on the inner split.

    Parameters
    ----------
    model : RatingModel
        Unfitted.
    search : Search
    evaluate : callable
        Takes a model and a split and returns a `RatingResult`.
    split : RatingSplit
        Of its training part alone an inner split is made.
    """
    settings = search.settings(model.kind)
    if len(settings) == 1:
        return settings[0]
    inner = search.inner_split(split.train)
    best: tuple[float, dict[str, Any]] = (-np.inf, {})
    for setting in settings:
        try:
            reached = goodness(evaluate(clone(model).set_params(**setting), inner))
        except (InputError, TrainingError):  # a setting that this data cannot be fitted with
            continue
        if reached > best[0]:
            best = reached, setting
    return best[1]


def goodness(result: RatingResult) -> float:
    """Return what a search makes large: less RMSE where ratings are predicted, else NDCG."""
    errors = result.errors[~np.isnan(result.errors)]
    if len(errors):
        return -float(np.sqrt(np.mean(errors**2)))
    return float(np.nanmean(result.lists["ndcg"]))
