"""What the items that a user chose have in common, told by their features alone."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import unit
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.features import ItemFeatures, check_columns, hats
from vitrine.ratings.graded import Graded
from vitrine.ratings.ids import Codes, Ids
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]
N_KNOTS = 64
"""Values of a number that are told apart; between them it is shared out."""
WIDTH = 0.3
"""Of the bells that tell how near two numbers are, in standard deviations of the knots."""
NOTHING = 1e-9
"""Likeness below which an item is like nothing that anybody chose."""


class ContentProfile(Graded, RatingModel):
    """Scores an item by how much likelier its features are for the user than for people on average.

    In each block of features a user is a mean over the chosen items, drawn towards everybody's by
    `prior`, and an item's score is the logarithm of its likeness to the user's mean over that to
    everybody's: Bayes' rule with a density estimate for each block (Pazzani and Billsus, "Learning
    and Revising User Profiles", 1997), the blocks taken as independent. Categories are as alike as
    the cosine of their rows of 0 and 1, numbers as a bell over their distance says, and vectors,
    such as pictures', as half of one more than the cosine around the chosen items' mean.

    It says whose an item is and not how popular, so it is at its best in a blend; it needs no other
    user. Nothing separates the items for an unknown user, nor two without features: these score 0.
    Without any features `fit` raises `InputError`.

    Parameters
    ----------
    prior : float
        Choices that everybody's profile counts for in a user's, above 0.
    rating_power : float
        As `EASE`: an explicit rating counts by its place on the scale to this power.

    Attributes
    ----------
    blocks_ : dict of str to ProfileBlock
    """

    kind: ClassVar[str] = "content-profile"
    predicts_ratings: ClassVar[bool] = False
    blocks_: dict[str, ProfileBlock]

    def __init__(self, prior: float = 20.0, rating_power: float = 1.0) -> None:
        self.prior = prior
        self.rating_power = rating_power

    def add_items(self, features: ItemFeatures) -> Self:
        """Return a model that also knows the new items of `features`; nothing is trained.

        Raises
        ------
        InputError
            If these are of other blocks.
        """
        check_is_fitted(self, "items_")
        new = [item for item in features.items.values if item not in self.items_]
        if not new:
            return self
        blocks, described = features.aligned(Ids(new))
        check_columns(blocks, {name: block.n_columns for name, block in self.blocks_.items()})
        added = copy.copy(self)
        added.items_ = self.items_.extended(new)
        added.blocks_ = {
            name: block.extended(blocks[name], described) for name, block in self.blocks_.items()
        }
        return added

    def knows_by(self, block: str) -> bool:
        """Tell whether the block was there in the fit."""
        return block in self.blocks_

    def lift(self, chosen: sp.csr_matrix) -> Scores:
        """Return scores (q, n_items) of users by how strongly each chose each item.

        Parameters
        ----------
        chosen : csr_matrix of shape (q, n_items)
        """
        total = np.zeros((chosen.shape[0], len(self.items_)))
        for block in self.blocks_.values():
            total += block.lift(chosen, self.prior)
        return total

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if not self.prior > 0:
            raise OptionError(f"prior is {self.prior}; it must be above 0")
        if features is None:
            raise InputError(
                "content-profile needs item features; give fit vectors or columns of the items"
            )
        blocks, described = features.aligned(interactions.items)
        weights = np.asarray(self._chosen(self.seen_).sum(axis=0)).ravel()
        self.blocks_ = {
            name: ProfileBlock.of(block, described, weights) for name, block in blocks.items()
        }

    def _scores(self, users: Codes) -> Scores:
        scores = np.zeros((len(users), len(self.items_)))
        known = users >= 0
        scores[known] = self.lift(self._chosen(self.seen_.take(users[known])))
        return scores

    def _predict(self, users: Codes, items: Codes) -> Scores:
        return self._predict_by_rows(users, items)

    def _item_similarities(self, items: Codes) -> Scores:
        alike: Scores = np.mean([b.likeness(items) for b in self.blocks_.values()], axis=0)
        return alike

    def _state(self) -> Artifact:
        artifact = Artifact(self.kind)
        artifact.settings["blocks"] = {n: block.n_columns for n, block in self.blocks_.items()}
        for name, block in self.blocks_.items():
            parts = {"frame": block.frame, "told": block.told, "common": block.common}
            artifact.arrays |= {f"{part}.{name}": array for part, array in parts.items()}
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        self.blocks_ = {
            name: ProfileBlock(
                n_columns,
                *(artifact.arrays[f"{part}.{name}"] for part in ("frame", "told", "common")),
            )
            for name, n_columns in artifact.settings["blocks"].items()
        }


@dataclass(frozen=True, eq=False)
class ProfileBlock:
    """One block of features, as rows whose products with users' means are likenesses.

    Attributes
    ----------
    n_columns : int
        Of the features; 1 for a number.
    frame : ndarray of shape (d,), float32
        A number's knots, ascending; the mean of vectors' unit-length rows; empty for categories.
    told : ndarray of shape (n_items, d), float32
        A row is 0 where the item has no such feature.
    common : ndarray of shape (d,), float32
        The mean row of everybody's choices.
    """

    n_columns: int
    frame: Array
    told: Array
    common: Array

    @classmethod
    def of(cls, block: Array, described: NDArray[np.bool_], weights: Array) -> Self:
        """Take the frame from the items that were chosen, as often as `weights` (n_items,) says."""
        known = block[described & (weights > 0)]
        if not len(known):
            raise InputError("no item that has features was chosen; nothing can be learned of them")
        if block.shape[1] == 1:
            frame = np.unique(np.quantile(known, np.linspace(0, 1, N_KNOTS)))
        elif ((block == 0) | (block == 1)).all():
            frame = np.empty(0)
        else:
            frame = unit(known).mean(axis=0)
        frame = frame.astype(np.float32)
        told = _told(block, described, frame)
        common = weights @ told / np.maximum(weights @ told.any(axis=1), 1e-12)
        return cls(block.shape[1], frame, told, common.astype(np.float32))

    def extended(self, block: Array, described: NDArray[np.bool_]) -> ProfileBlock:
        """Return the block with rows for more items below."""
        more = _told(block, described, self.frame)
        return replace(self, told=np.concatenate([self.told, more]))

    def lift(self, chosen: sp.csr_matrix, prior: float) -> Scores:
        """Return how much likelier each item is for each user than for people on average, its log.

        Parameters
        ----------
        chosen : csr_matrix of shape (q, n_items)
        prior : float
            Choices that everybody's mean counts for.

        Returns
        -------
        ndarray of shape (q, n_items), float64
        """
        means = (chosen @ self.told + prior * self.common) / (chosen @ self._there + prior)[:, None]
        known = self._expected > NOTHING
        # A user's likeness is never 0, for everybody's is a share of it.
        shares = (means @ self._likened.T) / np.where(known, self._expected, 1.0)
        lifts: Scores = np.where(known, np.log(np.maximum(shares, NOTHING)), 0.0)
        return lifts

    def likeness(self, items: Codes) -> Scores:
        """Return how alike some items are to all, 0 to 1, (n, n_items)."""
        alike: Scores = self.told[items] @ self._likened.T
        return alike

    @cached_property
    def _there(self) -> NDArray[np.float32]:
        """1 for an item that has the feature, else 0, (n_items,)."""
        return np.asarray(self.told.any(axis=1), np.float32)

    @cached_property
    def _expected(self) -> NDArray[np.float64]:
        """Everybody's likeness to each item, (n_items,)."""
        return np.asarray(self._likened @ self.common, np.float64)

    @cached_property
    def _likened(self) -> Array:
        """What rows are multiplied by to be likened to, (n_items, d)."""
        if self.n_columns > 1:
            return self.told
        deviation = self.frame.std() or 1.0
        gaps = (self.frame[:, None] - self.frame) / (WIDTH * deviation)
        bells: Array = self.told @ np.exp(-0.5 * gaps**2)
        return bells


def _told(block: Array, described: NDArray[np.bool_], frame: Array) -> NDArray[np.float32]:
    """Return a block's rows, (n, d): hats between knots, unit rows, or unit rows around a mean."""
    there = described.copy()
    rows: Array
    if block.shape[1] == 1:
        rows = hats(block, frame)
    else:
        there &= block.any(axis=1)
        rows = unit(block)
        if len(frame):
            around = unit(rows - frame)
            rows = np.hstack([np.ones((len(rows), 1)), around]) / np.sqrt(2)
    rows[~there] = 0.0
    return rows.astype(np.float32)
