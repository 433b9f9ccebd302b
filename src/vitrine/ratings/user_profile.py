"""What people of one kind choose more than others do, told by what else is known of them."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.graded import Graded
from vitrine.ratings.ids import Codes
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.profile_block import ProfileBlock

Array = NDArray[Any]


class UserProfile(Graded, RatingModel):
    """Scores an item by how often people choose it, and how much more those like the user do.

    `ContentProfile` turned round: in each block of the users' features an item is a mean over those
    who chose it, drawn towards everybody's by `prior`. The score is the logarithm of the item's
    share of all choices, plus, for each block, that of the user's likeness to the item's mean over
    that to everybody's: Bayes' rule, the blocks taken as independent.

    So it also serves a user who has chosen nothing, but of whom something is known: `users_` holds
    those too. Anybody else gets what is popular. Without users' features (`Interactions.
    described_by`) `fit` raises `InputError`.

    Parameters
    ----------
    prior : float
        Choices that everybody's mean counts for in an item's, above 0.
    rating_power : float
        As `EASE`: an explicit rating counts by its place on the scale to this power.

    Attributes
    ----------
    blocks_ : dict of str to ProfileBlock
        Of the users.
    means_ : dict of str to ndarray of shape (n_items, d), float32
        By block.
    log_shares_ : ndarray of shape (n_items,), float64
        Of all choices, each item with one choice more than it has.
    """

    kind: ClassVar[str] = "user-profile"
    predicts_ratings: ClassVar[bool] = False
    blocks_: dict[str, ProfileBlock]
    means_: dict[str, Array]
    log_shares_: NDArray[np.float64]

    def __init__(self, prior: float = 20.0, rating_power: float = 1.0) -> None:
        self.prior = prior
        self.rating_power = rating_power

    def lifts(self, users: Codes) -> Scores:
        """Return how much likelier each item is for each user than for people on average.

        Parameters
        ----------
        users : ndarray of shape (q,), int32
            Codes of `users_`; for an unknown one, −1, every item is as likely as on average.

        Returns
        -------
        ndarray of shape (n_blocks, q, n_items), float64
            Logarithms.
        """
        lifts = np.zeros((len(self.blocks_), len(users), len(self.items_)))
        known = users >= 0
        for layer, (name, block) in zip(lifts, self.blocks_.items(), strict=True):
            layer[known] = block.lift(self.means_[name], users[known]).T
        return lifts

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if not self.prior > 0:
            raise OptionError(f"prior is {self.prior}; it must be above 0")
        described_by = interactions.user_features
        if described_by is None:
            raise InputError("user-profile needs features of the users, such as age or country")
        everybody = self.users_.extended(described_by.users.values)
        n_new = len(everybody) - len(self.users_)
        self.seen_ = self.seen_._replace(indptr=np.pad(self.seen_.indptr, (0, n_new), mode="edge"))
        self.users_ = everybody
        blocks, described = described_by.aligned(everybody)
        chosen = self._chosen(self.seen_)
        strength = np.asarray(chosen.sum(axis=1)).ravel()
        self.blocks_ = {n: ProfileBlock.of(b, described, strength) for n, b in blocks.items()}
        by_item = chosen.T.tocsr()
        self.means_ = {
            name: block.means(by_item, self.prior).astype(np.float32)
            for name, block in self.blocks_.items()
        }
        counts = np.asarray(chosen.sum(axis=0), np.float64).ravel() + 1.0
        self.log_shares_ = np.log(counts / counts.sum())

    def _scores(self, users: Codes) -> Scores:
        scores: Scores = self.log_shares_ + self.lifts(users).sum(axis=0)
        return scores

    def _predict(self, users: Codes, items: Codes) -> Scores:
        return self._predict_by_rows(users, items)

    def _state(self) -> Artifact:
        artifact = Artifact(self.kind, arrays={"log_shares_": self.log_shares_})
        artifact.settings["blocks"] = {n: block.n_columns for n, block in self.blocks_.items()}
        for name, block in self.blocks_.items():
            artifact.arrays |= block.to_arrays(name) | {f"mean.{name}": self.means_[name]}
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        arrays, blocks = artifact.arrays, artifact.settings["blocks"]
        self.log_shares_ = arrays["log_shares_"]
        self.means_ = {name: arrays[f"mean.{name}"] for name in blocks}
        self.blocks_ = {
            name: ProfileBlock.from_arrays(n_columns, name, arrays)
            for name, n_columns in blocks.items()
        }
