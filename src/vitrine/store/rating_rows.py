"""Ratings as the rest of Vitrine sees them, and what is known of all of them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Feedback = Literal["explicit", "implicit"]
Facts = dict[str, Any]
"""What is known of one user besides ratings: text, numbers or booleans, by name."""


class UserFacts(NamedTuple):
    """What is known of users, of each by its code."""

    user_codes: list[int]
    facts: list[Facts]


class StoredRating(NamedTuple):
    """One user's rating of one item."""

    user_id: str
    item_id: str
    value: float
    timestamp: int | None


@dataclass(frozen=True)
class RatingState:
    """The one row that says what the ratings are.

    Attributes
    ----------
    feedback : {"explicit", "implicit"} or None
        None while there was never a rating.
    change_number : int
        Of the last write of ratings; 0 before the first.
    model_id : int or None
        The artifact that is the fitted rating model.
    model_change_number : int or None
        The ratings' change number that the model was fitted at.
    """

    feedback: Feedback | None = None
    change_number: int = 0
    model_id: int | None = None
    model_change_number: int | None = None


@dataclass(frozen=True)
class RatingColumns:
    """All ratings, ordered by user code, then item code.

    Attributes
    ----------
    user_codes, item_codes : ndarray of shape (n,), int64
        As the database numbers them, with gaps.
    values : ndarray of shape (n,), float64
    timestamps : ndarray of shape (n,), float64
        Whole numbers; NaN where a rating has none.
    item_ids : dict of int to str
        Of each item code.
    change_number : int
        The ratings' change number at which this was read.
    """

    user_codes: NDArray[np.int64]
    item_codes: NDArray[np.int64]
    values: NDArray[np.float64]
    timestamps: NDArray[np.float64]
    item_ids: dict[int, str]
    change_number: int


class ItemCount(NamedTuple):
    """How often an item was rated, and the sum of its ratings."""

    item_id: str
    n_ratings: int
    total: float


class Written(NamedTuple):
    """What became of a batch of ratings."""

    added: int
    updated: int
    unchanged: int
