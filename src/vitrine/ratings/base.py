"""The contract of every rating model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.errors import ArtifactError, InputError, VitrineError
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.ids import Codes, Ids
from vitrine.ratings.interactions import Feedback, Interactions, Rows
from vitrine.topk import TopK, check_k, top_k

FloatArray = NDArray[np.float32]
Scores = NDArray[Any]
Mask = NDArray[np.bool_]
BLOCK_SCORES = 2**22
"""Scores held at once while many users are served: 32 MB of doubles."""


class Pick(NamedTuple):
    """One recommended or similar item."""

    item_id: Hashable
    score: float


class RatingModel(BaseEstimator, ABC):
    """Learns from interactions what a user will think of an item.

    scikit-learn's contract holds: the constructor only assigns, `fit` returns self, fitted
    attributes end in an underscore, unfitted use raises `sklearn.exceptions.NotFittedError`.
    A user or an item that was not fitted is no error: each model says what it then falls back on.

    Attributes
    ----------
    users_, items_ : Ids
        Who and what is known; items of `item_features` are, even without a rating.
    seen_ : Rows
        The fitted ratings by user.
    rating_range_ : tuple of float
        Lowest and highest fitted rating; predictions of ratings stay within.
    feedback_ : {"explicit", "implicit"}
    """

    kind: ClassVar[str]
    """The model's name on the command line and in manifests."""

    predicts_ratings: ClassVar[bool] = True
    """Whether `predict` is on the scale of the ratings, or only a score to rank by."""

    fitted_arrays: ClassVar[tuple[str, ...]] = ()
    """Names of the fitted arrays that make up the model's state."""

    users_: Ids
    items_: Ids
    seen_: Rows
    rating_range_: tuple[float, float]
    feedback_: Feedback

    def fit(self, interactions: Interactions, item_features: ItemFeatures | None = None) -> Self:
        """Learn from interactions, and from what is known of the items where the model can.

        Raises
        ------
        InputError
            If there are no interactions.
        OptionError
            If a parameter has a value it cannot have.
        """
        if len(interactions) == 0:
            raise InputError("there are no interactions to learn from")
        if item_features is not None:
            interactions = interactions.with_items(item_features.items.values)
        self.users_, self.items_ = interactions.users, interactions.items
        self.seen_ = interactions.by_user
        self.rating_range_ = interactions.rating_range
        self.feedback_ = interactions.feedback
        self._fit(interactions, item_features)
        return self

    def predict(self, user_ids: Sequence[Hashable], item_ids: Sequence[Hashable]) -> FloatArray:
        """Return what each user will think of the item beside it, float32 (n,).

        A rating within `rating_range_` where the model `predicts_ratings`, else the score that
        `recommend` ranks by.

        Raises
        ------
        InputError
            If the two differ in length.
        """
        check_is_fitted(self, "items_")
        if len(user_ids) != len(item_ids):
            raise InputError(f"{len(user_ids)} users but {len(item_ids)} items; give pairs")
        return self.predict_codes(self.users_.codes(user_ids), self.items_.codes(item_ids))

    def predict_codes(self, users: Codes, items: Codes) -> FloatArray:
        """As `predict`, for codes of `users_` and `items_`; −1 is an unknown one."""
        raw = self._predict(users, items)
        limits = self.rating_range_ if self.predicts_ratings else (-np.inf, np.inf)
        return np.clip(raw, *limits).astype(np.float32)

    def recommend(
        self,
        user_ids: Sequence[Hashable],
        k: int = 10,
        *,
        exclude_seen: bool = True,
        allowed: Mask | Iterable[Hashable] | None = None,
    ) -> list[list[Pick]]:
        """Return each user's k best items, best first.

        Exactly k wherever k items may be recommended. A user who is not known gets what the model
        falls back on.

        Parameters
        ----------
        user_ids : sequence of hashable
        k : int
        exclude_seen : bool
            Whether items that the user rated in the fitted data are left out.
        allowed : ndarray of shape (n_items,), bool, or iterable of item ids, optional
            What may be recommended; a mask follows the order of `items_`.
        """
        check_is_fitted(self, "items_")
        mask = self._mask(allowed)
        positions, scores = self.rank(
            self.users_.codes(user_ids), k, exclude_seen=exclude_seen, allowed=mask
        )
        return self._picks(positions, scores)

    def rank(
        self, users: Codes, k: int, *, exclude_seen: bool = True, allowed: Mask | None = None
    ) -> TopK:
        """As `recommend`, for codes, giving arrays: item codes (q, k), −1 padded, and scores."""
        check_k(k)
        parts = []
        for block in self._blocks(users):
            permitted = np.ones((len(block), len(self.items_)), dtype=bool)
            if allowed is not None:
                permitted &= allowed
            if exclude_seen:
                self._exclude_seen(block, permitted)
            parts.append(top_k(self._scores(block), k, permitted))
        if not parts:
            return np.empty((0, k), np.int64), np.empty((0, k), np.float32)
        return np.concatenate([p for p, _ in parts]), np.concatenate([s for _, s in parts])

    def similar_items(
        self,
        item_ids: Sequence[Hashable],
        k: int = 10,
        *,
        allowed: Mask | Iterable[Hashable] | None = None,
    ) -> list[list[Pick]]:
        """Return the k items most like each of `item_ids` in the model's own sense, best first.

        Raises
        ------
        InputError
            If an item is not known.
        """
        check_is_fitted(self, "items_")
        codes = self.items_.codes(item_ids)
        if (codes < 0).any():
            unknown = item_ids[int(np.flatnonzero(codes < 0)[0])]
            raise InputError(f"the model was fitted without item {unknown!r}")
        permitted = np.ones((len(codes), len(self.items_)), dtype=bool)
        mask = self._mask(allowed)
        if mask is not None:
            permitted &= mask
        permitted[np.arange(len(codes)), codes] = False
        return self._picks(*top_k(self._item_similarities(codes), k, permitted))

    def settled(self) -> Self:
        """Return an unfitted model that takes over what this one's fit searched for, if anything.

        For fits on parts of the same data, which need not search again.
        """
        copied: Self = clone(self)
        return copied

    def knows_strangers(self) -> bool:
        """Tell whether what an unknown user gets is more than the items that most people chose."""
        return False

    def knows_people(self) -> bool:
        """Tell whether a user of `users_` who chose nothing gets what fits the user's features."""
        return False

    def knows_by(self, block: str) -> bool:
        """Tell whether this block of features says which items that nobody rated a user will like.

        Here none does; models that learn from features say which.
        """
        return False

    @abstractmethod
    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        """Set the fitted arrays; `items_` and the like are set."""

    @abstractmethod
    def _predict(self, users: Codes, items: Codes) -> Scores:
        """Score pairs of codes, (n,); −1 is an unknown user or item. Not clipped."""

    def _scores(self, users: Codes) -> Scores:
        """Score every item for each user, (q, n_items)."""
        items = np.arange(len(self.items_), dtype=np.int32)
        pairs = np.repeat(users, len(items)), np.tile(items, len(users))
        return self._predict(*pairs).reshape(len(users), len(items))

    def _predict_by_rows(self, users: Codes, items: Codes) -> Scores:
        """Score pairs by scoring all items for each user; an unknown item scores 0."""
        who, rows = np.unique(users, return_inverse=True)
        predicted = np.zeros(len(users), np.float32)
        known = items >= 0
        start = 0
        for block in self._blocks(who):
            mine = known & (rows >= start) & (rows < start + len(block))
            predicted[mine] = self._scores(block)[rows[mine] - start, items[mine]]
            start += len(block)
        return predicted

    def _item_similarities(self, items: Codes) -> Scores:
        """Score every item's likeness to each of `items`.

        Here the cosine of who chose them; of explicit ratings the adjusted cosine, which first
        takes each user's mean away (Sarwar et al., "Item-Based Collaborative Filtering", 2001).
        """
        counts = self.seen_.counts
        values: Scores = np.ones_like(self.seen_.ratings)
        if self.feedback_ == "explicit":
            users = np.repeat(np.arange(len(counts)), counts)
            sums = np.bincount(users, self.seen_.ratings, len(counts))
            values = self.seen_.ratings - (sums / np.maximum(counts, 1))[users]
        rated = self.seen_.matrix(len(self.items_), values).tocsc()
        norms = np.sqrt(np.asarray(rated.power(2).sum(axis=0)).ravel())
        norms[norms == 0] = 1.0
        common = (rated[:, items].T @ rated).toarray()
        similarities: Scores = common / norms[items, None] / norms
        return similarities

    def _blocks(self, users: Codes) -> Iterator[Codes]:
        step = max(1, BLOCK_SCORES // max(1, len(self.items_)))
        for start in range(0, len(users), step):
            yield users[start : start + step]

    def _exclude_seen(self, users: Codes, permitted: Mask) -> None:
        indptr, indices, _ = self.seen_
        for row, user in enumerate(users):
            if user >= 0:
                permitted[row, indices[indptr[user] : indptr[user + 1]]] = False

    def _mask(self, allowed: Mask | Iterable[Hashable] | None) -> Mask | None:
        if allowed is None:
            return None
        if isinstance(allowed, np.ndarray) and allowed.dtype == bool:
            if allowed.shape != (len(self.items_),):
                raise InputError(f"the mask has shape {allowed.shape} for {len(self.items_)} items")
            return allowed
        codes = self.items_.codes(allowed)
        mask = np.zeros(len(self.items_), dtype=bool)
        mask[codes[codes >= 0]] = True
        return mask

    def _picks(self, positions: NDArray[np.int64], scores: FloatArray) -> list[list[Pick]]:
        values = self.items_.values
        return [
            [Pick(values[p], float(s)) for p, s in zip(*row, strict=True) if p >= 0]
            for row in zip(positions.tolist(), scores, strict=True)
        ]

    def to_artifact(self) -> Artifact:
        """Return the fitted model as an artifact.

        Raises
        ------
        NotFittedError
            If the model is not fitted.
        ArtifactError
            If an id is neither text nor a number.
        """
        check_is_fitted(self, "items_")
        artifact = self._state()
        artifact.kind = self.kind
        artifact.settings |= {
            "params": self.get_params(deep=False),
            "rating_range": list(self.rating_range_),
            "feedback": self.feedback_,
        }
        artifact.arrays |= {f"seen.{name}": a for name, a in self.seen_._asdict().items()}
        artifact.blobs |= {
            "users.json": self.users_.to_bytes(),
            "items.json": self.items_.to_bytes(),
        }
        return artifact

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Rebuild a fitted model.

        Raises
        ------
        ArtifactError
            If the artifact is of another kind, or something in it is missing or misshapen.
        """
        if artifact.kind != cls.kind:
            raise ArtifactError(f"the saved model is of kind {artifact.kind!r}, not {cls.kind!r}")
        settings, arrays = artifact.settings, artifact.arrays
        try:
            model = cls(**settings["params"])
            model.users_ = Ids.from_bytes(artifact.blobs["users.json"])
            model.items_ = Ids.from_bytes(artifact.blobs["items.json"])
            model.seen_ = Rows(*(arrays[f"seen.{name}"] for name in Rows._fields))
            low, high = settings["rating_range"]
            model.rating_range_, model.feedback_ = (float(low), float(high)), settings["feedback"]
            model._restore(artifact)
            model._try_out()
        except VitrineError:
            raise
        except Exception as error:  # foreign settings and arrays make NumPy raise nearly anything
            raise ArtifactError(
                f"the saved {cls.kind} model does not hold together ({error!r}); fit it again"
            ) from error
        return model

    def _state(self) -> Artifact:
        """Return what `_restore` needs; `to_artifact` adds what every model has."""
        return Artifact(
            self.kind, arrays={name: getattr(self, name) for name in self.fitted_arrays}
        )

    def _restore(self, artifact: Artifact) -> None:
        """Set the fitted attributes from what `_state` returned."""
        for name in self.fitted_arrays:
            setattr(self, name, artifact.arrays[name])

    def _try_out(self) -> None:
        """Ask for one prediction; ValueError if what was restored does not hold together."""
        self.seen_.check(len(self.users_), len(self.items_))
        known = np.zeros(1, np.int32), np.zeros(1, np.int32)
        for users, items in (known, (known[0] - 1, known[1] - 1)):
            if not np.isfinite(self.predict_codes(users, items)).all():
                raise ValueError("a prediction that is no number")

    def save(self, folder: str | Path) -> Path:
        """Write the fitted model into `folder`, which is made."""
        return self.to_artifact().save(folder)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a model that `save` wrote.

        Raises
        ------
        ArtifactError
            If it is damaged, of another kind, or written by a newer version.
        """
        return cls.from_artifact(Artifact.load(folder))
