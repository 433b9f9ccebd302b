"""A map from item features to anything known of warm items, for items nobody has rated.

Kernel ridge regression (a Gaussian process's mean) with one length scale a block of features, all
chosen on warm items held out: a block that says nothing ends with weight 0. Which of several
settings is best is mostly chance on so few items, so all that come near the best are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from vitrine.errors import InputError
from vitrine.progress import task

Array = NDArray[Any]
Codes = NDArray[np.int64]
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
RIDGES = (0.2, 1.0, 5.0, 20.0)
NEAR = 0.9
"""Share of the best score from which a setting is averaged with the best."""


@dataclass(frozen=True)
class KernelMap:
    """``exp(−Σ weight · squared distance)`` over blocks, and a ridge.

    Attributes
    ----------
    weights : dict of str to float
        Of each block; distances are scaled to a mean of 1 first.
    ridge : float
    """

    weights: Mapping[str, float]
    ridge: float

    def kernel(self, distances: Mapping[str, Array]) -> Array:
        """Return the kernel of squared distances (n, m) by block."""
        total = np.zeros_like(next(iter(distances.values())))
        for name, block in distances.items():
            if self.weights[name]:
                total -= np.float32(self.weights[name]) * block
        kernel: Array = np.exp(total, out=total)
        return kernel

    def shares(self, within: Mapping[str, Array], towards: Mapping[str, Array]) -> Array:
        """Return what to multiply known items' values by, (n_known, n_asked).

        Values (q, n_known) @ shares are the expected values of the asked items.

        Parameters
        ----------
        within : dict of str to ndarray of shape (n_known, n_known)
            Squared distances between known items.
        towards : dict of str to ndarray of shape (n_known, n_asked)
            Squared distances from them to the asked ones.
        """
        if not any(self.weights.values()):  # every item alike: the mean is all there is to say
            shape = next(iter(towards.values())).shape
            return np.full(shape, 1 / (shape[0] + self.ridge), np.float32)
        kernel = self.kernel(within)
        kernel[np.diag_indices_from(kernel)] += self.ridge
        factor = cho_factor(kernel, lower=True, overwrite_a=True)
        solved: Array = cho_solve(factor, self.kernel(towards))
        return solved


@dataclass(frozen=True, eq=False)
class Described:
    """Features of known items, and distances between and to them.

    Attributes
    ----------
    blocks : dict of str to ndarray of shape (n_known, d), float32
    scales : dict of str to float
        Mean squared distance of each block, which its distances are divided by.
    """

    blocks: Mapping[str, NDArray[np.float32]]
    scales: Mapping[str, float]

    @classmethod
    def of(cls, blocks: Mapping[str, NDArray[np.float32]]) -> Self:
        """Take the scales from the blocks themselves."""
        means = {name: float(squared_distances(b, b).mean()) for name, b in blocks.items()}
        return cls(blocks, {name: mean if mean > 0 else 1.0 for name, mean in means.items()})

    @cached_property
    def distances(self) -> dict[str, Array]:
        """Squared distances between known items by block, mean 1, (n_known, n_known)."""
        return self.towards(self.blocks)

    def towards(self, blocks: Mapping[str, NDArray[np.float32]]) -> dict[str, Array]:
        """Return squared distances from known items to others, (n_known, n) by block.

        Raises
        ------
        InputError
            If a block is missing or has other columns.
        """
        shapes = {name: block.shape[1] for name, block in blocks.items()}
        wanted = {name: block.shape[1] for name, block in self.blocks.items()}
        if shapes != wanted:
            raise InputError(f"the features are {shapes}, columns by block; fitted were {wanted}")
        return {
            name: squared_distances(self.blocks[name], block) / np.float32(self.scales[name])
            for name, block in blocks.items()
        }


@dataclass
class KernelSearch:
    """Chooses `KernelMap`s by how well held-out warm items are found by those who liked them.

    Coordinate ascent over `WEIGHTS` and `RIDGES`. Single precision does: no ridge is small.

    Parameters
    ----------
    distances : dict of str to ndarray of shape (n, n)
    values : sequence of (n_users, n) ndarray, one a fold
        What is mapped; made without the fold's held-out items.
    held_out : sequence of ndarray of int, one a fold
    liked : ndarray of shape (n_users, n), bool
    """

    distances: Mapping[str, Array]
    values: Sequence[Array]
    held_out: Sequence[Codes]
    liked: NDArray[np.bool_]
    top_n: int = 20
    tried: dict[tuple[float, ...], tuple[float, KernelMap]] = field(default_factory=dict)

    def run(self, n_maps: int = 16) -> list[KernelMap]:
        """Return the best maps found, best first, at most `n_maps`."""
        best = KernelMap(dict.fromkeys(self.distances, 1.0), RIDGES[2])
        score = self.score(best)
        improved = True
        with task("weighing features") as progress:
            while improved:
                improved = False
                for candidate in self._neighbours(best):
                    found = self.score(candidate)
                    progress.advance(note=f"NDCG {score:.3f}")
                    if found > score:
                        best, score, improved = candidate, found, True
        ranked = sorted(self.tried.values(), key=lambda pair: -pair[0])
        return [found for reached, found in ranked if reached >= NEAR * score][:n_maps]

    def _neighbours(self, current: KernelMap) -> list[KernelMap]:
        maps = [replace(current, ridge=ridge) for ridge in RIDGES]
        for name in current.weights:
            maps += [replace(current, weights={**current.weights, name: w}) for w in WEIGHTS]
        return maps

    def score(self, candidate: KernelMap) -> float:
        """Return the mean NDCG of held-out items, ranked among themselves."""
        key = (*candidate.weights.values(), candidate.ridge)
        if key not in self.tried:
            folds = zip(self.values, self.held_out, strict=True)
            reached = float(np.mean([self._fold(candidate, v, h) for v, h in folds]))
            self.tried[key] = reached, candidate
        return self.tried[key][0]

    def _fold(self, candidate: KernelMap, values: Array, held: Codes) -> float:
        known = np.setdiff1d(np.arange(self.liked.shape[1]), held)
        within, towards = (
            {name: d[np.ix_(known, columns)] for name, d in self.distances.items()}
            for columns in (known, held)
        )
        scores = values @ candidate.shares(within, towards)
        return mean_ndcg(scores, self.liked[:, held], self.top_n)


def mean_ndcg(scores: Array, liked: NDArray[np.bool_], top_n: int) -> float:
    """Return the mean NDCG of users who like any of the items, all of them ranked."""
    asked = liked.any(axis=1)
    scores, liked = scores[asked], liked[asked]
    if not len(scores):
        return 0.0
    k = min(top_n, scores.shape[1])
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
    best = np.take_along_axis(best, order, axis=1)
    discounts = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.append(0.0, np.cumsum(discounts))[np.minimum(liked.sum(axis=1), k)]
    return float(np.mean(np.take_along_axis(liked, best, axis=1) @ discounts / ideal))


def squared_distances(left: NDArray[np.float32], right: NDArray[np.float32]) -> Array:
    """Return squared distances between unit-length rows (one column: as it is), (n, m) float32."""
    rows, columns = (_unit_rows(block.astype(np.float64)) for block in (left, right))
    squares = [np.einsum("nd,nd->n", r, r) for r in (rows, columns)]
    distances = squares[0][:, None] + squares[1] - 2 * rows @ columns.T
    positive: Array = np.maximum(distances, 0.0).astype(np.float32)
    return positive


def _unit_rows(block: Array) -> Array:
    if block.shape[1] == 1:
        return block
    rows: Array = block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
    return rows
