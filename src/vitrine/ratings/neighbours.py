"""Neighbourhood models: a rating from the user's ratings of similar items, or similar users'."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.errors import OptionError
from vitrine.ratings.base import BLOCK_SCORES, RatingModel, Scores
from vitrine.ratings.baselines import damped_biases
from vitrine.ratings.factor_model import with_unknown
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.ids import Codes
from vitrine.ratings.interactions import Interactions, Rows
from vitrine.ratings.neighbour_loops import similarities, weighted_means

Array = NDArray[Any]
Similarity = Literal["pearson-baseline", "pearson", "cosine"]
Form = Literal["baseline", "centred", "plain"]


class _Neighbours(RatingModel):
    """What both neighbourhood models share.

    "Own" is the side whose likeness counts (items in `ItemKNN`), "other" the one it is measured on.
    """

    fitted_arrays: ClassVar[tuple[str, ...]] = (
        "own_base_",
        "other_base_",
        "deviations_",
        "indptr_",
        "neighbours_",
        "similarities_",
    )
    own_base_: Array
    other_base_: Array
    deviations_: Array  # what is averaged, in the order of the rows by "other"
    indptr_: Array
    neighbours_: Array
    similarities_: Array

    def __init__(
        self,
        k: int = 40,
        similarity: Similarity = "pearson-baseline",
        form: Form = "baseline",
        shrinkage: float = 100.0,
        damping: float = 0.2,
        n_kept: int = 2000,
        user_damping: float = 6.0,
        item_damping: float = 2.0,
    ) -> None:
        self.k = k
        self.similarity = similarity
        self.form = form
        self.shrinkage = shrinkage
        self.damping = damping
        self.n_kept = n_kept
        self.user_damping = user_damping
        self.item_damping = item_damping

    def _own_and_other(self, interactions: Interactions) -> tuple[Rows, Rows]:
        """Return the ratings in rows by own side, and by other side."""
        raise NotImplementedError

    def _roles(self, users: Any, items: Any) -> tuple[Any, Any]:
        """Return (own, other) of a pair given as (user, item)."""
        raise NotImplementedError

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        self._check_options()
        by_own, by_other = self._own_and_other(interactions)
        mean, *biases = damped_biases(interactions, self.user_damping, self.item_damping, 10)
        own_bias, other_bias = self._roles(*biases)
        baseline = mean + other_bias[_row_of(by_other)] + own_bias[by_other.indices]
        self._set_form(by_own, by_other, mean, own_bias, other_bias, baseline)
        # The mean leaves "pearson" as it is but for rounding errors, which grow with the square.
        taken = {"pearson-baseline": baseline, "pearson": mean, "cosine": 0.0}[self.similarity]
        centred = by_other.ratings - taken
        by_other = by_other._replace(ratings=centred.astype(np.float32))
        order = np.argsort(by_other.indices, kind="stable")
        by_own = by_own._replace(ratings=by_other.ratings[order])
        similar = self._similar(by_own, by_other)
        self.indptr_, self.neighbours_ = similar.indptr.astype(np.int64), similar.indices
        self.similarities_ = similar.data

    def _similar(self, by_own: Rows, by_other: Rows) -> sp.csr_matrix:
        n = len(by_own.indptr) - 1
        step = max(1, BLOCK_SCORES // n)
        shrinkage, centre = np.float32(self.shrinkage), self.similarity == "pearson"
        own = by_own.indptr, by_own.indices, by_own.ratings
        other = by_other.indptr, by_other.indices, by_other.ratings
        kept = []
        for start in range(0, n, step):
            end = min(start + step, n)
            block = similarities(start, end, own, other, shrinkage, centre)
            kept.append(_kept(block, self.n_kept))
        return sp.vstack(kept, format="csr")

    def _set_form(
        self,
        by_own: Rows,
        by_other: Rows,
        mean: float,
        own_bias: Array,
        other_bias: Array,
        baseline: Array,
    ) -> None:
        """Set what a neighbour's rating is measured from, and what its share is added to."""
        own_base, other_base = mean + own_bias, other_bias
        if self.form == "centred":
            sums = np.bincount(by_other.indices, by_other.ratings, len(own_bias))
            counts = by_own.counts
            own_base = np.where(counts > 0, sums / np.maximum(counts, 1), mean)
            other_base = np.zeros_like(other_bias)
            baseline = own_base[by_other.indices]
        if self.form == "plain":
            baseline = np.zeros_like(baseline)
        self.deviations_ = (by_other.ratings - baseline).astype(np.float32)
        self.own_base_, self.other_base_ = with_unknown(own_base), with_unknown(other_base)
        self.own_base_[-1] = mean

    def _predict(self, users: Codes, items: Codes) -> Scores:
        own, other = self._roles(users, items)
        order = np.argsort(
            own, kind="stable"
        )  # one own row after the other: its row is spread once
        by_other = self._rated_by_other()
        shares = np.empty(len(own), np.float32)
        shares[order] = weighted_means(
            own[order],
            other[order],
            self.indptr_,
            self.neighbours_,
            self.similarities_,
            by_other.indptr,
            by_other.indices,
            self.deviations_,
            self.k,
            np.float32(self.damping),
        )
        base = self.own_base_[own] + self.other_base_[other]
        if self.form == "plain":
            base = np.where(np.isnan(shares), base, 0.0)
        scores: Scores = base + np.nan_to_num(shares)
        return scores

    def _rated_by_other(self) -> Rows:
        raise NotImplementedError

    def _check_options(self) -> None:
        if self.similarity not in get_args(Similarity):
            raise OptionError(
                f"similarity {self.similarity!r} is not one of {get_args(Similarity)}"
            )
        if self.form not in get_args(Form):
            raise OptionError(f"form {self.form!r} is not one of {get_args(Form)}")
        if self.k < 1 or self.n_kept < 1:
            raise OptionError(f"k {self.k} and n_kept {self.n_kept} must be 1 or more")
        if self.shrinkage < 0 or self.damping < 0:
            raise OptionError("shrinkage and damping must be 0 or more")


