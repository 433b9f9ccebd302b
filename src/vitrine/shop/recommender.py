"""What a shop recommends to whom: by the fitted model, or what most people rated."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.where import Where
from vitrine.errors import ArtifactError, OptionError
from vitrine.shop.live import Live
from vitrine.shop.memory import Memory
from vitrine.shop.ratings_places import Places
from vitrine.shop.ratings_results import Reason, Recommendation, Recommendations
from vitrine.shop.ratings_rows import as_text_id
from vitrine.shop.ratings_serving import Serving
from vitrine.store import RatingStore, Store
from vitrine.topk import top_k

POPULARITY = "popularity"


class Recommender:
    """Recommends by the model that any process fitted last.

    Parameters
    ----------
    store : Store
    live : Live
    ratings : RatingStore
    places : Places
    """

    def __init__(self, store: Store, live: Live, ratings: RatingStore, places: Places) -> None:
        self._store, self._live = store, live
        self._ratings, self._places = ratings, places
        self._loading = Lock()
        self._serving: Serving | None = None

    def popular(self, k: int, where: Where) -> list[Recommendation]:
        """Return the items of the catalogue that most people rated and `where` allows."""
        with self._live.reading() as memory:
            return self._popular(memory, k, self._allowed(memory, where))

    def recommend(
        self, user_id: object, k: int, where: Where, exclude_seen: bool
    ) -> Recommendations:
        """Return the k items that a user should like most; see `Shop.recommend`."""
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise OptionError(f"k={k!r}: ask for a whole number of items, 1 or more")
        user = as_text_id(user_id)
        state, code, history = self._ratings.seen_by(user)
        serving = None
        if state.model_id is not None:  # read, where it must be, before the lock
            serving = self._latest(state.model_id, known=code is not None)
        with self._live.reading() as memory:
            allowed = self._allowed(memory, where)
            if exclude_seen:
                there = (memory.positions.get(row.item_id) for row in history)
                allowed[[place for place in there if place is not None]] = False
            if serving is None:
                return Recommendations(user, self._popular(memory, k, allowed), False, POPULARITY)
            model, described = serving.model, None
            if code is not None:
                aligned = serving.align(memory)
                items, ratings = aligned.rated(history)
                if len(items):
                    places, found = _best(aligned.scores(code, items, ratings), allowed, k)
                    reasons = aligned.reasons(items, ratings, places)
                    made = _recommendations(memory, places, aligned.shown(found), reasons)
                    return Recommendations(user, made, True, model.kind)
                described = aligned.for_described(code)
            if described is None and not model.knows_strangers():
                return Recommendations(user, self._popular(memory, k, allowed), False, POPULARITY)
            scores = serving.align(memory).for_stranger() if described is None else described
            places, found = _best(scores, allowed, k)
            reasons = _rated_by(self._places.popularity(memory)[places])
            made = _recommendations(memory, places, found, reasons)
            return Recommendations(user, made, False, model.kind, described is not None)

    def served(self, model_id: int) -> Serving:
        """Return the fitted model, read anew where any process has fitted another."""
        with self._loading:
            if self._serving is None or self._serving.model_id != model_id:
                self._serving = Serving(self._store, model_id)
            return self._serving

    def _allowed(self, memory: Memory, where: Where) -> NDArray[np.bool_]:
        """Return which positions hold an item that `where` allows."""
        there = self._places.there(memory)
        mask = memory.mask(where)
        return there if mask is None else there & mask[: len(there)]

    def _popular(self, memory: Memory, k: int, allowed: NDArray[np.bool_]) -> list[Recommendation]:
        positions, found = _best(self._places.popularity(memory), allowed, k)
        return _recommendations(memory, positions, found, _rated_by(found))

    def _latest(self, model_id: int, known: bool) -> Serving | None:
        """Return the fitted model; for somebody who is not known None where it cannot be read."""
        try:
            return self.served(model_id)
        except ArtifactError:
            latest = self._ratings.state().model_id  # another process may have fitted meanwhile
            if latest is not None and latest != model_id:
                return self.served(latest)
            if known:
                raise
            return None


def _rated_by(counts: NDArray[Any]) -> list[list[Reason]]:
    return [[Reason("popular", None, n, 1.0)] if n else [] for n in counts.tolist()]


def _best(
    scores: NDArray[Any], allowed: NDArray[np.bool_], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    positions, found = top_k(scores[None], k, allowed)
    there = positions[0] >= 0
    return positions[0][there], found[0][there]


def _recommendations(
    memory: Memory,
    positions: NDArray[np.int64],
    scores: NDArray[np.float32],
    reasons: Sequence[list[Reason]],
) -> list[Recommendation]:
    return [
        Recommendation(memory.id_at(place), score, memory.attributes.row(place), why)
        for place, score, why in zip(positions.tolist(), scores.tolist(), reasons, strict=True)
    ]
