"""Two stages: a blend finds candidates, and a network learned on held-out choices orders them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.errors import OptionError
from vitrine.progress import track
from vitrine.ratings.base import Scores
from vitrine.ratings.blend import Choice, RankBlend
from vitrine.ratings.ensemble import Ensemble
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.graded import LIKED_FROM, grades
from vitrine.ratings.ids import UNKNOWN, Codes
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.pair_features import PairFeatures, stretches_of, times_of_users
from vitrine.ratings.ranker import Lists, Ranker
from vitrine.ratings.standardised import standardised
from vitrine.topk import top_k

Array = NDArray[Any]


class RankStack(Ensemble):
    """Puts the best of a blend in a new order, which it has learned on choices held out.

    Stacked generalisation (Wolpert, 1992) in the two stages of large recommenders (Covington, Adams
    and Sargin, "Deep Neural Networks for YouTube Recommendations", 2016). A `RankBlend` finds a
    user's candidates. What each of its models says of them, how often they were chosen, how often
    in the user's time, and how strongly, how long the user's history is and how well the items'
    features match it go into a small network. That has learned from users a part of whose
    interactions the models had not seen: which of the candidates did they choose? In the new order
    the first candidate takes the greatest of the candidates' scores, and so on.

    Somebody who came after the fit is taken to be here now. An unknown user gets what the blend
    falls back on; an unknown item scores 0.

    Parameters
    ----------
    models, weights : as `RankBlend`
    n_folds : int
        Folds of interactions that are held out; each model is fitted once more than that.
    n_candidates : int
        Items of each user that are put in order, those already chosen not counted.
    n_hidden, n_networks, n_epochs : int
        Of the networks, whose mean counts.
    max_lists : int
        Lists of candidates that are learned from, at most; users are drawn where there are more.
    random_state : int
        Seed of the folds, the networks and the models.

    Attributes
    ----------
    models_ : list of RankBlend
        One.
    ranker_ : Ranker
    pairs_ : PairFeatures
    times_ : ndarray of shape (n_users + 1, n_stretches or 0), float32
        Which share of each user's time was in each stretch; the last row is for now.
    """

    kind: ClassVar[str] = "rank-stack"
    predicts_ratings: ClassVar[bool] = False
    models_: list[RankBlend]
    ranker_: Ranker
    pairs_: PairFeatures
    times_: Array

    def __init__(
        self,
        models: Sequence[Choice] | None = None,
        weights: Sequence[float] | None = None,
        n_folds: int = 5,
        n_candidates: int = 150,
        n_hidden: int = 32,
        n_networks: int = 3,
        n_epochs: int = 20,
        max_lists: int = 10_000,
        random_state: int = 0,
    ) -> None:
        self.models = models
        self.weights = weights
        self.n_folds = n_folds
        self.n_candidates = n_candidates
        self.n_hidden = n_hidden
        self.n_networks = n_networks
        self.n_epochs = n_epochs
        self.max_lists = max_lists
        self.random_state = random_state

    def knows_by(self, block: str) -> bool:
        """Tell whether any model of the blend does."""
        return self.models_[0].knows_by(block)

    def reordered(self, parts: Sequence[Scores], histories: sp.csr_matrix, times: Array) -> Scores:
        """Return the scores (q, n_items) of users, by what the blend's models say of them.

        Parameters
        ----------
        parts : sequence of ndarray of shape (q, n_items)
            Each model's scores.
        histories : csr_matrix of shape (q, n_items)
            Has an entry for what each user chose.
        times : ndarray of shape (q, n_stretches or 0), float32
            Which share of each user's time was in each stretch.
        """
        total = self.models_[0].summed(parts)
        candidates = _candidates(total, histories, self.n_candidates)
        columns = _columns(parts, self.pairs_, histories, times, candidates)
        ranked = np.where(_eligible(candidates, histories), self.ranker_(columns), -np.inf)
        order = np.argsort(-ranked, axis=1, kind="stable")
        order[np.diff(histories.indptr) == 0] = np.arange(order.shape[1])
        values = np.take_along_axis(total, candidates, axis=1)
        np.put_along_axis(total, np.take_along_axis(candidates, order, axis=1), values, axis=1)
        return total

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        sizes = self.n_candidates, self.n_hidden, self.n_networks, self.n_epochs, self.max_lists
        if min(sizes) < 1 or self.n_folds < 2:
            raise OptionError("n_… and max_lists of rank-stack go from 1 up, n_folds from 2")
        rng = np.random.default_rng(self.random_state)
        blend = RankBlend(self.models, self.weights, self.random_state)
        lists = self._held_out(blend, interactions, features, rng)
        self.models_ = [blend.fit(interactions, features)]
        self.pairs_, self.times_ = self._described(interactions, features)
        start = np.zeros(len(blend.models_) + len(self.pairs_), np.float32)
        start[: len(blend.models_)] = blend.weights_of_models()
        self.ranker_ = Ranker.learn(
            lists,
            start,
            n_hidden=self.n_hidden,
            n_networks=self.n_networks,
            n_epochs=self.n_epochs,
            rng=rng,
        )

    def _held_out(
        self,
        blend: RankBlend,
        interactions: Interactions,
        features: ItemFeatures | None,
        rng: np.random.Generator,
    ) -> list[Lists]:
        """Return users' candidates by models that did not see a part of their interactions."""
        n_users = max(1, self.max_lists // self.n_folds)
        drawn = np.sort(rng.permutation(interactions.n_users)[:n_users])
        folds = _deal(interactions, self.n_folds, rng)
        chosen = self._strengths(interactions) > LIKED_FROM
        found = []
        for fold in track(range(self.n_folds), "holding out choices to learn from"):
            held = folds == fold
            if not held.any() or held.all():
                continue
            rest, asked = interactions.select(~held), interactions.select(held & chosen)
            pairs, times = self._described(rest, features)
            blend.fit(rest, features)
            both = (rest.by_user.counts[drawn] > 0) & (asked.by_user.counts[drawn] > 0)
            for users in blend._blocks(drawn[both].astype(np.int32)):
                histories = rest.by_user.take(users).matrix(rest.n_items)
                parts = blend.parts(users)
                candidates = _candidates(blend.summed(parts), histories, self.n_candidates)
                columns = _columns(parts, pairs, histories, times[users], candidates)
                wanted = asked.by_user.take(users).matrix(rest.n_items).toarray() > 0
                hits = np.take_along_axis(wanted, candidates, axis=1)
                shares = 1 / wanted.sum(axis=1, dtype=np.float32)
                found.append(Lists(columns, hits, _eligible(candidates, histories), shares))
        return found

    def _described(
        self, interactions: Interactions, features: ItemFeatures | None
    ) -> tuple[PairFeatures, Array]:
        moments = stretches_of(interactions)
        strengths = self._strengths(interactions)
        return (
            PairFeatures.of(interactions, strengths, moments, features),
            times_of_users(interactions, moments),
        )

    def _strengths(self, interactions: Interactions) -> Array:
        """Return implicit weights as they are, and explicit ratings by their place on the scale."""
        if self.feedback_ == "implicit":
            return interactions.ratings
        return grades(interactions.ratings, self.rating_range_, "explicit", 1.0)

    def _scores(self, users: Codes) -> Scores:
        known = np.where(users == UNKNOWN, 0, users)
        histories = self.seen_.take(known).matrix(len(self.items_))
        if (users == UNKNOWN).any():
            histories = sp.diags((users != UNKNOWN).astype(np.float32)) @ histories
            histories.eliminate_zeros()
        return self.reordered(self.models_[0].parts(users), histories, self.times_[users])

    def _predict(self, users: Codes, items: Codes) -> Scores:
        return self._predict_by_rows(users, items)

    def _state(self) -> Artifact:
        artifact = super()._state()
        artifact.settings["blocks"] = list(self.pairs_.columns)
        artifact.arrays |= self.ranker_.to_arrays() | self.pairs_.to_arrays()
        artifact.arrays["times_"] = self.times_
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        self.ranker_ = Ranker.from_arrays(artifact.arrays)
        self.pairs_ = PairFeatures.from_arrays(artifact.arrays, artifact.settings["blocks"])
        self.times_ = artifact.arrays["times_"]


def _deal(interactions: Interactions, n_folds: int, rng: np.random.Generator) -> Array:
    """Return a fold for each interaction, int64 (n,), every user's dealt out evenly."""
    n, users = len(interactions), interactions.user_codes
    shuffled = np.lexsort((rng.random(n), users))
    places = np.empty(n, np.int64)
    places[shuffled] = np.arange(n) - interactions.by_user.indptr[users[shuffled]]
    folds: Array = (places + rng.integers(n_folds, size=interactions.n_users)[users]) % n_folds
    return folds


def _candidates(total: Scores, histories: sp.csr_matrix, n: int) -> Array:
    """Return each user's `n` best items that he did not choose, best first, int64 (q, ≤ n).

    Where not as many are left, what he did choose follows.
    """
    ranked = total.copy()
    rows = np.repeat(np.arange(len(total)), np.diff(histories.indptr))
    ranked[rows, histories.indices] -= np.ptp(total) + 1
    return top_k(ranked, min(n, total.shape[1]))[0]


def _eligible(candidates: Array, histories: sp.csr_matrix) -> Array:
    """Return which candidates the user did not choose already, bool as `candidates`."""
    left = histories.shape[1] - np.diff(histories.indptr)
    eligible: Array = np.arange(candidates.shape[1]) < left[:, None]
    return eligible


def _columns(
    parts: Sequence[Scores],
    pairs: PairFeatures,
    histories: sp.csr_matrix,
    times: Array,
    candidates: Array,
) -> Array:
    """Return what the network looks at, float32 (q, n_candidates, n_columns)."""
    said = (standardised(part.astype(np.float64)) for part in parts)
    known = pairs.of_users(histories, times)
    taken = [np.take_along_axis(c, candidates, axis=1) for each in (said, known) for c in each]
    return np.stack(taken, axis=-1).astype(np.float32)
