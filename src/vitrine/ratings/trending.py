"""What is chosen at the moment: popularity in which what lies further back counts less."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.errors import OptionError
from vitrine.ratings.factor_model import FactorModel
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.graded import grades
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]
SECONDS_A_DAY = 86_400
HELD_OUT = 0.3
"""Latest share of the interactions, which says how fast the earlier ones have aged."""

STEPS = 16
"""Half-lives that are tried, each √2 shorter than the one before, from the whole time spanned."""

SMOOTHING = 20.0
"""Choices, shared out by popularity, that are added to the recent ones before they are judged."""

MARGIN = 2.0
"""Of log likelihood that decay must gain on none, so that chance alone is no trend."""

FEWEST = 100
"""Interactions that count for whole, together, after decay at least: a trend of fewer is chance."""

OUTSIDE = 0.001
"""Share of the times at either end that do not say what is now, or how long all of it took: wrong
clocks, milliseconds for seconds, zeros."""


class Trending(FactorModel):
    """Scores an item by its interactions, one that is a half-life old counting half.

    The exponential decay of trend detectors and news rankers (Cohen and Strauss, "Maintaining
    Time-Decaying Stream Aggregates", 2003). *Now* is the newest time but for the last thousandth,
    which may be wrong. An explicit rating counts by its place on the scale, an implicit interaction
    by its weight. The same for every user, known or not; an unknown item scores 0. Without
    timestamps, or where newer interactions tell no more than older ones, nothing decays, and this
    is popularity.

    Parameters
    ----------
    half_life_days : float or None
        Where timestamps are seconds. None: the one by which the latest three tenths of the
        interactions were likeliest, given those before (a multinomial over items); fractions of the
        time that those span are tried, so any unit will do, as far as a hundred interactions are
        left to count.
    rating_power : float
        As `EASE`: an explicit rating counts by its place on the scale to this power.

    Attributes
    ----------
    half_life_ : float
        In the unit of the timestamps; infinite where nothing decays.
    """

    kind: ClassVar[str] = "trending"
    predicts_ratings: ClassVar[bool] = False
    half_life_: float

    def __init__(self, half_life_days: float | None = None, rating_power: float = 1.0) -> None:
        self.half_life_days = half_life_days
        self.rating_power = rating_power

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if self.half_life_days is not None and not 0 < self.half_life_days < np.inf:
            raise OptionError(
                f"half_life_days is {self.half_life_days}; it must be a finite number above 0 "
                "(without decay it would be the model popularity)"
            )
        weights = interactions.ratings
        if interactions.feedback == "explicit":
            scale = interactions.rating_range
            weights = grades(interactions.ratings, scale, "explicit", self.rating_power)
        self.half_life_ = np.inf
        times, days = interactions.timestamps, self.half_life_days
        if times is not None:
            self.half_life_ = (
                likeliest_half_life(interactions, weights) if days is None else days * SECONDS_A_DAY
            )
            weights = decayed(weights, ages(times), self.half_life_)
        counts = np.bincount(interactions.item_codes, weights, interactions.n_items)
        users, items = np.zeros(interactions.n_users), counts
        self._set_factors(0.0, users, items, users[:, None][:, :0], items[:, None][:, :0])

    def knows_strangers(self) -> bool:
        """Tell whether anything decays: else it is no more than popularity."""
        return bool(np.isfinite(self.half_life_))

    def _state(self) -> Artifact:
        artifact = super()._state()
        artifact.settings["half_life"] = None if np.isinf(self.half_life_) else self.half_life_
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        kept = artifact.settings["half_life"]
        self.half_life_ = np.inf if kept is None else float(kept)


def ages(times: Array) -> Array:
    """Return how long before now each time was, 0 or more, (n,)."""
    now = np.quantile(times, 1 - OUTSIDE, method="higher")
    past: Array = np.maximum(now - times, 0)
    return past


def decayed(weights: Array, age: Array, half_life: float) -> Array:
    """Return weights, halved for each half-life of their age, (n,); an infinite one leaves them."""
    left: Array = weights * np.exp2(-age / half_life)
    return left


def likeliest_half_life(interactions: Interactions, weights: Array) -> float:
    """Return the half-life by which the latest interactions were likeliest; infinite for none.

    Parameters
    ----------
    interactions : Interactions
        With timestamps.
    weights : ndarray of shape (n,)
        How much each counts.
    """
    times, n_items = interactions.timestamps, interactions.n_items
    assert times is not None  # noqa: S101 - the caller has looked
    border = np.quantile(times, 1 - HELD_OUT, method="lower")
    early, late = times <= border, times > border
    if not late.any() or not weights[early].sum() > 0:
        return float(np.inf)
    known, asked = interactions.item_codes[early], interactions.item_codes[late]
    popular = np.bincount(known, weights[early], n_items) + 0.1
    popular *= SMOOTHING / popular.sum()
    span = float(border - np.quantile(times, OUTSIDE, method="lower"))
    tried = span * 2.0 ** -np.arange(0, STEPS / 2, 0.5) if span > 0 else np.empty(0)
    age, early_age, fewest = ages(times), ages(times[early]), FEWEST * weights.mean()
    best, most = float(np.inf), -np.inf
    for half_life in (np.inf, *tried.tolist()):
        if decayed(weights, age, half_life).sum() < fewest:
            break  # shorter ones leave even less
        counts = np.bincount(known, decayed(weights[early], early_age, half_life), n_items)
        shares = (counts + popular) / (counts.sum() + SMOOTHING)
        likelihood = float(weights[late] @ np.log(shares[asked]))
        if likelihood > most:
            best, most = half_life, likelihood + (MARGIN if half_life == np.inf else 0.0)
    return best
