"""What item features say beforehand of items' columns in the Gibbs sampler, weighed block by block.

Macau's prior (Simm et al., "Macau: Scalable Bayesian Factorization with High-dimensional Side
Information using MCMC", 2017): a column of the items is normal around a linear map of their
features. Here every block of features has its own precision in every column, drawn as well: a block
that says nothing is held near zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError

Array = NDArray[Any]
LEAST_SHARE = 1e-6
"""Of a block's greatest squared singular value; directions below say nothing that counts."""


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Turns blocks of features into centred, uncorrelated columns of mean square 1 together.

    A row of a block of several columns is brought to unit length first, so that an item with many
    categories, or a long vector, says no more than another.

    Attributes
    ----------
    centres : dict of str to ndarray of shape (d,), float32
        Means of each block's rows.
    axes : dict of str to ndarray of shape (d, n_kept), float32
        Directions of each block, at most `n_components` of them, with the block's scale.
    """

    centres: Mapping[str, Array]
    axes: Mapping[str, Array]

    @classmethod
    def of(cls, blocks: Mapping[str, Array], n_components: int) -> Self:
        """Learn centres, directions and scales from described items, (n, d) by block."""
        centres, axes = {}, {}
        for name, block in blocks.items():
            rows = _even(block).astype(np.float64)
            centres[name] = rows.mean(axis=0).astype(np.float32)
            spread = rows - centres[name]
            squares, directions = np.linalg.eigh(spread.T @ spread / len(spread))
            order = np.argsort(-squares)[:n_components]
            order = order[squares[order] > LEAST_SHARE * max(squares.max(), 1e-12)]
            scale = np.sqrt(max(squares[order].sum(), 1e-12))
            axes[name] = (directions[:, order] / scale).astype(np.float32)
        return cls(centres, axes)

    def __call__(self, blocks: Mapping[str, Array]) -> dict[str, Array]:
        """Return each block's columns, float64 (n, n_kept).

        Raises
        ------
        InputError
            If a block is missing or has other columns.
        """
        shapes = {name: block.shape[1] for name, block in blocks.items()}
        wanted = {name: len(centre) for name, centre in self.centres.items()}
        if shapes != wanted:
            raise InputError(f"the features are {shapes}, columns by block; fitted were {wanted}")
        return {
            name: (_even(block) - self.centres[name]).astype(np.float64) @ self.axes[name]
            for name, block in blocks.items()
        }


class FeaturePrior:
    """The coefficients of a linear map from features to each of the items' columns.

    A block's columns are orthogonal over the described items, so all coefficients of a block and a
    column of the items are drawn at once, each by itself.

    Parameters
    ----------
    columns : dict of str to ndarray of shape (n_items, d), float64
        Of each block; rows of zeros for items that are not described.
    n_columns : int
        Columns of the items.
    """

    def __init__(self, columns: Mapping[str, Array], n_columns: int) -> None:
        self.columns = columns
        self.squares = {name: np.square(block).sum(axis=0) for name, block in columns.items()}
        self.coefficients = {
            name: np.zeros((n_columns, block.shape[1])) for name, block in columns.items()
        }
        self.precisions = {name: np.ones(n_columns) for name in columns}

    def mean(self) -> Array:
        """Return what the features say of every column of every item, (n_columns, n_items)."""
        parts = [self.coefficients[name] @ block.T for name, block in self.columns.items()]
        total: Array = np.sum(parts, axis=0)
        return total

    def draw(self, values: Array, precision: Array, rng: np.random.Generator) -> None:
        """Draw coefficients and their precisions given the items' columns less the prior's mean.

        Parameters
        ----------
        values : ndarray of shape (n_columns, n_items)
        precision : ndarray of shape (n_columns,)
            Of the items' own columns around the map.
        rng : Generator
        """
        rest = values - self.mean()
        for name, block in self.columns.items():
            old = self.coefficients[name]
            squares = precision[:, None] * self.squares[name]
            pull = precision[:, None] * (rest @ block) + squares * old
            total = squares + self.precisions[name][:, None]
            new = pull / total + rng.standard_normal(old.shape) / np.sqrt(total)
            rest -= (new - old) @ block.T
            self.coefficients[name] = new
            rate = 1.0 + 0.5 * np.square(new).sum(axis=1)
            self.precisions[name] = rng.gamma(1.0 + 0.5 * new.shape[1], 1 / rate)


def _even(block: Array) -> Array:
    """Return rows of unit length; a single column as it is."""
    if block.shape[1] == 1:
        return block
    rows: Array = block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
    return rows
