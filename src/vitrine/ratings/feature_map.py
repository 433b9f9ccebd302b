"""Blocks of item features as centred, uncorrelated columns, for maps that are linear in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.ratings.features import check_columns, hats

Array = NDArray[Any]
LEAST_SHARE = 1e-6
"""Of a block's greatest squared singular value; directions below say nothing that counts."""
N_KNOTS = 12
"""Of the hats that a number is told by."""
PARTS = ("categories", "knots", "centres", "axes")


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Turns blocks of features into centred, uncorrelated columns of mean square 1 together.

    Rows of 0 and 1 are brought to unit length first, so that an item with many categories says no
    more than another. A single number becomes a hat function for each of `N_KNOTS` quantiles, 1
    there and 0 from its neighbours on (the basis of a linear spline), so that what is learned of it
    may be any curve. Other rows, such as pictures' vectors, stay as they are.

    Attributes
    ----------
    categories : frozenset of str
        Blocks of several columns of 0 and 1.
    knots : dict of str to ndarray of shape (n_knots,), float32
        Ascending, of each block of a single number.
    centres : dict of str to ndarray of shape (d,), float64
        Means of each block's rows.
    axes : dict of str to ndarray of shape (d, n_kept), float32
        Directions of each block, at most `n_components` of them, with the block's scale.
    """

    categories: frozenset[str]
    knots: Mapping[str, Array]
    centres: Mapping[str, Array]
    axes: Mapping[str, Array]

    @classmethod
    def of(cls, blocks: Mapping[str, Array], n_components: int) -> Self:
        """Learn knots, centres, directions and scales from described items, (n, d) by block."""
        several = {name: block for name, block in blocks.items() if block.shape[1] > 1}
        categories = frozenset(n for n, b in several.items() if ((b == 0) | (b == 1)).all())
        quantiles = np.linspace(0, 1, N_KNOTS)
        knots = {
            name: np.unique(np.quantile(block, quantiles)).astype(np.float32)
            for name, block in blocks.items()
            if name not in several
        }
        bare = cls(categories, knots, {}, {})
        centres, axes = {}, {}
        for name, block in blocks.items():
            rows = bare._rows(name, block)
            centres[name] = rows.mean(axis=0)
            spread = rows - centres[name]
            squares, directions = np.linalg.eigh(spread.T @ spread / len(spread))
            order = np.argsort(-squares)[:n_components]
            order = order[squares[order] > LEAST_SHARE * max(squares.max(), 1e-12)]
            scale = np.sqrt(max(squares[order].sum(), 1e-12))
            axes[name] = (directions[:, order] / scale).astype(np.float32)
        return cls(categories, knots, centres, axes)

    def __call__(self, blocks: Mapping[str, Array]) -> dict[str, Array]:
        """Return each block's columns, float64 (n, n_kept).

        Raises
        ------
        InputError
            If a block is missing or has other columns.
        """
        check_columns(
            blocks, {n: 1 if n in self.knots else len(c) for n, c in self.centres.items()}
        )
        return {
            name: (self._rows(name, block) - self.centres[name]) @ self.axes[name]
            for name, block in blocks.items()
        }

    def to_arrays(self) -> dict[str, Array]:
        """Return what `from_arrays` needs, by names that no block can have."""
        marks = {name: np.ones(1, np.int8) for name in self.categories}
        parts = dict(zip(PARTS, (marks, self.knots, self.centres, self.axes), strict=True))
        return {f"{part}.{n}": array for part, held in parts.items() for n, array in held.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """Rebuild a map from arrays, among which may be others."""
        marks, knots, centres, axes = (
            {n.removeprefix(f"{p}."): a for n, a in arrays.items() if n.startswith(f"{p}.")}
            for p in PARTS
        )
        return cls(frozenset(marks), knots, centres, axes)

    def _rows(self, name: str, block: Array) -> Array:
        """Return a block's rows before they are centred, float64."""
        if name in self.knots:
            return hats(block, self.knots[name])
        rows: Array = block.astype(np.float64)
        if name in self.categories:
            rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return rows
