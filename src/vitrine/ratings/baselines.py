"""Models that any other must beat: the mean, damped biases, popularity, and chance."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.errors import OptionError
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.ids import Codes
from vitrine.ratings.interactions import Interactions


class GlobalMean(FactorModel):
    """Predicts the mean rating, whoever and whatever it is about."""

    kind: ClassVar[str] = "mean"

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        users, items = interactions.n_users, interactions.n_items
        mean = float(interactions.ratings.mean(dtype=np.float64))
        empty = np.zeros
        self._set_factors(mean, empty(users), empty(items), empty((users, 0)), empty((items, 0)))


class Biases(FactorModel):
    """Predicts the mean plus how generous the user is plus how liked the item is.

    The least squares fit with both kinds of biases damped towards zero, by alternating exact
    solutions (Koren, "Factor in the Neighbors", 2010, section 2.1). An unknown user or item has
    bias 0.

    Parameters
    ----------
    user_damping, item_damping : float
        A bias of n ratings is shrunk by n / (n + damping); 0 or more.
    n_iterations : int
        Rounds of alternation.
    """

    kind: ClassVar[str] = "biases"

    def __init__(
        self, user_damping: float = 6.0, item_damping: float = 2.0, n_iterations: int = 10
    ) -> None:
        self.user_damping = user_damping
        self.item_damping = item_damping
        self.n_iterations = n_iterations

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        mean, users, items = damped_biases(
            interactions, self.user_damping, self.item_damping, self.n_iterations
        )
        no_users, no_items = np.zeros((len(users), 0)), np.zeros((len(items), 0))
        self._set_factors(mean, users, items, no_users, no_items)


def damped_biases(
    interactions: Interactions, user_damping: float, item_damping: float, n_iterations: int
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the biases of users (n_users,) and items (n_items,), as `Biases` fits.

    Raises
    ------
    OptionError
        If a damping is negative or there is no iteration.
    """
    if min(user_damping, item_damping) < 0 or n_iterations < 1:
        raise OptionError("dampings must be 0 or more and n_iterations 1 or more")
    users, items = interactions.user_codes, interactions.item_codes
    mean = float(interactions.ratings.mean(dtype=np.float64))
    rest = interactions.ratings - mean
    # Who has no rating is divided by 1: the sum is 0 anyway.
    user_weights = np.maximum(interactions.by_user.counts + user_damping, 1e-9)
    item_weights = np.maximum(interactions.by_item.counts + item_damping, 1e-9)
    user_biases = np.zeros(interactions.n_users)
    for _ in range(n_iterations):
        item_sums = np.bincount(items, rest - user_biases[users], interactions.n_items)
        item_biases = item_sums / item_weights
        user_sums = np.bincount(users, rest - item_biases[items], interactions.n_users)
        user_biases = user_sums / user_weights
    return mean, user_biases, item_biases


class Popularity(FactorModel):
    """Scores an item by how many users interacted with it (implicit: by the sum of weights).

    The same for every user, known or not; an unknown item scores 0.
    """

    kind: ClassVar[str] = "popularity"
    predicts_ratings: ClassVar[bool] = False

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        weights = interactions.ratings if interactions.feedback == "implicit" else None
        counts = np.bincount(interactions.item_codes, weights, interactions.n_items)
        users, items = np.zeros(interactions.n_users), counts
        self._set_factors(0.0, users, items, users[:, None][:, :0], items[:, None][:, :0])


class RandomPick(RatingModel):
    """Draws ratings from a normal distribution with the fitted ratings' mean and deviation.

    A pair of user and item always gets the same draw; unknown ones share theirs.

    Parameters
    ----------
    random_state : int
        Seed.
    """

    kind: ClassVar[str] = "random"
    mean_: float
    deviation_: float

    def __init__(self, random_state: int = 0) -> None:
        self.random_state = random_state

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        self.mean_ = float(interactions.ratings.mean(dtype=np.float64))
        # Choices all weigh the same: without a deviation, "random" would be the items' order.
        self.deviation_ = float(interactions.ratings.std(dtype=np.float64)) or 1.0

    def _scores(self, users: Codes) -> Scores:
        return self._draws(users)[:, :-1]

    def _predict(self, users: Codes, items: Codes) -> Scores:
        who, rows = np.unique(users, return_inverse=True)
        predicted = np.empty(len(users))
        for row, user in enumerate(who):
            mine = rows == row
            predicted[mine] = self._draws(np.array([user]))[0, items[mine]]
        return predicted

    def _draws(self, users: NDArray[Any]) -> Scores:
        """Return one row of draws a user, (q, n_items + 1), the last for unknown items."""
        draws = np.empty((len(users), len(self.items_) + 1))
        for row, user in enumerate(users):
            rng = np.random.default_rng([self.random_state, int(user) + 1])
            draws[row] = rng.normal(self.mean_, self.deviation_, draws.shape[1])
        return draws

    def _state(self) -> Artifact:
        return Artifact(self.kind, {"mean": self.mean_, "deviation": self.deviation_})

    def _restore(self, artifact: Artifact) -> None:
        self.mean_ = float(artifact.settings["mean"])
        self.deviation_ = float(artifact.settings["deviation"])
