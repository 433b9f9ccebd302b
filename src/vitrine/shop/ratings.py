"""The ratings of an open shop: adding and removing them, fitting a model, recommending."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from time import time
from typing import Any

from vitrine.catalogue.items import Rejection, write_rejected
from vitrine.catalogue.where import Where
from vitrine.errors import InputError, OptionError
from vitrine.progress import task
from vitrine.ratings import (
    Columns,
    Interactions,
    ItemFeatures,
    RatingModel,
    Reading,
    UserTable,
    make_rating_model,
    read_interactions,
    read_users,
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
    Recommendation,
    Recommendations,
)
from vitrine.shop.ratings_rows import as_text_id, checked, from_interactions
from vitrine.shop.recommender import Recommender
from vitrine.store import RatingStore, Store, StoredRating, Written

BATCH_RATINGS = 20_000
REJECTED_NAME, REJECTED_USERS_NAME = "rejected-ratings.csv", "rejected-users.csv"


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
        self.rejected_users_path = store.folder / REJECTED_USERS_NAME
        self._store, self._live = store, live
        self._ratings = RatingStore(store.engine)
        self._places = Places(self._ratings)
        self._recommender = Recommender(store, live, self._ratings, self._places)

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
        self._list_rejected(result.rejected, self.rejected_path)
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

    def describe(
        self, source: UserTable | str | Path, *, id_column: str | None = None
    ) -> RatingsResult:
        """Add what else is known of users, such as age or country; it replaces what was there.

        Models that can learn from it do at their next `fit`. Users need not have rated anything.

        Parameters
        ----------
        source : UserTable or path
            See `vitrine.ratings.read_users` for files. Bad rows are refused, and listed in the
            shop's ``rejected-users.csv``.
        id_column : str, optional
            Of a file, where it cannot be guessed.

        Raises
        ------
        SourceError
            If the file cannot be read.
        """
        table = source if isinstance(source, UserTable) else read_users(source, id_column)
        result = RatingsResult(rejected=table.rejected)
        facts = {
            user: {name: values[row] for name, values in table.columns.items()
                   if values[row] is not None}
            for row, user in enumerate(table.ids)
        }  # fmt: skip
        with task("adding users", len(facts)) as progress:
            for start in range(0, len(facts), BATCH_RATINGS):
                users = table.ids[start : start + BATCH_RATINGS]
                _add(result, self._ratings.describe({user: facts[user] for user in users}))
                progress.advance(len(users))
        self._list_rejected(result.rejected, self.rejected_users_path)
        return result

    def described(self, user_id: object) -> dict[str, Any]:
        """Return what is known of a user besides ratings."""
        return self._ratings.facts_of(as_text_id(user_id))

    def remove(self, user_id: object, item_ids: Sequence[object] | None = None) -> int:
        """Remove a user's ratings of these items, or all; return how many there were."""
        ids = None if item_ids is None else [as_text_id(item_id) for item_id in item_ids]
        return self._ratings.remove(as_text_id(user_id), ids)

    def forget(self, user_id: object) -> int:
        """Remove everything about a user, the id and what else is known included.

        Returns how many ratings there were.

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
        return self._recommender.popular(k, where)

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
        serving = self._recommender.served(state.model_id)
        since = self._ratings.changed_after(state.model_change_number or 0)
        options = serving.model.get_params(deep=False)
        return replace(info, model=kind, model_options=options, fitted=created, ratings_since=since)

    def recommend(
        self, user_id: object, k: int = 10, where: Where = None, exclude_seen: bool = True
    ) -> Recommendations:
        """Return the k items that a user should like most; see `Shop.recommend`."""
        return self._recommender.recommend(user_id, k, where, exclude_seen)

    def _put(
        self, batch: Sequence[StoredRating], feedback: Feedback, result: RatingsResult
    ) -> None:
        _add(result, self._ratings.put(batch, feedback))

    def _list_rejected(self, rejected: list[Rejection], path: Path) -> None:
        if rejected:
            write_rejected(rejected, path)
        else:
            path.unlink(missing_ok=True)

    def _check_feedback(self, feedback: Feedback) -> None:
        there = self._ratings.state().feedback
        if there is not None and there != feedback:
            raise OptionError(f"the shop's ratings are {there} feedback, these are {feedback}; "
                              "a shop holds one kind")  # fmt: skip


def _add(result: RatingsResult, written: Written) -> None:
    result.added += written.added
    result.updated += written.updated
    result.unchanged += written.unchanged


def _attributes(memory: Memory, item_id: str) -> dict[str, Any] | None:
    position = memory.positions.get(item_id)
    return None if position is None else memory.attributes.row(position)
