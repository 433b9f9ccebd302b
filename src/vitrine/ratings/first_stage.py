"""A fitted blend of rankings, and all that is told of its users and items to a second stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.ratings.feature_map import FeatureMap
from vitrine.ratings.features import Features, ItemFeatures
from vitrine.ratings.graded import grades
from vitrine.ratings.ids import UNKNOWN, Codes, Ids
from vitrine.ratings.interactions import Feedback, Interactions, Rows
from vitrine.ratings.periods import Periods
from vitrine.ratings.rank_blend import RankBlend
from vitrine.ratings.second_stage import Told
from vitrine.ratings.user_profile import UserProfile

Array = NDArray[Any]
ITEM_PRIOR, USER_PRIOR = 20.0, 5.0
"""Ratings that everybody's mean counts for in an item's, and in a user's."""
ARRAYS = ("last_times", "of_items", "history_frame", "lift_scales", "of_users")
BASE_SCALE = 3.0
"""What a blend's scores are divided by, to be told beside those of its models."""


@dataclass(frozen=True, eq=False)
class FirstStage:
    """Rankers that were fitted, and what is told beside their scores.

    Of a pair: what each ranker says, their blend, how much likelier the item is for people like the
    user, by each block of users' features, and around the user's last choice. Of an item: how
    popular it is, how well it is rated, and its features. Of a user: how many items the history
    has, its mean rating, and the features. Ratings are told only where feedback is explicit,
    periods where choices age.

    Attributes
    ----------
    blend : RankBlend
    profile : UserProfile or None
        None where nothing is known of users but what they chose.
    periods : Periods or None
    last_times : ndarray of shape (n_users,), float64
        Of each user's last choice; none where there are no periods.
    item_map : FeatureMap or None
        Of the items' features.
    of_items : ndarray of shape (n_items, n_told), float32
        Popularity, mean rating, features.
    history_frame : ndarray of shape (2, 1 or 2), float64
        Means and deviations of what `of_histories` tells.
    lift_scales : ndarray of shape (n_blocks,), float64
    of_users : ndarray of shape (n_users, n_columns), float32
        Users' features; also of users that the blend was not fitted with.
    """

    blend: RankBlend
    profile: UserProfile | None
    periods: Periods | None
    last_times: Array
    item_map: FeatureMap | None
    of_items: Array
    history_frame: Array
    lift_scales: Array
    of_users: Array

    @classmethod
    def fit(
        cls,
        unfitted: RankBlend,
        interactions: Interactions,
        features: ItemFeatures | None,
        n_components: int,
        rating_power: float = 1.0,
    ) -> Self:
        """Fit the rankers, and learn how what is told is scaled."""
        blend = unfitted.fit(interactions, features)
        profile, of_users = None, np.zeros((len(blend.users_), 0), np.float32)
        if interactions.user_features is not None:
            profile = UserProfile(rating_power=rating_power).fit(interactions, features)
            user_map = _map_of(interactions.user_features, n_components)
            of_users = _columns(interactions.user_features, profile.users_, user_map)
        counts = np.bincount(blend.seen_.indices, minlength=len(blend.items_))
        popular = np.log1p(counts)
        told = [(popular - popular.mean()) / (popular.std() or 1.0)]
        if blend.feedback_ == "explicit":
            given = _grades(blend, blend.seen_.ratings)
            sums = np.bincount(blend.seen_.indices, given, len(counts))
            deviation = (sums - given.mean() * counts) / (counts + ITEM_PRIOR)
            told.append(deviation / (deviation.std() or 1.0))
        item_map = None if features is None else _map_of(features, n_components)
        of_items = np.stack(told, axis=1).astype(np.float32)
        if features is not None and item_map is not None:
            of_items = np.hstack([of_items, _columns(features, blend.items_, item_map)])
        weights = grades(interactions.ratings, *_scale(blend), rating_power)
        periods = Periods.of(interactions, weights)
        made = cls(
            blend, profile, periods, _last_times(interactions, len(of_users), periods),
            item_map, of_items,
            np.stack([np.zeros(len(told)), np.ones(len(told))]), np.ones(0), of_users,
        )  # fmt: skip
        known = np.flatnonzero(blend.seen_.counts).astype(np.int32)
        raw = made.of_histories(blend.seen_.take(known))
        frame = np.stack([raw.mean(axis=0), np.where(raw.std(axis=0) > 0, raw.std(axis=0), 1.0)])
        scales = np.ones(0)
        if profile is not None:
            spread = profile.lifts(known[:: max(1, len(known) // 1000)]).std(axis=(1, 2))
            scales = np.where(spread > 0, spread, 1.0)
        return replace(made, history_frame=frame.astype(np.float64), lift_scales=scales)

    @cached_property
    def _mean_grade(self) -> float:
        return float(_grades(self.blend, self.blend.seen_.ratings).mean())

    @cached_property
    def unchosen(self) -> NDArray[np.bool_]:
        """Which items nobody chose, (n_items,)."""
        chosen = np.bincount(self.blend.seen_.indices, minlength=len(self.blend.items_))
        nobody: NDArray[np.bool_] = chosen == 0
        return nobody

    def with_items(self, blend: RankBlend, features: ItemFeatures) -> FirstStage:
        """Return the same with a blend that took in the new items of `features`."""
        new = Ids(blend.items_.values[len(self.of_items) :])
        rows = np.zeros((len(new), self.of_items.shape[1]), np.float32)
        rows[:, 0] = self.of_items[:, 0].min()
        if self.item_map is not None:
            columns = _columns(features, new, self.item_map)
            rows[:, rows.shape[1] - columns.shape[1] :] = columns
        return replace(self, blend=blend, of_items=np.concatenate([self.of_items, rows]))

    def to_arrays(self) -> dict[str, Array]:
        """Return what `from_arrays` needs but for the models, by names of their own."""
        arrays = {f"first.{name}": getattr(self, name) for name in ARRAYS}
        if self.periods is not None:
            arrays |= {"periods.times": self.periods.times, "periods.lifts": self.periods.lifts}
        return arrays | ({} if self.item_map is None else self.item_map.to_arrays())

    @classmethod
    def from_arrays(
        cls, blend: RankBlend, profile: UserProfile | None, arrays: Mapping[str, Array]
    ) -> Self:
        """Rebuild from what `to_arrays` returned, among which may be others."""
        periods, item_map = None, FeatureMap.from_arrays(arrays)
        if "periods.times" in arrays:
            periods = Periods(arrays["periods.times"], arrays["periods.lifts"])
        own = {name: arrays[f"first.{name}"] for name in ARRAYS}
        return cls(blend, profile, periods, item_map=item_map if item_map.axes else None, **own)

    def of_histories(self, rows: Rows) -> Array:
        """Return what is told of users by what they chose, float32 (q, 1 or 2)."""
        told = [np.log1p(rows.counts)]
        if self.blend.feedback_ == "explicit":
            given = _grades(self.blend, rows.ratings)
            users = np.repeat(np.arange(len(rows.counts)), rows.counts)
            sums = np.bincount(users, given, len(rows.counts)) - self._mean_grade * rows.counts
            told.append(sums / (rows.counts + USER_PRIOR))
        middle, deviation = self.history_frame
        scaled: Array = ((np.stack(told, axis=1) - middle) / deviation).astype(np.float32)
        return scaled

    def told(self, users: Codes, each: Array | None = None, rows: Rows | None = None) -> Told:
        """Return what a second stage is told of some users and all items.

        Parameters
        ----------
        users : ndarray of shape (q,), int32
            −1 for one of whom only the history is known.
        each : ndarray of shape (n_models, q, n_items), optional
            The rankers' scores, standardised; when not given, those of fitted users.
        rows : Rows, optional
            Their histories, where these are not the fitted ones but go on until now.
        """
        now = rows is not None
        if each is None or rows is None:
            each, rows = self.blend.each_scores(users), self.blend.seen_.take(users)
        base = np.tensordot(self.blend.weights_of_models(), each, 1)
        layers = [*each, base / BASE_SCALE]
        if self.profile is not None:
            lifts = self.profile.lifts(users)
            lifts /= self.lift_scales[:, None, None]
            layers += list(np.pad(lifts, ((0, 0), (0, 0), (0, base.shape[1] - lifts.shape[2]))))
        if self.periods is not None:
            times = np.where(now, self.periods.times[-1], self.last_times[users])
            lifts = self.periods.around(times)
            layers.append(np.pad(lifts, ((0, 0), (0, base.shape[1] - lifts.shape[1]))))
        known = users != UNKNOWN
        features = np.where(known[:, None], self.of_users[users], 0.0)
        return Told(
            base.astype(np.float32),
            np.stack(layers, axis=-1).astype(np.float32),
            self.of_items,
            np.concatenate([self.of_histories(rows), features], axis=1).astype(np.float32),
        )


def _map_of(features: Features, n_components: int) -> FeatureMap | None:
    """Return what makes uncorrelated columns of features; None where there are none."""
    if not len(features.ids):
        return None
    return FeatureMap.of(features.blocks, n_components)


def _columns(features: Features, ids: Ids, frame: FeatureMap | None) -> Array:
    """Return the columns of some ids, float32 (n, n_columns); 0 for one that is not described."""
    if frame is None:
        return np.zeros((len(ids), 0), np.float32)
    blocks, described = features.aligned(ids)
    columns = np.hstack(list(frame(blocks).values()))
    told: Array = np.where(described[:, None], columns, 0.0).astype(np.float32)
    return told


def _last_times(interactions: Interactions, n_users: int, periods: Periods | None) -> Array:
    """Return when each user chose last; somebody who never did is here now."""
    if periods is None or interactions.timestamps is None:
        return np.zeros(0)
    last = np.full(n_users, -np.inf)
    np.maximum.at(last, interactions.user_codes, interactions.timestamps)
    last[np.isinf(last)] = periods.times[-1]
    return last


def _scale(blend: RankBlend) -> tuple[tuple[float, float], Feedback]:
    return blend.rating_range_, blend.feedback_


def _grades(blend: RankBlend, ratings: Array) -> Array:
    return grades(np.clip(ratings, *blend.rating_range_), *_scale(blend), 1.0)
