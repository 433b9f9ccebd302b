"""What item features say beforehand of items' columns in the Gibbs sampler, weighed block by block.

Macau's prior (Simm et al., "Macau: Scalable Bayesian Factorization with High-dimensional Side
Information using MCMC", 2017): a column of the items is normal around a linear map of their
features. Here every block of features has its own precision in every column, drawn as well: a block
that says nothing is held near zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


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
