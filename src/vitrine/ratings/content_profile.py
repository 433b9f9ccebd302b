"""What the items that a user chose have in common, told by their features alone."""

from __future__ import annotations

import copy
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.features import ItemFeatures, check_columns
from vitrine.ratings.graded import Graded
from vitrine.ratings.ids import Codes, Ids
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.profile_block import ProfileBlock


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
            total += block.lift(block.means(chosen, self.prior))
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
            artifact.arrays |= block.to_arrays(name)
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        self.blocks_ = {
            name: ProfileBlock.from_arrays(n_columns, name, artifact.arrays)
            for name, n_columns in artifact.settings["blocks"].items()
        }
