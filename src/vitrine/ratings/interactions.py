"""Who rated what: users and items as codes, ratings in compressed rows by user and by item."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, Self, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.errors import InputError, OptionError
from vitrine.ratings.features import UserFeatures
from vitrine.ratings.ids import Codes, Ids, encode

Feedback = Literal["explicit", "implicit"]
Duplicates = Literal["last", "mean", "sum"]
Numbers = Sequence[float] | NDArray[Any]


class Rows(NamedTuple):
    """Ratings in compressed rows: row r is ``indptr[r]:indptr[r + 1]`` of the two others.

    Parameters
    ----------
    indptr : ndarray of shape (n_rows + 1,), int64
    indices : ndarray of shape (n,), int32
        The other side's codes, ascending within a row.
    ratings : ndarray of shape (n,), float32
    """

    indptr: NDArray[np.int64]
    indices: Codes
    ratings: NDArray[np.float32]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Ratings in each row, int64 (n_rows,)."""
        return np.diff(self.indptr)

    def check(self, n_rows: int, n_columns: int) -> None:
        """See that nothing points out of the arrays, where these came from a file.

        Raises
        ------
        ValueError
            If something does.
        """
        shapes = self.indptr.shape, self.indices.shape, self.ratings.shape
        whole = all(array.dtype.kind == "i" for array in (self.indptr, self.indices))
        n = len(self.indices)
        if not whole or shapes != ((n_rows + 1,), (n,), (n,)) or (
            self.indptr[0] != 0 or self.indptr[-1] != n or (np.diff(self.indptr) < 0).any()
            or (n and not 0 <= self.indices.min() <= self.indices.max() < n_columns)
        ):  # fmt: skip
            raise ValueError(f"rows of {shapes} for {n_rows} rows and {n_columns} columns")

    def take(self, rows: NDArray[Any]) -> Rows:
        """Return only these rows, in this order."""
        counts = self.counts[rows]
        indptr = np.append(0, np.cumsum(counts))
        positions = np.arange(indptr[-1]) + np.repeat(self.indptr[rows] - indptr[:-1], counts)
        return Rows(indptr, self.indices[positions], self.ratings[positions])

    def matrix(self, n_columns: int, values: NDArray[Any] | None = None) -> sp.csr_matrix:
        """Return a SciPy matrix (n_rows, n_columns) of the ratings, or of `values` instead."""
        data = self.ratings if values is None else values
        shape = (len(self.indptr) - 1, n_columns)
        return sp.csr_matrix((data, self.indices, self.indptr), shape=shape)


MAX_RATING = 1e9
"""Ratings and weights beyond are refused where they come in: squared they leave float32."""


@dataclass(frozen=True, eq=False)
class Interactions:
    """Ratings or purchases, one a pair of user and item, ordered by user code, then item code.

    Made by `from_arrays`, which settles duplicates and checks every number.

    Attributes
    ----------
    users, items : Ids
        The ids of both sides; some may have no rating.
    user_codes, item_codes : ndarray of shape (n,), int32
    ratings : ndarray of shape (n,), float32
        Explicit: on any scale. Implicit: weights above 0.
    timestamps : ndarray of shape (n,), int64, optional
        Seconds since 1970, or any other whole number that grows.
    feedback : {"explicit", "implicit"}
    user_features : UserFeatures, optional
        What else is known of users, also of some who rated nothing; models that can learn from it.
    """

    users: Ids
    items: Ids
    user_codes: Codes
    item_codes: Codes
    ratings: NDArray[np.float32]
    timestamps: NDArray[np.int64] | None = None
    feedback: Feedback = "explicit"
    user_features: UserFeatures | None = None

    @classmethod
    def from_arrays(
        cls,
        user_ids: Sequence[Hashable] | NDArray[Any],
        item_ids: Sequence[Hashable] | NDArray[Any],
        ratings: Numbers | None = None,
        timestamps: Numbers | None = None,
        *,
        feedback: Feedback = "explicit",
        duplicates: Duplicates | None = None,
    ) -> Self:
        """Build from one row a rating.

        Parameters
        ----------
        user_ids, item_ids : sequence of hashable, length n
            Ids of any type.
        ratings : sequence of float, length n, optional
            Without them every row weighs 1, which only makes sense as implicit feedback.
        timestamps : sequence of int, length n, optional
        feedback : {"explicit", "implicit"}
        duplicates : {"last", "mean", "sum"}, optional
            What becomes of several rows of one user and item. ``last``: the row with the greatest
            timestamp, the later row among equals. ``mean`` and ``sum`` of the ratings, with the
            greatest timestamp. By default the last explicit rating counts and implicit weights
            are summed.

        Raises
        ------
        InputError
            If lengths differ, there are no rows, or a rating is NaN, infinite, or (implicit) not
            above 0; the message names the first such row.
        """
        if feedback not in get_args(Feedback):
            raise OptionError(f"feedback {feedback!r} is neither explicit nor implicit")
        rule = duplicates or ("last" if feedback == "explicit" else "sum")
        if rule not in get_args(Duplicates):
            raise OptionError(
                f"duplicates {rule!r} is not one of {', '.join(get_args(Duplicates))}"
            )
        values = _check_ratings(len(user_ids), ratings, feedback)
        times = None if timestamps is None else np.asarray(timestamps, dtype=np.int64)
        if len(item_ids) != len(user_ids) or (times is not None and len(times) != len(user_ids)):
            raise InputError("users, items, ratings and timestamps differ in length")
        users, user_codes = encode(user_ids)
        items, item_codes = encode(item_ids)
        rows = _settle(user_codes, item_codes, values, times, rule)
        return cls(users, items, *rows, feedback)

    def __len__(self) -> int:
        return len(self.ratings)

    def __repr__(self) -> str:
        return (
            f"Interactions({len(self)} {self.feedback}, {self.n_users} users, {self.n_items} items)"
        )

    @property
    def n_users(self) -> int:
        """Users, those without a rating included."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Items, those without a rating included."""
        return len(self.items)

    @property
    def user_ids(self) -> list[Hashable]:
        """The user of each rating."""
        return self.users.take(self.user_codes)

    @property
    def item_ids(self) -> list[Hashable]:
        """The item of each rating."""
        return self.items.take(self.item_codes)

    @property
    def rating_range(self) -> tuple[float, float]:
        """Lowest and highest rating."""
        return float(self.ratings.min()), float(self.ratings.max())

    @cached_property
    def by_user(self) -> Rows:
        """Ratings in rows by user; in the order of `ratings`, and not a copy of it."""
        return Rows(_indptr(self.user_codes, self.n_users), self.item_codes, self.ratings)

    @cached_property
    def item_order(self) -> NDArray[np.int64]:
        """Positions of the ratings ordered by item, then user: what `by_item` is ordered by."""
        return np.argsort(self.item_codes, kind="stable")

    @cached_property
    def by_item(self) -> Rows:
        """Ratings in rows by item."""
        order = self.item_order
        indptr = _indptr(self.item_codes, self.n_items)
        return Rows(indptr, self.user_codes[order], self.ratings[order])

    def select(self, rows: NDArray[Any]) -> Self:
        """Return the ratings at `rows` (a boolean mask or positions), with all ids kept."""
        chosen = np.flatnonzero(rows) if rows.dtype == bool else np.unique(rows)
        times = None if self.timestamps is None else self.timestamps[chosen]
        return replace(
            self,
            user_codes=self.user_codes[chosen],
            item_codes=self.item_codes[chosen],
            ratings=self.ratings[chosen],
            timestamps=times,
        )

    def compact(self) -> Self:
        """Return the same ratings with only the ids that have one."""
        user_kept, user_codes = np.unique(self.user_codes, return_inverse=True)
        item_kept, item_codes = np.unique(self.item_codes, return_inverse=True)
        return replace(
            self,
            users=Ids(self.users.take(user_kept)),
            items=Ids(self.items.take(item_kept)),
            user_codes=user_codes.astype(np.int32),
            item_codes=item_codes.astype(np.int32),
        )

    def with_items(self, item_ids: Iterable[Hashable]) -> Self:
        """Return the same ratings with these items known as well; new ones come last."""
        items = self.items.extended(item_ids)
        return self if items is self.items else replace(self, items=items)

    def described_by(self, user_features: UserFeatures | None) -> Self:
        """Return the same ratings with what else is known of users."""
        return replace(self, user_features=user_features)

    def liked(self, min_rating: float) -> Self:
        """Return the ratings of at least `min_rating` as implicit feedback of weight 1."""
        chosen = self.select(self.ratings >= min_rating)
        return replace(chosen, ratings=np.ones_like(chosen.ratings), feedback="implicit")


