"""The ratings of an open shop: adding and removing them, fitting a model, recommending."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from time import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.items import Rejection, write_rejected
from vitrine.catalogue.where import Where
from vitrine.errors import ArtifactError, InputError, OptionError
from vitrine.progress import task
from vitrine.ratings import (
    Columns,
    Interactions,
    ItemFeatures,
    RatingModel,
    Reading,
    make_rating_model,
    read_interactions,
)
from vitrine.ratings.interactions import Duplicates, Feedback
from vitrine.shop.live import Live
from vitrine.shop.memory import Memory
from vitrine.shop.ratings_features import FeatureRecipe
from vitrine.shop.ratings_fitting import fit_model
from vitrine.shop.ratings_places import Places
from vitrine.shop.ratings_results import (
    Rated,
    RatingsInfo,
    RatingsResult,
    Reason,
    Recommendation,
    Recommendations,
)
from vitrine.shop.ratings_rows import as_text_id, checked, from_interactions
from vitrine.shop.ratings_serving import Serving
from vitrine.store import RatingStore, Store, StoredRating
from vitrine.topk import top_k

BATCH_RATINGS = 20_000
REJECTED_NAME = "rejected-ratings.csv"
POPULARITY = "popularity"


class ShopRatings:
    """Who rated what in a shop; `vitrine.shop.Shop.ratings`.

    Ids of users and items are text here (``7`` is ``"7"``). Items that the catalogue does not have
    may be rated: models learn from them, and recommend them once they are in the catalogue.
    Methods may be called from several threads; writes are seen by other processes at once.

    Parameters
    ----------
    store : Store
    live : Live
    """

    def __init__(self, store: Store, live: Live) -> None:
        self.rejected_path = store.folder / REJECTED_NAME
        self._store, self._live = store, live
        self._ratings = RatingStore(store.engine)
        self._places = Places(self._ratings)
        self._loading = Lock()
        self._serving: Serving | None = None

    def add(
        self,
        source: Reading | Interactions | str | Path,
        *,
        columns: Columns | None = None,
        feedback: Feedback | None = None,
        duplicates: Duplicates | None = None,
    ) -> RatingsResult:
        """Add ratings; a pair of user and item that is there already gets the new rating.

        Batches of 20,000 are committed one by one, so after a kill the same call completes what it
        began. What was refused is in the result and in the shop's ``rejected-ratings.csv``.

        Parameters
        ----------
        source : Reading, Interactions or path
            See `vitrine.ratings.read_interactions` for files.
        columns : Columns, optional
            Of a file, where they cannot be guessed.
        feedback : {"explicit", "implicit"}, optional
            Of a file; by default what the shop's ratings are already, else explicit.
        duplicates : {"last", "mean", "sum"}, optional
            What becomes of several rows of one user and item within a file.

        Raises
        ------
        SourceError
            If the file cannot be read.
        OptionError
            If the shop's ratings are of the other kind of feedback.
        """
        where = str(source) if isinstance(source, str | Path) else "ratings"
        if isinstance(source, str | Path):
            chosen = feedback or self._ratings.state().feedback or "explicit"
            self._check_feedback(chosen)
            source = read_interactions(source, columns, feedback=chosen, duplicates=duplicates)
        reading = source if isinstance(source, Reading) else Reading(source, [])
        result = RatingsResult(
            rejected=[Rejection(where, row, None, None, why) for row, why in reading.rejected]
        )
        self._check_feedback(reading.interactions.feedback)
        with task("adding ratings", len(reading.interactions)) as progress:
            for batch in from_interactions(reading.interactions, BATCH_RATINGS):
                self._put(batch, reading.interactions.feedback, result)
                progress.advance(len(batch))
        if result.rejected:
            write_rejected(result.rejected, self.rejected_path)
        else:
            self.rejected_path.unlink(missing_ok=True)
        return result

    def rate(
        self, user_id: object, item_id: object, value: float = 1.0, timestamp: int | None = None
    ) -> RatingsResult:
        """Add or replace one rating; when this returns it is on disk.

        Without a time, in seconds since 1970, it is of this moment.

        Raises
        ------
        InputError
            If an id is missing or the value is not a number that this feedback can have.
        """
        when = int(time()) if timestamp is None else timestamp
        result = self.rate_many([(user_id, item_id, value, when)])
        for rejection in result.rejected:
            raise InputError(rejection.reason)
        return result

    def rate_many(
        self,
        rows: Iterable[tuple[object, object, float, int | None]],
        feedback: Feedback = "explicit",
    ) -> RatingsResult:
        """Add or replace ratings given as (user id, item id, value, timestamp or None).

        Bad rows are refused with their number (1 is the first) and the rest is kept. Of several
        rows of one user and item the last counts. `feedback` is what the shop's first ratings are.
        """
        feedback = self._ratings.state().feedback or feedback
        good: dict[tuple[str, str], StoredRating] = {}
        result = RatingsResult()
        for number, row in enumerate(rows, start=1):
            try:
                rating = checked(*row, feedback=feedback)
            except InputError as error:
                result.rejected.append(Rejection("ratings", number, None, None, str(error)))
            else:
                good[rating.user_id, rating.item_id] = rating
        batch = list(good.values())
        for start in range(0, len(batch), BATCH_RATINGS):
            self._put(batch[start : start + BATCH_RATINGS], feedback, result)
        return result

    def remove(self, user_id: object, item_ids: Sequence[object] | None = None) -> int:
        """Remove a user's ratings of these items, or all; return how many there were."""
        ids = None if item_ids is None else [as_text_id(item_id) for item_id in item_ids]
        return self._ratings.remove(as_text_id(user_id), ids)

    def forget(self, user_id: object) -> int:
        """Remove everything about a user, the id included; return how many ratings there were.

        The bytes are overwritten in a shop's own database; PostgreSQL does so at its next vacuum.
        A fitted model never held the id; numbers that were learned with the ratings stay in it,
        under a code that leads nowhere, until `fit`.
        """
        return self._ratings.forget(as_text_id(user_id))

    def history(self, user_id: object) -> list[Rated]:
        """Return a user's ratings, the latest first; none for a user who has none."""
        memory = self._live.current()
        return [
            Rated(row.item_id, row.value, row.timestamp, _attributes(memory, row.item_id))
            for row in self._ratings.history(as_text_id(user_id))
        ]

    def popular(self, k: int = 10, where: Where = None) -> list[Recommendation]:
        """Return the items of the catalogue that most people rated and `where` allows."""
        with self._live.reading() as memory:
            return self._popular(memory, k, self._allowed(memory, where))

    def fit(self, model: str | RatingModel | None = None, **options: Any) -> RatingModel:
        """Fit a model on all ratings and make it the one that the shop recommends by.

        Models that take item features get the picture vectors, categories and numbers.

        Parameters
        ----------
        model : str, RatingModel or None
            A name (see `vitrine.ratings.rating_model_names`), or an unfitted model. None:
            ``trend-blend`` where at least half of the ratings have a time, else ``hybrid``.
        **options
            The model's parameters.

        Raises
        ------
        InputError
            If there are no ratings, or the model cannot learn from them.
        OptionError
            If there is no such model or parameter.
        """
        if isinstance(model, str):
            model = make_rating_model(model, **options)
        return fit_model(model, options, self._store, self._ratings, self._live)

    def item_features(self) -> ItemFeatures:
        """Return what `fit` tells models of the items: vectors, categories and numbers."""
        with self._live.reading() as memory:
            return FeatureRecipe.of(memory).features(self._store, memory, list(memory.positions))

    def info(self) -> RatingsInfo:
        """Return what the ratings are, and which model was fitted on them."""
        state, facts = self._ratings.state(), self._ratings.summary()
        rated = {item for item, n in self._places.counts().items() if n}
        with self._live.reading() as memory:
            outside = len(rated - memory.positions.keys())
            unrated = len(memory.positions.keys() - rated)
        info = RatingsInfo(
            **facts,
            items=len(rated),
            items_outside_catalogue=outside,
            items_without_ratings=unrated,
            feedback=state.feedback,
            model=None,
            model_options={},
            fitted=None,
            ratings_since=0,
        )
        if state.model_id is None:
            return info
        kind, created = self._ratings.model_kind(state.model_id)
        serving = self._served(state.model_id)
        since = self._ratings.changed_after(state.model_change_number or 0)
        options = serving.model.get_params(deep=False)
        return replace(info, model=kind, model_options=options, fitted=created, ratings_since=since)

    def recommend(
        self, user_id: object, k: int = 10, where: Where = None, exclude_seen: bool = True
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
            if serving is not None and code is not None:
                aligned = serving.align(memory)
                items, ratings = aligned.rated(history)
                if len(items):
                    places, found = _best(aligned.scores(code, items, ratings), allowed, k)
                    reasons = aligned.reasons(items, ratings, places)
                    made = _recommendations(memory, places, aligned.shown(found), reasons)
                    return Recommendations(user, made, True, serving.model.kind)
            if serving is not None and serving.model.knows_strangers():
                places, found = _best(serving.align(memory).for_stranger(), allowed, k)
                reasons = _rated_by(self._places.popularity(memory)[places])
                made = _recommendations(memory, places, found, reasons)
                return Recommendations(user, made, False, serving.model.kind)
            return Recommendations(user, self._popular(memory, k, allowed), False, POPULARITY)

    def _put(
        self, batch: Sequence[StoredRating], feedback: Feedback, result: RatingsResult
    ) -> None:
        written = self._ratings.put(batch, feedback)
        result.added += written.added
        result.updated += written.updated
        result.unchanged += written.unchanged

    def _check_feedback(self, feedback: Feedback) -> None:
        there = self._ratings.state().feedback
        if there is not None and there != feedback:
            raise OptionError(f"the shop's ratings are {there} feedback, these are {feedback}; "
                              "a shop holds one kind")  # fmt: skip

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
            return self._served(model_id)
        except ArtifactError:
            latest = self._ratings.state().model_id  # another process may have fitted meanwhile
            if latest is not None and latest != model_id:
                return self._served(latest)
            if known:
                raise
            return None

    def _served(self, model_id: int) -> Serving:
        """Return the fitted model, read anew where any process has fitted another."""
        with self._loading:
            if self._serving is None or self._serving.model_id != model_id:
                self._serving = Serving(self._store, model_id)
            return self._serving


def _rated_by(counts: NDArray[Any]) -> list[list[Reason]]:
    return [[Reason("popular", None, n, 1.0)] if n else [] for n in counts.tolist()]


def _attributes(memory: Memory, item_id: str) -> dict[str, Any] | None:
    position = memory.positions.get(item_id)
    return None if position is None else memory.attributes.row(position)


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
