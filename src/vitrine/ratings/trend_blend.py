"""What a user likes, among what is chosen at the moment."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.ratings.base import Scores
from vitrine.ratings.ensemble import Ensemble
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.ids import UNKNOWN, Codes
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.registry import make_rating_model
from vitrine.ratings.trending import Trending

Array = NDArray[Any]
FADING = 1e-2
"""Share of popularity in the trend: it ranks what was chosen once, though not lately."""

ROUNDING = 1e-4
"""Scores that differ by less of their own deviation are the same."""


class TrendBlend(Ensemble):
    """The trend of each item, times how much more a user likes it than people on average do.

    ``log trend + weight · lift``: the lift is another model's score for the user, less its score
    for a user of whom nothing is known, over its deviation among the items that somebody chose. So
    what is popular is told by the trend, which knows *when*, and the other model says whose it is
    (the two factors of time-aware popularity and preference, as in Koren, "Collaborative Filtering
    with Temporal Dynamics", 2009). Items that nobody chose have the least trend, and keep all of
    the model's score, which may know them by their features. A user of whom nothing is known gets
    what is trending. Without timestamps the trend is popularity: choose the other model instead.

    Parameters
    ----------
    personal : str
        Name of the other model, which says who likes what.
    personal_params : mapping, optional
        Its parameters.
    weight : float
        Of the lift, 0 or more.
    half_life_days : float or None
        As `Trending`.
    random_state : int
        Seed of the other model, where it has one.

    Attributes
    ----------
    models_ : list of RatingModel
        The other model, and the `Trending` one.
    """

    kind: ClassVar[str] = "trend-blend"
    predicts_ratings: ClassVar[bool] = False

    def __init__(
        self,
        personal: str = "mult-vae",
        personal_params: Mapping[str, Any] | None = None,
        weight: float = 0.5,
        half_life_days: float | None = None,
        random_state: int = 0,
    ) -> None:
        self.personal = personal
        self.personal_params = personal_params
        self.weight = weight
        self.half_life_days = half_life_days
        self.random_state = random_state

    def add_items(self, features: ItemFeatures) -> Self:
        """Return a model that also knows the new items of `features`, as the other model does.

        Raises
        ------
        InputError
            If the other model cannot take items in, or was fitted without features.
        """
        check_is_fitted(self, "items_")
        personal, trending = self.models_
        if not hasattr(personal, "add_items"):
            raise InputError(
                f"{self.personal} knows no items that came after its fit; fit it again"
            )
        grown = personal.add_items(features)
        added, trend = copy.copy(self), copy.copy(trending)
        n_new = len(grown.items_) - len(self.items_)
        trend.items_ = added.items_ = grown.items_
        trend.item_biases_ = np.pad(trend.item_biases_, (0, n_new))
        trend.item_factors_ = np.pad(trend.item_factors_, ((0, n_new), (0, 0)))
        added.models_ = [grown, trend]
        added._weigh()
        return added

    def knows_strangers(self) -> bool:
        """Tell whether anything trends."""
        return self.models_[1].knows_strangers()

    def knows_by(self, block: str) -> bool:
        """Tell what the other model does."""
        return self.models_[0].knows_by(block)

    def mixed(self, personal: Scores) -> Scores:
        """Return scores (q, n_items) of the other model's, each row some user's."""
        lift = personal - self._expected
        warm = lift[:, self._warm]
        middle, deviation = warm.mean(axis=1), warm.std(axis=1)
        lift -= middle[:, None]
        # Of whom nothing is known, scores are the expected ones but for their rounding.
        known = deviation > ROUNDING * personal[:, self._warm].std(axis=1)
        lift /= np.where(known, deviation, 1.0)[:, None]
        lift[np.ix_(~known, self._warm)] = 0.0
        mixed: Scores = self._log_trend + self.weight * lift
        return mixed

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if not self.weight >= 0:
            raise OptionError(f"weight is {self.weight}; it must be 0 or more")
        personal = make_rating_model(self.personal, **(self.personal_params or {}))
        if "random_state" in personal.get_params(deep=False).keys() - (self.personal_params or {}):
            personal.set_params(random_state=self.random_state)
        self.models_ = [
            personal.fit(interactions, features),
            Trending(self.half_life_days).fit(interactions, features),
        ]
        self._weigh()

    def _weigh(self) -> None:
        """Work out what is the same for all users."""
        personal, trending = self.models_
        chosen = np.bincount(self.seen_.indices, minlength=len(self.items_))
        self._warm = np.flatnonzero(chosen)
        trend = trending._scores(np.array([UNKNOWN], np.int32))[0].astype(np.float64)
        share = (chosen + 0.1) / (chosen.max() + 0.1)  # of an item that nobody chose, a little
        self._log_trend = np.log(trend + FADING * (trend.max() or 1.0) * share)
        self._expected = personal._scores(np.array([UNKNOWN], np.int32))[0].astype(np.float64)
        cold = chosen == 0
        if cold.any():  # all that is expected of these is the model's, so it is not taken away
            self._expected[cold] = self._expected[cold].mean()

    def _scores(self, users: Codes) -> Scores:
        return self.mixed(self.models_[0]._scores(users).astype(np.float64))

    def _predict(self, users: Codes, items: Codes) -> Scores:
        return self._predict_by_rows(users, items)

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        self._weigh()
