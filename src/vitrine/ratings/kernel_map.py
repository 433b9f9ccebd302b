"""A map from item features to anything known of warm items, for items nobody has rated.

Kernel ridge regression (a Gaussian process's mean) with a kernel of several blocks of features: the
product of ``1 + weight · likeness`` over the blocks, so that each block counts by itself and every
combination of them as well (an ANOVA kernel: Stitson et al., "Support vector regression with ANOVA
decomposition kernels", 1999). Weights and ridge are chosen on warm items held out: a block that
says nothing ends with weight 0. Which of several settings is best is mostly chance on so few items,
so all that come near the best are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from vitrine.progress import task
from vitrine.ratings.features import check_columns

Array = NDArray[Any]
Codes = NDArray[np.int64]
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0)
RIDGES = (0.1, 0.3, 1.0, 4.0, 16.0)
WIDTHS = (0.3, 1.0, 3.0)
"""Of the bells that tell how near two numbers are, in standard deviations of the number."""
NEAR = 0.9
"""Share of the best score from which a setting is averaged with the best."""
LIKED_FROM = 0.5
"""Strength of a choice above which a search by held-out items counts it as liked."""


@dataclass(frozen=True)
class KernelMap:
    """``Π (1 + weight · likeness)`` over blocks, and a ridge.

    Attributes
    ----------
    weights : dict of str to float
        Of each block's likeness.
    ridge : float
        In means of the kernel's diagonal.
    """

    weights: Mapping[str, float]
    ridge: float

    def kernel(self, likeness: Mapping[str, Array]) -> Array:
        """Return the kernel, float32 (n, m), of likeness (n, m) by block."""
        kernel = np.ones_like(next(iter(likeness.values())))
        for name, block in likeness.items():
            if self.weights[name]:
                kernel *= 1 + np.float32(self.weights[name]) * block
        return kernel

    def shares(self, within: Mapping[str, Array], towards: Mapping[str, Array]) -> Array:
        """Return what to multiply known items' values by, (n_known, n_asked).

        Values (q, n_known) @ shares are the expected values of the asked items.

        Parameters
        ----------
        within : dict of str to ndarray of shape (n_known, n_known)
            Likeness of known items to each other.
        towards : dict of str to ndarray of shape (n_known, n_asked)
            And to the asked ones.
        """
        if not any(self.weights.values()):  # every item alike: the mean is all there is to say
            shape = next(iter(towards.values())).shape
            return np.full(shape, 1 / (shape[0] + self.ridge), np.float32)
        kernel = self.kernel(within)
        diagonal = np.diag_indices_from(kernel)
        kernel[diagonal] += np.float32(self.ridge) * kernel[diagonal].mean()
        factor = cho_factor(kernel, lower=True, overwrite_a=True)
        solved: Array = cho_solve(factor, self.kernel(towards))
        return solved


@dataclass(frozen=True, eq=False)
class Described:
    """Features of known items, and how alike they are to each other and to others.

    Two rows of several columns (a picture's vector, categories) are as alike as ``c + c²``, c the
    cosine of their unit-length rows around the known items' mean: categories count alone and in
    pairs. Two numbers are as alike as bells of several widths say, and once more where they are
    equal.

    Attributes
    ----------
    blocks : dict of str to ndarray of shape (n_known, d), float32
    frames : dict of str to ndarray of shape (d,), float32
        What a block's rows are seen from: the mean of its unit-length rows; of a single column, its
        standard deviation.
    """

    blocks: Mapping[str, NDArray[np.float32]]
    frames: Mapping[str, NDArray[np.float32]]

    @classmethod
    def of(cls, blocks: Mapping[str, NDArray[np.float32]]) -> Self:
        """Take the frames from the blocks themselves."""
        frames = {
            name: np.array([block.std() or 1.0], np.float32)
            if block.shape[1] == 1
            else _unit_rows(block).mean(axis=0)
            for name, block in blocks.items()
        }
        return cls(blocks, frames)

    @cached_property
    def likeness(self) -> dict[str, Array]:
        """How alike known items are by block, (n_known, n_known) float32."""
        return self.towards(self.blocks)

    def towards(self, blocks: Mapping[str, NDArray[np.float32]]) -> dict[str, Array]:
        """Return how alike known items are to others, (n_known, n) float32 by block.

        Raises
        ------
        InputError
            If a block is missing or has other columns.
        """
        wanted = {name: block.shape[1] for name, block in self.blocks.items()}
        check_columns(blocks, wanted)
        return {
            name: (_nearness if wanted[name] == 1 else _likeness)(
                self.blocks[name], block, self.frames[name]
            )
            for name, block in blocks.items()
        }


def _likeness(left: Array, right: Array, centre: Array) -> Array:
    """Return ``c + c²`` of the rows' cosines around `centre`."""
    rows, columns = (_unit_rows(_unit_rows(block) - centre) for block in (left, right))
    cosines = rows @ columns.T
    alike: Array = cosines + cosines**2
    return alike


def _nearness(left: Array, right: Array, deviation: Array) -> Array:
    """Return how near numbers are, 0 to one more than there are widths."""
    gaps = ((left - right.T) / deviation) ** 2
    near: Array = (gaps == 0).astype(np.float32)
    for width in WIDTHS:
        near += np.exp(gaps * np.float32(-0.5 / width**2))
    return near


def _unit_rows(block: Array) -> Array:
    rows: Array = block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
    return rows


@dataclass
class KernelSearch:
    """Chooses `KernelMap`s by how well held-out warm items are found by those who liked them.

    Coordinate ascent over `WEIGHTS` and `RIDGES`. Single precision does: no ridge is small.

    Parameters
    ----------
    likeness : dict of str to ndarray of shape (n, n)
    values : sequence of (n_users, n) ndarray, one a fold
        What is mapped; made without the fold's held-out items.
    held_out : sequence of ndarray of int, one a fold
    liked : ndarray of shape (n_users, n), bool
    """

    likeness: Mapping[str, Array]
    values: Sequence[Array]
    held_out: Sequence[Codes]
    liked: NDArray[np.bool_]
    top_n: int = 20
    tried: dict[tuple[float, ...], tuple[float, KernelMap]] = field(default_factory=dict)

    def run(self, n_maps: int = 16) -> list[KernelMap]:
        """Return the best maps found, best first, at most `n_maps`."""
        best = KernelMap(dict.fromkeys(self.likeness, 1.0), RIDGES[2])
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
            {name: block[np.ix_(known, columns)] for name, block in self.likeness.items()}
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