def known_times(times: Numbers) -> NDArray[np.int64] | None:
    """Return times of which some may be missing, int64 (n,).

    A missing one counts as the earliest, so that it is never taken for new; where fewer than half
    are known there are none.

    Parameters
    ----------
    times : sequence of float, length n
        Whole numbers; NaN, or None, where one is missing.
    """
    column = np.asarray(times, np.float64)
    missing = np.isnan(column)
    if 2 * np.count_nonzero(missing) > len(column) or not len(column):
        return None
    return np.where(missing, np.nanmin(column), column).astype(np.int64)


def _check_ratings(n: int, ratings: Numbers | None, feedback: Feedback) -> NDArray[np.float32]:
    if n == 0:
        raise InputError("there are no ratings; give at least one row")
    if ratings is None:
        if feedback == "explicit":
            raise InputError(
                "explicit feedback needs ratings; without them say feedback='implicit'"
            )
        return np.ones(n, dtype=np.float32)
    try:
        with np.errstate(over="ignore"):
            values = np.asarray(ratings, dtype=np.float64).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise InputError(f"a rating is not a number ({error})") from error
    if values.shape != (n,):
        raise InputError(f"{n} users but ratings of shape {values.shape}; give one a row")
    bad = ~np.isfinite(values)
    if feedback == "implicit":
        bad |= values <= 0
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        wanted = "a finite number" + (" above 0" if feedback == "implicit" else "")
        raise InputError(f"row {row}: the rating {values[row]} is not {wanted}")
    return values


def _settle(
    users: Codes,
    items: Codes,
    ratings: NDArray[np.float32],
    times: NDArray[np.int64] | None,
    rule: Duplicates,
) -> tuple[Codes, Codes, NDArray[np.float32], NDArray[np.int64] | None]:
    """Sort by user and item and leave one row a pair."""
    keys: list[NDArray[Any]] = [items, users] if times is None else [times, items, users]
    order = np.lexsort(keys)  # stable: among equals the later row stays later
    users, items, ratings = users[order], items[order], ratings[order]
    times = None if times is None else times[order]
    new = np.ones(len(users), dtype=bool)
    new[1:] = (users[1:] != users[:-1]) | (items[1:] != items[:-1])
    if new.all():
        return users, items, ratings, times
    starts = np.flatnonzero(new)
    last = np.append(starts[1:], len(users)) - 1
    settled = ratings[last]
    if rule != "last":
        sums = np.add.reduceat(ratings.astype(np.float64), starts)
        settled = (sums / (last - starts + 1) if rule == "mean" else sums).astype(np.float32)
    return users[last], items[last], settled, None if times is None else times[last]


def _indptr(codes: Codes, n: int) -> NDArray[np.int64]:
    indptr = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(codes, minlength=n), out=indptr[1:])
    return indptr
