"""The fitted rating model of an open shop: every item's score for a user, and the reasons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vitrine.ratings import RatingModel
from vitrine.ratings.ids import Codes
from vitrine.shop.memory import Memory
from vitrine.shop.ratings_results import Reason
from vitrine.store import StoredRating

N_REASONS = 3
Positions = NDArray[np.int64]


class Serving:
    """A fitted model, and where its items are in the shop's memory.

    Parameters
    ----------
    model : RatingModel
        Fitted on users' codes and items' ids.
    model_id : int
        Which artifact of the store it is.
    """

    def __init__(self, model: RatingModel, model_id: int) -> None:
        from vitrine.ratings.folding_neighbours import folding  # brings numba, which takes its time

        self.model = model
        self.model_id = model_id
        self._folding = folding(model)
        self._aligned_to: tuple[int, int] | None = None
        self._codes: NDArray[np.int64] = np.empty(0, np.int64)

    def align(self, memory: Memory) -> None:
        """Find the shop's items among the model's, where that has changed."""
        version = id(memory), memory.change_number
        if version == self._aligned_to:
            return
        ids = list(memory.positions)
        self._codes = np.full(max(memory.positions.values(), default=-1) + 1, -1, np.int64)
        self._codes[list(memory.positions.values())] = self.model.items_.codes(ids)
        self._aligned_to = version

    def rated(self, history: Sequence[StoredRating]) -> tuple[Codes, NDArray[np.float32]]:
        """Return a history as the model has it: codes, ascending, and ratings of what it knows."""
        codes = self.model.items_.codes([row.item_id for row in history])
        ratings = np.array([row.value for row in history], np.float32)
        order = np.argsort(codes, kind="stable")
        order = order[codes[order] >= 0]
        return codes[order], ratings[order]

    def scores(self, user_code: int, items: Codes, ratings: NDArray[np.float32]) -> Positions:
        """Return the score of each position of the shop's memory; −inf for one it does not know."""
        user = self.model.users_.codes([user_code])
        if user[0] >= 0 and self._as_fitted(int(user[0]), items, ratings):
            scores = self.model._scores(user)[0]
        else:
            scores = self._folding.scores(items, ratings)
        return np.where(self._codes >= 0, np.append(scores, -np.inf)[self._codes], -np.inf)

    def reasons(
        self, items: Codes, ratings: NDArray[np.float32], positions: Positions
    ) -> list[list[Reason]]:
        """Return what of the user's ratings carries each pick most."""
        picks = self._codes[positions].astype(np.int32)
        carried = self._folding.contributions(items, ratings, picks)
        return [self._reasons_of(row, items, ratings) for row in carried]

    def _reasons_of(
        self, carried: NDArray[np.float64], items: Codes, ratings: NDArray[np.float32]
    ) -> list[Reason]:
        best = np.argsort(-carried, kind="stable")[:N_REASONS]
        best = best[carried[best] > 0]
        total = carried[carried > 0].sum()
        ids = self.model.items_.take(items[best])
        return [
            Reason("rated", str(item_id), float(ratings[i]), float(carried[i] / total))
            for i, item_id in zip(best, ids, strict=True)
        ]

    def _as_fitted(self, user: int, items: Codes, ratings: NDArray[np.float32]) -> bool:
        """Tell whether the user's ratings are those that the model was fitted with."""
        seen = self.model.seen_
        row = slice(seen.indptr[user], seen.indptr[user + 1])
        return np.array_equal(seen.indices[row], items) and np.array_equal(
            seen.ratings[row], ratings
        )
