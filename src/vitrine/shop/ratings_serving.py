"""The fitted rating model of an open shop: every item's score for a user, and the reasons."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, UnknownItemError
from vitrine.index.distance import unit
from vitrine.ratings import ItemFeatures, RatingModel
from vitrine.ratings.ids import UNKNOWN, Codes
from vitrine.shop.memory import Memory
from vitrine.shop.ratings_features import PICTURES
from vitrine.shop.ratings_fitting import load_model
from vitrine.shop.ratings_places import Version, items_version
from vitrine.shop.ratings_results import Reason
from vitrine.store import Store, StoredRating

if TYPE_CHECKING:
    from vitrine.ratings.folding import Folding

_log = logging.getLogger(__name__)

N_REASONS = 3
MAX_LIKED = 200
ALMOST = 0.7
"""Share of the greatest likeness from which another item is said to look like a pick, too."""
Positions = NDArray[np.int64]
Ratings = NDArray[np.float32]
Scores = NDArray[np.float64]


class Serving:
    """A fitted model of the store, kept in line with the items in the shop's memory.

    Parameters
    ----------
    store : Store
    model_id : int
        Which artifact of the store it is.
    """

    def __init__(self, store: Store, model_id: int) -> None:
        from vitrine.ratings.folding_neighbours import folding  # brings numba, which takes its time

        self.model_id = model_id
        self.model, self.recipe = load_model(store, model_id)
        self._store = store
        self._make_folding = folding
        self._folding = folding(self.model)
        self._lock = Lock()
        self._version: Version | None = None
        self._aligned: Aligned | None = None
        self._growing: Thread | None = None

    def align(self, memory: Memory) -> Aligned:
        """Return the model with the places of its items in memory, found anew where they changed.

        Items that came after the fit get a place in a model that can score them by features alone:
        at once where nobody has been served yet, else in the background, for that takes seconds and
        nobody should wait for it.
        """
        with self._lock:
            version = items_version(memory)
            if self._aligned is not None and version == self._version:
                return self._aligned
            features = None if self._growing else self._features_of_new(memory)
            if features is not None and self._aligned is None:
                grown = self._grown(features)
                if grown is not None:
                    self._take(*grown)
            elif features is not None:
                self._growing = Thread(target=self._grow, args=(features,), daemon=True)
                self._growing.start()
            places = memory.positions.places()
            codes = np.full(int(places.max(initial=-1)) + 1, -1, np.int64)
            codes[places] = self.model.items_.codes(memory.positions)
            self._version = version
            self._aligned = Aligned(self.model, self._folding, memory, codes, self._store)
            return self._aligned

    def _features_of_new(self, memory: Memory) -> ItemFeatures | None:
        """Return the features of items that the model could take in and has not."""
        if not hasattr(self.model, "add_items") or memory.encoder_id != self.recipe.encoder_id:
            return None
        new = [item_id for item_id in memory.positions if item_id not in self.model.items_]
        try:
            return self.recipe.features(self._store, memory, new) if new else None
        except UnknownItemError:  # removed just now: the next change is seen soon
            return None

    def _grown(self, features: ItemFeatures) -> tuple[RatingModel, Folding[Any]] | None:
        model: Any = self.model
        try:
            grown = model.add_items(features)
        except InputError as error:
            _log.warning("new items are not recommended until the model is fitted again: %s", error)
            return None
        return grown, self._make_folding(grown)

    def _grow(self, features: ItemFeatures) -> None:
        grown = None
        try:
            grown = self._grown(features)
        finally:
            with self._lock:
                self._growing = None
                if grown is not None:
                    self._take(*grown)
                    self._version = None  # so that the next one asks with them

    def _take(self, model: RatingModel, folding: Folding[Any]) -> None:
        self.model, self._folding = model, folding


@dataclass(frozen=True, eq=False)
class Aligned:
    """A fitted model, and which of its items is at each position of a memory.

    Attributes
    ----------
    model : RatingModel
    folding : Folding
    memory : Memory
    codes : ndarray of shape (n_positions,), int64
        −1 where the model does not know the item.
    store : Store
    """

    model: RatingModel
    folding: Folding[Any]
    memory: Memory
    codes: Positions
    store: Store

    def rated(self, history: Sequence[StoredRating]) -> tuple[Codes, Ratings]:
        """Return a history as the model has it: codes, ascending, and ratings of what it knows."""
        codes = self.model.items_.codes([row.item_id for row in history])
        ratings = np.array([row.value for row in history], np.float32)
        order = np.argsort(codes, kind="stable")
        order = order[codes[order] >= 0]
        return codes[order], ratings[order]

    def scores(self, user_code: int, items: Codes, ratings: Ratings) -> Scores:
        """Return the score of each position of the shop's memory; −inf for one it does not know."""
        user = self.model.users_.codes([user_code])
        if user[0] >= 0 and self._as_fitted(int(user[0]), items, ratings):
            scores = self.model._scores(user)[0]
        else:
            scores = self.folding.scores_of(int(user[0]), items, ratings)
        known = self.codes >= 0
        return np.where(known, scores.astype(np.float64)[self.codes], -np.inf)

    def for_described(self, user_code: int) -> Scores | None:
        """Return the score of each position for somebody who rated nothing but is described.

        None where the model does not know the user's features, or knows ratings that are gone.
        """
        user = self.model.users_.codes([user_code])
        if not self.model.knows_people() or user[0] < 0 or self.model.seen_.counts[user[0]]:
            return None
        return self._served(user)

    def for_stranger(self) -> Scores:
        """Return the score of each position for somebody of whom nothing is known.

        What the model does not know comes last.
        """
        return self._served(np.array([UNKNOWN], np.int32))

    def _served(self, user: Codes) -> Scores:
        scores = self.model._scores(user)[0].astype(np.float64)
        served: Scores = np.where(self.codes >= 0, scores[self.codes], scores.min() - 1)
        return served

    def shown(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores as people see them: an expected rating lies on the scale of the ratings."""
        return np.clip(scores, *self.model.rating_range_) if self.model.predicts_ratings else scores

    def reasons(self, items: Codes, ratings: Ratings, positions: Positions) -> list[list[Reason]]:
        """Return what of the user's ratings carries each pick most."""
        picks = self.codes[positions].astype(np.int32)
        carried = self.folding.contributions(items, ratings, picks)
        reasons = [self._rated_reasons(row, items, ratings) for row in carried]
        by_looks = np.flatnonzero(self._by_looks(picks))
        looks = self._looks_reasons(positions[by_looks], items, ratings)
        for row, found in zip(by_looks, looks, strict=True):
            reasons[row] = found or reasons[row]
        return reasons

    def _rated_reasons(self, carried: Scores, items: Codes, ratings: Ratings) -> list[Reason]:
        # What somebody disliked may carry a pick by contrast; as a reason that would read oddly.
        carried = np.where(ratings >= ratings.mean(), carried, 0.0)
        best = np.argsort(-carried, kind="stable")[:N_REASONS]
        best = best[carried[best] > 0]
        total = carried[carried > 0].sum()
        return [
            Reason("rated", str(item_id), float(ratings[i]), float(carried[i] / total))
            for i, item_id in zip(best, self.model.items_.take(items[best]), strict=True)
        ]

    def _by_looks(self, picks: Codes) -> NDArray[np.bool_]:
        """Return which picks are scored by their pictures: nobody rated them, and looks count."""
        if not self.model.knows_by(PICTURES):
            return np.zeros(len(picks), bool)
        counts = np.bincount(self.model.seen_.indices, minlength=len(self.model.items_))
        nobody: NDArray[np.bool_] = counts[picks] == 0
        return nobody

    def _looks_reasons(
        self, positions: Positions, items: Codes, ratings: Ratings
    ) -> list[list[Reason]]:
        """Return what the user rated at least as well as usual and looks most like each pick."""
        liked = np.flatnonzero(ratings >= ratings.mean())[:MAX_LIKED]
        named = [(i, str(self.model.items_.values[items[i]])) for i in liked]
        there = [(i, name) for i, name in named if name in self.memory.positions]
        picks = [self.memory.id_at(position) for position in positions.tolist()]
        nothing: list[list[Reason]] = [[] for _ in picks]
        if not picks or not there:
            return nothing
        try:
            ids = [*picks, *(name for _, name in there)]
            vectors = unit(self.store.vectors(ids, self.memory.encoder_id))
        except UnknownItemError:  # one of them was removed just now
            return nothing
        by_pick = vectors[: len(picks)] @ vectors[len(picks) :].T
        best = np.argsort(-by_pick, axis=1, kind="stable")[:, :N_REASONS]
        return [
            [
                Reason("looks", there[i][1], float(ratings[there[i][0]]), float(likeness[i]))
                for i in order
                if likeness[i] > max(0.0, ALMOST * likeness[order[0]])
            ]
            for likeness, order in zip(by_pick, best, strict=True)
        ]

    def _as_fitted(self, user: int, items: Codes, ratings: Ratings) -> bool:
        """Tell whether the user's ratings are those that the model was fitted with."""
        seen = self.model.seen_
        row = slice(seen.indptr[user], seen.indptr[user + 1])
        return np.array_equal(seen.indices[row], items) and np.array_equal(
            seen.ratings[row], ratings
        )