class ItemKNN(_Neighbours):
    """A rating from the user's own ratings of the items most similar to this one.

    Only items of positive similarity count. Where there are none (an unknown user or item
    included), the baseline remains.

    Parameters
    ----------
    k : int
        Neighbours that a prediction averages at most, the most similar that have the rating.
    similarity : {"pearson-baseline", "pearson", "cosine"}
        Over common ratings: ``pearson-baseline`` correlates what the biases leave unexplained,
        ``pearson`` what the means on the common ratings leave, ``cosine`` the ratings.
    form : {"baseline", "centred", "plain"}
        What is averaged: ratings less their baselines (Koren, 2010, section 2.2), less the
        neighbour's mean, or as they are.
    shrinkage : float
        A similarity from n common ratings is multiplied by (n − 1) / (n − 1 + shrinkage).
    damping : float
        Added to the sum of similarities that an average is divided by, so that few and faint
        neighbours move a prediction less.
    n_kept : int
        Most similar neighbours kept for each; bounds memory where there are very many.
    user_damping, item_damping : float
        Of the baselines, as `Biases`.
    """

    kind: ClassVar[str] = "item-knn"

    def _own_and_other(self, interactions: Interactions) -> tuple[Rows, Rows]:
        return interactions.by_item, interactions.by_user

    def _roles(self, users: Any, items: Any) -> tuple[Any, Any]:
        return items, users

    def _rated_by_other(self) -> Rows:
        return self.seen_

    def _item_similarities(self, items: Codes) -> Scores:
        n = len(self.items_)
        rows = sp.csr_matrix((self.similarities_, self.neighbours_, self.indptr_), shape=(n, n))
        similarities: Scores = rows[items].toarray()
        return similarities


class UserKNN(_Neighbours):
    """A rating from the ratings of this item by the users most similar to this one.

    Only users of positive similarity count. Where there are none (an unknown user or item
    included), the baseline remains.

    Parameters
    ----------
    k : int
        Neighbours that a prediction averages at most, the most similar that have the rating.
    similarity : {"pearson-baseline", "pearson", "cosine"}
        Over common ratings: ``pearson-baseline`` correlates what the biases leave unexplained,
        ``pearson`` what the means on the common ratings leave, ``cosine`` the ratings.
    form : {"baseline", "centred", "plain"}
        What is averaged: ratings less their baselines (Koren, 2010, section 2.2), less the
        neighbour's mean, or as they are.
    shrinkage : float
        A similarity from n common ratings is multiplied by (n − 1) / (n − 1 + shrinkage).
    damping : float
        Added to the sum of similarities that an average is divided by, so that few and faint
        neighbours move a prediction less.
    n_kept : int
        Most similar neighbours kept for each; bounds memory where there are very many.
    user_damping, item_damping : float
        Of the baselines, as `Biases`.
    """

    kind: ClassVar[str] = "user-knn"
    _by_item: Rows | None = None

    def _own_and_other(self, interactions: Interactions) -> tuple[Rows, Rows]:
        self._by_item = None
        return interactions.by_user, interactions.by_item

    def _roles(self, users: Any, items: Any) -> tuple[Any, Any]:
        return users, items

    def _rated_by_other(self) -> Rows:
        if self._by_item is None:
            columns = self.seen_.matrix(len(self.items_)).tocsc()
            self._by_item = Rows(columns.indptr.astype(np.int64), columns.indices, columns.data)
        return self._by_item


def _row_of(rows: Rows) -> Array:
    return np.repeat(np.arange(len(rows.indptr) - 1), rows.counts)


def _kept(block: Array, n_kept: int) -> sp.csr_matrix:
    """Return the positive similarities of a block of rows, at most n_kept a row."""
    block = np.maximum(block, 0.0)
    crowded = np.flatnonzero(np.count_nonzero(block, axis=1) > n_kept)
    for row in crowded:
        least = np.partition(block[row], -n_kept)[-n_kept]
        block[row, block[row] < least] = 0.0
    return sp.csr_matrix(block)
