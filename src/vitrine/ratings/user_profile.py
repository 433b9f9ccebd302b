"""What people of one kind choose more than others do, told by what else is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import log_softmax

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.ratings.base import RatingModel, Scores
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.graded import Graded
from vitrine.ratings.ids import Codes
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.profile_block import ProfileBlock

Array = NDArray[Any]
PRIORS = (5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
MAX_USERS, HELD_OUT = 5000, 5
"""Users that a prior is sought on, and that one of so many is held out."""


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
    prior : float or None
        Choices that everybody's mean counts for in an item's, above 0. None: that of `PRIORS` with
        which the choices of held-out users are likeliest.
    rating_power : float
        As `EASE`: an explicit rating counts by its place on the scale to this power.

    Attributes
    ----------
    prior_ : float
        That was taken.
    blocks_ : dict of str to ProfileBlock
        Of the users.
    means_ : dict of str to ndarray of shape (n_items, d), float32
        By block.
    log_shares_ : ndarray of shape (n_items,), float64
        Of all choices, each item with one choice more than it has.
    """

    kind: ClassVar[str] = "user-profile"
    predicts_ratings: ClassVar[bool] = False
    prior_: float
    blocks_: dict[str, ProfileBlock]
    means_: dict[str, Array]
    log_shares_: NDArray[np.float64]

    def __init__(self, prior: float | None = None, rating_power: float = 1.0) -> None:
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

    def knows_people(self) -> bool:
        """Tell that it does."""
        return True

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if self.prior is not None and not self.prior > 0:
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
        if not np.diff(chosen.indptr)[described].any():
            raise InputError(
                "nobody of whom something is known chose anything (are the users' ids those of the "
                "ratings?); nothing can be learned of them"
            )
        self.prior_ = self.prior or _likeliest_prior(blocks, described, chosen)
        self.blocks_ = _blocks_of(blocks, described, chosen)
        self.means_ = _means_of(self.blocks_, chosen, self.prior_)
        self.log_shares_ = _log_shares(chosen)

    def _scores(self, users: Codes) -> Scores:
        scores: Scores = self.log_shares_ + self.lifts(users).sum(axis=0)
        return scores

    def _predict(self, users: Codes, items: Codes) -> Scores:
        return self._predict_by_rows(users, items)

    def _state(self) -> Artifact:
        artifact = Artifact(self.kind, arrays={"log_shares_": self.log_shares_})
        artifact.settings["prior"] = self.prior_
        artifact.settings["blocks"] = {n: block.n_columns for n, block in self.blocks_.items()}
        for name, block in self.blocks_.items():
            artifact.arrays |= block.to_arrays(name) | {f"mean.{name}": self.means_[name]}
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        arrays, blocks = artifact.arrays, artifact.settings["blocks"]
        self.prior_, self.log_shares_ = float(artifact.settings["prior"]), arrays["log_shares_"]
        self.means_ = {name: arrays[f"mean.{name}"] for name in blocks}
        self.blocks_ = {
            name: ProfileBlock.from_arrays(n_columns, name, arrays)
            for name, n_columns in blocks.items()
        }


def _likeliest_prior(
    blocks: Mapping[str, Array], described: NDArray[np.bool_], chosen: sp.csr_matrix
) -> float:
    """Return the prior with which the choices of a fifth of the users, held out, are likeliest."""
    there = np.flatnonzero(described & (np.diff(chosen.indptr) > 0))
    there = np.random.default_rng(0).permutation(there)[:MAX_USERS]
    held, known = np.split(there, [len(there) // HELD_OUT])
    if not len(held):
        return PRIORS[len(PRIORS) // 2]
    rest = chosen.multiply(np.isin(np.arange(chosen.shape[0]), known)[:, None]).tocsr()
    made, log_shares = _blocks_of(blocks, described, rest), _log_shares(rest)
    reached = []
    for prior in PRIORS:
        means = _means_of(made, rest, prior)
        lifts = sum(block.lift(means[name], held).T for name, block in made.items())
        shares = log_softmax(log_shares + lifts, axis=1)
        reached.append(chosen[held].multiply(shares).sum())
    return PRIORS[int(np.argmax(reached))]


def _blocks_of(
    blocks: Mapping[str, Array], described: NDArray[np.bool_], chosen: sp.csr_matrix
) -> dict[str, ProfileBlock]:
    strength = np.asarray(chosen.sum(axis=1)).ravel()
    return {name: ProfileBlock.of(block, described, strength) for name, block in blocks.items()}


def _means_of(
    blocks: Mapping[str, ProfileBlock], chosen: sp.csr_matrix, prior: float
) -> dict[str, Array]:
    """Return the items' means by block, (n_items, d) float32."""
    by_item = chosen.T.tocsr()
    return {name: b.means(by_item, prior).astype(np.float32) for name, b in blocks.items()}


def _log_shares(chosen: sp.csr_matrix) -> NDArray[np.float64]:
    counts = np.asarray(chosen.sum(axis=0), np.float64).ravel() + 1.0
    logs: NDArray[np.float64] = np.log(counts / counts.sum())
    return logs
