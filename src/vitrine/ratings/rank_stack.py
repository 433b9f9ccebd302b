"""Rankings whose sum is corrected by what held-out choices teach."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.errors import OptionError
from vitrine.progress import track
from vitrine.ratings.base import Scores
from vitrine.ratings.ensemble import Choice, Ensemble
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.first_stage import FirstStage
from vitrine.ratings.graded import Graded
from vitrine.ratings.holding_out import share_of_each
from vitrine.ratings.ids import UNKNOWN, Codes
from vitrine.ratings.interactions import Interactions, Rows
from vitrine.ratings.rank_blend import RankBlend
from vitrine.ratings.second_stage import SecondStage, Told

Array = NDArray[Any]
AT_ONCE = 2**24
"""Numbers that are told of users at once."""
SEEN = -1e4
"""Score of what is no candidate: the user has chosen it already, or nobody has."""
SECOND = [each.name for each in fields(SecondStage)]


class RankStack(Graded, Ensemble):
    """A `RankBlend` whose ranking is corrected by who the user is and how popular items are.

    Stacking (Wolpert, "Stacked Generalization", 1992): a share of the choices is held out, the
    blend's models are fitted on the rest, and a small network learns from what was held out to
    rank the blend's first candidates by what each model says, the items' popularity and features,
    how much likelier each is for people like the user and around the user's last choice, the
    length of the history, ratings where there are any, and users' features where they are known
    (`Interactions.described_by`). Weights decay
    strongly, so that little is corrected where little is learned. The models are first fitted on
    everything; what they find out about features is kept for the `n_draws` fits on parts. So a fit
    takes several times as long as the blend's.

    Items that nobody chose stand as the blend has them. A user who has chosen nothing gets what
    `UserProfile` says of the features. New users, and new items where a model knows them by
    features, need no training.

    Parameters
    ----------
    models, weights : optional
        As `RankBlend`.
    n_draws : int
        Times that choices are held out; less often where `max_histories` come sooner. With 0
        nothing is corrected.
    test_share : float
        Of each user's choices held out, above 0 and below 1; one at least, where one is left.
    n_candidates : int
        Of the blend's first, among which the network learns to rank.
    max_histories : int
        To learn from.
    n_hidden, n_epochs : int
    learning_rate, weight_decay : float
    n_components : int
        Directions kept of each block of users' or items' features.
    rating_power : float
        As `EASE`, of what is learned to be ranked first and of profiles; the models have their own.
    random_state : int
        Seed of what is held out and of the network; the models have their own.

    Attributes
    ----------
    first_ : FirstStage
    second_ : SecondStage
    """

    kind: ClassVar[str] = "rank-stack"
    predicts_ratings: ClassVar[bool] = False
    first_: FirstStage
    second_: SecondStage

    def __init__(
        self,
        models: Sequence[Choice] | None = None,
        weights: Sequence[float] | None = None,
        n_draws: int = 4,
        test_share: float = 0.2,
        n_candidates: int = 200,
        max_histories: int = 4000,
        n_hidden: int = 32,
        n_epochs: int = 30,
        learning_rate: float = 0.01,
        weight_decay: float = 1.0,
        n_components: int = 16,
        rating_power: float = 1.0,
        random_state: int = 0,
    ) -> None:
        self.models = models
        self.weights = weights
        self.n_draws = n_draws
        self.test_share = test_share
        self.n_candidates = n_candidates
        self.max_histories = max_histories
        self.n_hidden = n_hidden
        self.n_epochs = n_epochs
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.n_components = n_components
        self.rating_power = rating_power
        self.random_state = random_state

    def add_items(self, features: ItemFeatures) -> Self:
        """Return a model that also knows the new items of `features`, as `RankBlend` does.

        Raises
        ------
        InputError
            As `RankBlend.add_items`.
        """
        check_is_fitted(self, "items_")
        blend = self.first_.blend.add_items(features)
        if blend is self.first_.blend:
            return self
        added = copy.copy(self)
        added.items_ = blend.items_
        added.models_ = [blend, *self.models_[1:]]
        added.first_ = self.first_.with_items(blend, features)
        return added

    def knows_by(self, block: str) -> bool:
        """Tell whether any of the models does."""
        return self.first_.blend.knows_by(block)

    def knows_people(self) -> bool:
        """Tell whether it was fitted with users' features."""
        return self.first_.profile is not None

    def for_history(self, user: int, each: Scores, rows: Rows) -> Scores:
        """Score every item for one user by a history, (n_items,).

        Parameters
        ----------
        user : int
            Code in `users_`, or −1: whose features are told.
        each : ndarray of shape (n_models, 1, n_items)
            What the blend's models say of the history, standardised.
        rows : Rows
            The history, as one row.
        """
        told = self.first_.told(np.array([user], np.int32), each, rows)
        scores: Scores = self._corrected(told)[0]
        return scores

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        self._check()
        rng = np.random.default_rng(self.random_state)
        blend = RankBlend(self.models, self.weights)
        settings = self.n_components, self.rating_power
        self.first_ = FirstStage.fit(blend, interactions, features, *settings)
        self._take_first()
        lessons = list(self._lessons(interactions, features, rng))
        told_of_one = self.first_.told(np.zeros(1, np.int32))
        self.second_ = SecondStage.untaught(told_of_one, self.n_hidden, rng)
        if lessons:
            told, wanted = zip(*lessons, strict=True)
            self.second_.teach(
                Told.joined(list(told)), np.concatenate(wanted),
                self.n_epochs, self.learning_rate, self.weight_decay, rng,
            )  # fmt: skip

    def _check(self) -> None:
        if min(self.n_candidates, self.max_histories, self.n_hidden, self.n_epochs) < 1:
            raise OptionError("n_candidates, max_histories, n_hidden and n_epochs go from 1 up")
        if self.n_draws < 0 or self.n_components < 1:
            raise OptionError("n_draws goes from 0 up, n_components from 1")
        if not 0 < self.test_share < 1:
            raise OptionError(f"test_share is {self.test_share}; it goes from 0 to 1")
        if not (self.learning_rate > 0 and self.weight_decay >= 0):
            raise OptionError("learning_rate is above 0, weight_decay from 0 up")

    def _lessons(
        self, interactions: Interactions, features: ItemFeatures | None, rng: np.random.Generator
    ) -> Iterator[tuple[Told, Array]]:
        """Yield what is told of candidates by models that were fitted on a part, and who chose."""
        n_left = self.max_histories
        strength = self._grades(interactions.ratings)
        for _ in track(range(self.n_draws), "holding out choices to learn from"):
            held = share_of_each(interactions, self.test_share, rng, at_least=1)
            if n_left < 1 or not strength[held].any():
                return
            blend = self.first_.blend.settled()
            known = interactions.select(~held)
            first = FirstStage.fit(blend, known, features, self.n_components, self.rating_power)
            rest = interactions.select(held).by_user
            wanted = rest.matrix(len(self.items_), strength[held])
            users = np.flatnonzero((rest.counts > 0) & (first.blend.seen_.counts > 0))
            users = np.sort(rng.permutation(users)[:n_left]).astype(np.int32)
            for block in self._in_turn(users, first):
                told, chosen = self._candidates(first, block, wanted[block].toarray())
                taught = np.flatnonzero(chosen.any(axis=1))
                n_left -= len(taught)
                yield told.take(taught), chosen[taught]

    def _candidates(self, first: FirstStage, users: Array, wanted: Array) -> tuple[Told, Array]:
        """Return what is told of the blend's first items for each user, and what was wanted."""
        told = first.told(users)
        seen = first.blend.seen_.take(users)
        told.base[np.repeat(np.arange(len(users)), seen.counts), seen.indices] = SEEN
        told.base[:, first.unchosen] = SEEN
        best = np.argsort(-told.base, axis=1, kind="stable")[:, : self.n_candidates]
        return told.among(best), np.take_along_axis(wanted, best, axis=1)

    def _in_turn(self, users: Array, first: FirstStage) -> Iterator[Array]:
        n_layers = len(first.blend.models_) + len(first.lift_scales) + 4 + self.n_hidden
        step = max(1, AT_ONCE // (n_layers * len(first.blend.items_)))
        for start in range(0, len(users), step):
            yield users[start : start + step]

    def _take_first(self) -> None:
        """Know the users of whom something is known, though they chose nothing."""
        profile = self.first_.profile
        self.models_ = [self.first_.blend]
        if profile is not None:
            self.models_.append(profile)
            self.users_, self.seen_ = profile.users_, profile.seen_

    def _scores(self, users: Codes) -> Scores:
        scores = np.empty((len(users), len(self.items_)))
        there = (users >= 0) & (self.seen_.counts[users] > 0)
        warm = np.flatnonzero(there)
        for rows in self._in_turn(warm, self.first_):
            scores[rows] = self._corrected(self.first_.told(users[rows]))
        if not there.all():
            scores[~there] = self._without_history(users[~there])
        return scores

    def _corrected(self, told: Told) -> Scores:
        """Return scores of all items; those that nobody chose keep their order in the blend.

        No lesson was of these, so they are corrected alike, by as much as the others on average.
        """
        scores: Scores = self.second_.scores(told)
        nobody = self.first_.unchosen
        if nobody.any():
            plain = self.second_.scale * told.base
            by = (scores - plain)[:, ~nobody].mean(axis=1, keepdims=True)
            scores[:, nobody] = plain[:, nobody] + by
        return scores

    def _without_history(self, users: Codes) -> Scores:
        profile = self.first_.profile
        if profile is None:
            return self.first_.blend._scores(np.full(len(users), UNKNOWN, np.int32))
        scores = profile._scores(users)
        n_new, least = len(self.items_) - scores.shape[1], profile.log_shares_.min()
        return np.pad(scores, ((0, 0), (0, n_new)), constant_values=least)

    def _predict(self, users: Codes, items: Codes) -> Scores:
        return self._predict_by_rows(users, items)

    def _state(self) -> Artifact:
        artifact = super()._state()
        artifact.arrays |= self.first_.to_arrays()
        artifact.arrays |= {f"second.{name}": getattr(self.second_, name) for name in SECOND}
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        blend, *profile = self.models_
        self.first_ = FirstStage.from_arrays(
            blend, profile[0] if profile else None, artifact.arrays
        )
        self.second_ = SecondStage(*(artifact.arrays[f"second.{name}"] for name in SECOND))
