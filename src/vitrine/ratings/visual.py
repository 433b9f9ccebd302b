"""Ratings from looks: what a user thought of similar-looking items, and what others thought."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import unit
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.baselines import damped_biases
from vitrine.ratings.factor_model import with_unknown
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.ids import Codes
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]
Form = Literal["personal", "vote"]
PAIRS_AT_ONCE = 4096


class VisualKNN(RatingModel):
    """A rating from the ratings of the items that look most like this one.

    The item's vector is all blocks of its features side by side, each at unit length; likeness is
    the cosine of two vectors. An item without features has only its bias to go by. Without any
    features `fit` raises `InputError`.

    Parameters
    ----------
    k : int
        Items that a prediction looks at: personal, the most similar that the user rated; vote, the
        most similar of all rated ones.
    form : {"personal", "vote"}
        ``personal``: the user's bias, and how much more than the biases say the user liked what
        looks alike, with an item's own bias damped towards that of what looks like it, so that an
        item without ratings starts from its looks. ``vote``: the rating given most often to the k
        items, whoever gave it: the plain k-nearest-neighbour classifier on picture vectors.
    sharpness : float
        A neighbour weighs its likeness (0 to 1) to this power.
    damping : float
        Added to the sum of weights that a mean is divided by.
    user_damping, item_damping : float
        Of the biases, as `Biases`.
    """

    kind: ClassVar[str] = "visual-knn"
    fitted_arrays: ClassVar[tuple[str, ...]] = (
        "vectors_",
        "user_biases_",
        "item_biases_",
        "deviations_",
        "votes_",
    )
    mean_: float
    vectors_: Array  # (n_items + 1, d), unit length; zeros for items that are not described
    user_biases_: Array
    item_biases_: Array
    deviations_: Array  # of the ratings from the biases, in the order of `seen_`
    votes_: Array  # (n_items + 1,) the rating that its nearest rated items got most often

    def __init__(
        self,
        k: int = 20,
        form: Form = "personal",
        sharpness: float = 4.0,
        damping: float = 1.0,
        user_damping: float = 6.0,
        item_damping: float = 2.0,
    ) -> None:
        self.k = k
        self.form = form
        self.sharpness = sharpness
        self.damping = damping
        self.user_damping = user_damping
        self.item_damping = item_damping

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if self.form not in get_args(Form):
            raise OptionError(f"form {self.form!r} is not one of {', '.join(get_args(Form))}")
        if self.k < 1 or not self.sharpness > 0 or not self.damping > 0:
            raise OptionError("k must be 1 or more, sharpness and damping above 0")
        if features is None:
            raise InputError("visual-knn needs item features; give fit the items' picture vectors")
        blocks, _ = features.aligned(interactions.items)
        self.vectors_ = with_unknown(unit(np.hstack([unit(block) for block in blocks.values()])))
        self.mean_, users, items = damped_biases(
            interactions, self.user_damping, self.item_damping, 10
        )
        counts = interactions.by_item.counts
        looks = self._by_looks(items, counts)
        trust = counts / (counts + self.item_damping)
        # `items` is damped towards 0 already; what damping took is given back by the looks.
        items = items + (1 - trust) * looks
        self.user_biases_, self.item_biases_ = with_unknown(users), with_unknown(items)
        codes = interactions.user_codes, interactions.item_codes
        expected = self.mean_ + users[codes[0]] + items[codes[1]]
        self.deviations_ = (interactions.ratings - expected).astype(np.float32)
        self.votes_ = self._vote(interactions)

    def _by_looks(self, values: Array, weights: Array) -> Array:
        """Return each item's mean of the values of the k rated items most like it, (n_items,)."""
        rated = np.flatnonzero(weights)
        means = np.zeros(len(values))
        for block in _blocks(len(values)):
            likeness = self._likeness(self.vectors_[:-1][block], self.vectors_[rated])
            likeness[rated == np.arange(len(values))[block][:, None]] = 0.0
            shares = _largest(likeness, self.k)
            means[block] = shares @ values[rated] / (shares.sum(axis=1) + self.damping)
        return means

    def _vote(self, interactions: Interactions) -> Array:
        """Return the most frequent rating of each item's k nearest rated items, (n_items + 1,)."""
        levels, coded = np.unique(interactions.ratings, return_inverse=True)
        counts = np.zeros((interactions.n_items, len(levels)))
        np.add.at(counts, (interactions.item_codes, coded), 1)
        rated = np.flatnonzero(counts.sum(axis=1))
        votes = np.empty(interactions.n_items + 1, np.float32)
        votes[-1] = levels[counts.sum(axis=0).argmax()]
        for block in _blocks(interactions.n_items):
            near = _largest(self._likeness(self.vectors_[:-1][block], self.vectors_[rated]), self.k)
            ballots = (near > 0).astype(float) @ counts[rated]
            found = levels[ballots.argmax(axis=1)]
            votes[:-1][block] = np.where(ballots.any(axis=1), found, votes[-1])
        return votes

    def _likeness(self, left: Array, right: Array) -> Array:
        likeness: Array = np.maximum(left @ right.T, 0.0) ** np.float32(self.sharpness)
        return likeness

    def _predict(self, users: Codes, items: Codes) -> Scores:
        if self.form == "vote":
            voted: Scores = self.votes_[items]
            return voted
        predicted = self.mean_ + self.user_biases_[users] + self.item_biases_[items]
        for user in np.unique(users[users >= 0]):
            mine = np.flatnonzero(users == user)
            predicted[mine] += self._personal(int(user), items[mine])
        return predicted

    def _personal(self, user: int, items: Codes) -> Array:
        """Return how much more than the biases say the user should like each item, (n,)."""
        rows = slice(self.seen_.indptr[user], self.seen_.indptr[user + 1])
        own = self.seen_.indices[rows]
        likeness = self._likeness(self.vectors_[items], self.vectors_[own])
        likeness[items[:, None] == own] = 0.0
        shares = _largest(likeness, self.k)
        more: Array = shares @ self.deviations_[rows] / (shares.sum(axis=1) + self.damping)
        return more

    def _scores(self, users: Codes) -> Scores:
        items = np.arange(len(self.items_), dtype=np.int32)
        return np.stack([self._predict(np.full(len(items), user), items) for user in users])

    def _item_similarities(self, items: Codes) -> Scores:
        similarities: Scores = self.vectors_[items] @ self.vectors_[:-1].T
        return similarities

    def _state(self) -> Artifact:
        artifact = super()._state()
        artifact.settings["mean"] = self.mean_
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        self.mean_ = float(artifact.settings["mean"])


def _largest(values: Array, k: int) -> Array:
    """Return `values` (n, m) with all but the k largest of each row set to 0."""
    if values.shape[1] <= k:
        return values
    order = np.argsort(-values, axis=1, kind="stable")[:, k:]
    kept = values.copy()
    np.put_along_axis(kept, order, 0.0, axis=1)
    return kept


def _blocks(n: int) -> list[slice]:
    return [slice(start, start + PAIRS_AT_ONCE) for start in range(0, n, PAIRS_AT_ONCE)]
