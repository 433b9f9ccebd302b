"""A network that corrects a ranking by what else is known of a user and an item."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from vitrine.progress import track
from vitrine.ratings.adam import Adam, one_cycle

Array = NDArray[Any]
BATCH = 64


@dataclass(frozen=True, eq=False)
class Told:
    """What the network is told of some users and, for each, of some items.

    Attributes
    ----------
    base : ndarray of shape (q, n), float32
        Scores of the ranking that is corrected.
    pairs : ndarray of shape (q, n, p), float32
        Of user and item together.
    items : ndarray of shape (n, i) or (q, n, i), float32
        The same for all users, or where each user has items of his own.
    users : ndarray of shape (q, u), float32
        All of these about of variance 1.
    """

    base: Array
    pairs: Array
    items: Array
    users: Array

    def among(self, candidates: Array) -> Told:
        """Return what is told of each user's candidates alone, (q, n_candidates) of int64."""
        base = np.take_along_axis(self.base, candidates, axis=1)
        pairs = np.take_along_axis(self.pairs, candidates[:, :, None], axis=1)
        return Told(base, pairs, self.items[candidates], self.users)

    def take(self, rows: Array) -> Told:
        """Return what is told of only these users, where each has items of his own."""
        return Told(self.base[rows], self.pairs[rows], self.items[rows], self.users[rows])

    @classmethod
    def joined(cls, parts: list[Told]) -> Told:
        """Return all users of several parts; each has as many items of his own."""
        each = [[getattr(part, name.name) for part in parts] for name in fields(cls)]
        return cls(*(np.concatenate(arrays) for arrays in each))


@dataclass(frozen=True, eq=False)
class SecondStage:
    """Adds to a score what a small network, and a linear sum, make of what else is known.

    Attributes
    ----------
    by_pair : ndarray of shape (p, n_hidden), float32
    by_item : ndarray of shape (i, n_hidden), float32
    by_user : ndarray of shape (u, n_hidden), float32
    shift, out : ndarray of shape (n_hidden,), float32
    linear_pair : ndarray of shape (p,), float32
    linear_item : ndarray of shape (i,), float32
    scale : ndarray of shape (1,), float32
        Of the score.
    """

    by_pair: Array
    by_item: Array
    by_user: Array
    shift: Array
    out: Array
    linear_pair: Array
    linear_item: Array
    scale: Array

    @classmethod
    def untaught(cls, told: Told, n_hidden: int, rng: np.random.Generator) -> Self:
        """Return one that leaves every ranking as it is, for what is told so."""
        n_pair, n_item, n_user = (each.shape[-1] for each in (told.pairs, told.items, told.users))
        deviation = (n_pair + n_item + n_user) ** -0.5

        def normal(n: int) -> Array:
            return rng.normal(0, deviation, (n, n_hidden)).astype(np.float32)

        def zeros(n: int) -> Array:
            return np.zeros(n, np.float32)

        scale = np.ones(1, np.float32)
        return cls(
            normal(n_pair), normal(n_item), normal(n_user), zeros(n_hidden), zeros(n_hidden),
            zeros(n_pair), zeros(n_item), scale,
        )  # fmt: skip

    def scores(self, told: Told) -> Array:
        """Return the corrected scores, float32 (q, n)."""
        return self._scored(told, self._hidden(told))

    def _hidden(self, told: Told) -> Array:
        hidden: Array = told.pairs @ self.by_pair
        hidden += told.items @ self.by_item
        hidden += (told.users @ self.by_user + self.shift)[:, None]
        return np.tanh(hidden, out=hidden)

    def _scored(self, told: Told, hidden: Array) -> Array:
        scores: Array = hidden @ self.out + told.pairs @ self.linear_pair
        scores += told.items @ self.linear_item + self.scale * told.base
        return scores

    def teach(
        self,
        told: Told,
        wanted: Array,
        n_epochs: int,
        learning_rate: float,
        weight_decay: float,
        rng: np.random.Generator,
    ) -> None:
        """Learn, in place, to rank first what users chose (ListNet's loss, of the top one).

        Cao, Qin, Liu, Tsai and Li, "Learning to Rank: From Pairwise Approach to Listwise Approach",
        2007: the cross entropy between each user's choices and the softmax of the scores.

        Parameters
        ----------
        told : Told
            Of the candidates among which users chose.
        wanted : ndarray of shape (q, n), float32
            How strongly each was chosen, 0 where it was not; no row is all 0.
        n_epochs : int
        learning_rate : float
            The highest.
        weight_decay : float
            Of all but the score's scale.
        rng : Generator
        """
        held = [Adam(getattr(self, each.name), weight_decay) for each in fields(self)]
        held[-1] = Adam(self.scale, 0.0)
        batches = -(-len(wanted) // BATCH)
        n_steps = n_epochs * batches
        for number in track(range(n_steps), "learning to rank candidates"):
            if number % batches == 0:
                order = rng.permutation(len(wanted))
            rows = order[number % batches :: batches]
            gradients = self._gradients(told.take(rows), wanted[rows])
            rate = one_cycle(learning_rate, number / n_steps)
            for parameter, gradient in zip(held, gradients, strict=True):
                parameter.step(gradient, rate, number + 1)

    def _gradients(self, told: Told, wanted: Array) -> list[Array]:
        """Return the mean loss's gradient in each attribute, in their order."""
        hidden = self._hidden(told)
        scores = self._scored(told, hidden)
        at = np.exp(log_softmax(scores, axis=1)) * wanted.sum(axis=1, keepdims=True) - wanted
        at = (at / len(wanted)).astype(np.float32)
        at_hidden = at[:, :, None] * self.out * (1 - hidden**2)
        by_user = at_hidden.sum(axis=1)
        both = ([0, 1], [0, 1])
        return [
            np.tensordot(told.pairs, at_hidden, both),
            np.tensordot(told.items, at_hidden, both),
            told.users.T @ by_user,
            by_user.sum(axis=0),
            np.tensordot(at, hidden, both),
            np.tensordot(at, told.pairs, both),
            np.tensordot(at, told.items, both),
            np.array([np.vdot(at, told.base)], np.float32),
        ]
