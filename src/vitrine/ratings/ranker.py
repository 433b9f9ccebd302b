"""A small network that puts lists of candidates in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from vitrine.progress import track
from vitrine.ratings.adam import Adam, one_cycle

Array = NDArray[Any]
LISTS_AT_ONCE = 100
RATE, DECAY = 0.003, 0.001
DROPOUT = 0.2
NONE = -1e9
"""Score of what does not take part in a sum of exponentials."""


class Lists(NamedTuple):
    """What the network learns from: candidates of which some turned out to be chosen.

    Attributes
    ----------
    columns : ndarray of shape (n_lists, n_candidates, n_columns), float32
    chosen, eligible : ndarray of shape (n_lists, n_candidates), bool
        Which were chosen, and which could have been; what is neither does not count.
    shares : ndarray of shape (n_lists,), float32
        How much each of a list's chosen candidates counts.
    """

    columns: Array
    chosen: Array
    eligible: Array
    shares: Array


@dataclass(frozen=True, eq=False)
class Ranker:
    """The mean of some networks, each a linear part and one hidden layer beside it.

    Each chosen candidate is to be found among the list's candidates that were not chosen: the
    conditional logit of McFadden, "Conditional Logit Analysis of Qualitative Choice Behavior",
    1974, of which ListNet's likelihood of the first place is a case (Cao et al., "Learning to Rank:
    From Pairwise Approach to Listwise Approach", 2007).

    Attributes
    ----------
    linear : ndarray of shape (n_networks, n_columns), float32
    into : ndarray of shape (n_networks, n_columns + 1, n_hidden), float32
        The last row is what each unit starts from.
    out : ndarray of shape (n_networks, n_hidden), float32
    """

    linear: Array
    into: Array
    out: Array

    @classmethod
    def learn(
        cls,
        lists: Sequence[Lists],
        start: Array,
        *,
        n_hidden: int,
        n_networks: int,
        n_epochs: int,
        rng: np.random.Generator,
    ) -> Self:
        """Learn from lists; where there are none, the scores are the columns times `start`.

        Parameters
        ----------
        lists : sequence of Lists
            Those of a part have as many candidates each.
        start : ndarray of shape (n_columns,), float32
            What the linear parts start from.
        n_hidden, n_networks, n_epochs : int
        rng : Generator
        """
        made = [_Network(start, n_hidden, rng) for _ in range(n_networks)]
        joined = [np.concatenate(part) for part in zip(*lists, strict=True)]
        useful = np.flatnonzero(joined[1].any(axis=1)) if joined else np.empty(0, np.int64)
        n_batches = -(-len(useful) // LISTS_AT_ONCE)
        steps = n_epochs * n_batches
        for number in track(range(steps), "learning to rank"):
            if number % n_batches == 0:
                batches = np.array_split(rng.permutation(useful), n_batches)
            batch = Lists(*(part[batches[number % n_batches]] for part in joined))
            for network in made:
                network.step(batch, one_cycle(RATE, number / steps), rng)
        return cls(*(np.stack(each) for each in zip(*(n.weights() for n in made), strict=True)))

    def __call__(self, columns: Array) -> Array:
        """Return the score of each candidate, (…), from its columns (…, n_columns)."""
        total = np.zeros(columns.shape[:-1], np.float32)
        for linear, into, out in zip(self.linear, self.into, self.out, strict=True):
            total += columns @ linear + np.maximum(columns @ into[:-1] + into[-1], 0) @ out
        scores: Array = total / np.float32(len(self.linear))
        return scores

    def to_arrays(self) -> dict[str, Array]:
        """Return what `from_arrays` needs."""
        return {"ranker.linear": self.linear, "ranker.into": self.into, "ranker.out": self.out}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Rebuild from arrays, among which may be others."""
        return cls(*(arrays[f"ranker.{name}"] for name in ("linear", "into", "out")))


class _Network:
    def __init__(self, start: Array, n_hidden: int, rng: np.random.Generator) -> None:
        border = len(start) ** -0.5
        into = rng.uniform(-border, border, (len(start) + 1, n_hidden)).astype(np.float32)
        self.linear = Adam(start.astype(np.float32), DECAY)
        self.into = Adam(into, DECAY)
        self.out = Adam(np.zeros(n_hidden, np.float32), DECAY)
        self.number = 0

    def weights(self) -> tuple[Array, Array, Array]:
        return self.linear.values, self.into.values, self.out.values

    def step(self, batch: Lists, rate: float, rng: np.random.Generator) -> None:
        rows = batch.columns.reshape(-1, batch.columns.shape[-1])
        kept = rng.random((len(rows), len(self.out.values)), np.float32) >= DROPOUT
        _, gradients = self.gradients(batch, kept.astype(np.float32) / np.float32(1 - DROPOUT))
        self.number += 1
        for parameter, gradient in zip((self.linear, self.into, self.out), gradients, strict=True):
            parameter.step(gradient, rate, self.number)

    def gradients(self, batch: Lists, kept: Array) -> tuple[float, tuple[Array, Array, Array]]:
        """Return the mean loss of the lists, and its gradient in each parameter.

        `kept`, (n_lists · n_candidates, n_hidden), multiplies what the hidden units say.
        """
        rows = batch.columns.reshape(-1, batch.columns.shape[-1])
        linear, into, out = self.weights()
        hidden = np.maximum(rows @ into[:-1] + into[-1], 0) * kept
        scores = (rows @ linear + hidden @ out).reshape(batch.chosen.shape)
        others = np.where(batch.eligible & ~batch.chosen, scores, np.float32(NONE))
        rivals = logsumexp(others, axis=1, keepdims=True)
        lost = np.where(batch.chosen, np.logaddexp(scores, rivals) - scores, 0)
        shares = batch.shares[:, None] / np.float32(len(scores))
        missing = np.where(batch.chosen, -np.expm1(-lost), 0) * shares  # what is left to 1
        pushed = np.exp(others - rivals) * missing.sum(axis=1, keepdims=True)
        at_scores = (pushed - missing).astype(np.float32).reshape(-1)
        at_hidden = at_scores[:, None] * out * kept * (hidden > 0)
        at_into = np.concatenate([rows.T @ at_hidden, at_hidden.sum(axis=0, keepdims=True)])
        loss = float((lost * shares).sum(dtype=np.float64))
        return loss, (rows.T @ at_scores, at_into, hidden.T @ at_scores)
