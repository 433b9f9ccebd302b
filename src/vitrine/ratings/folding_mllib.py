"""Users who came after MLlib's factors were found: the solution for one more row."""

from __future__ import annotations

import numpy as np

from vitrine.ratings.folding import Array, Folding
from vitrine.ratings.ids import Codes
from vitrine.ratings.mllib import SparkALS


class OneMoreRow(Folding[SparkALS]):
    """For MLlib's ALS: what its next half step would give the user, exactly."""

    def __init__(self, model: SparkALS) -> None:
        super().__init__(model)
        self._items = model.item_factors_[:-1].astype(np.float64)
        self._everybody = model.everybody()

    def scores(self, items: Codes, ratings: Array) -> Array:
        """Score every item for a user, (n_items,)."""
        vector = self._shares(items, ratings).sum(axis=1)
        scores: Array = self._items @ vector + self.model.item_biases_[:-1]
        return scores

    def contributions(self, items: Codes, ratings: Array, picks: Codes) -> Array:
        """Return each rated item's share in each pick's score, (n_picks, n)."""
        shares: Array = self._items[picks] @ self._shares(items, ratings)
        return shares

    def _shares(self, items: Codes, ratings: Array) -> Array:
        """Return each rated item's share in the user's vector, (k, n)."""
        return self.model.new_user(self._everybody, self._items[items], ratings)
