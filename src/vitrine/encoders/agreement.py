"""Probabilities of categories and looks in one vector: nearest is who most likely agrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import FloatArray
from vitrine.encoders.beside_looks import beside_looks
from vitrine.index.distance import unit

_N_OWN = 64
"""Numbers in which a vector keeps to itself what it is unsure of."""

_WIDTH = 0.3
"""Distance of unit vectors of looks beyond which two pictures' own directions hardly meet."""


@dataclass(frozen=True)
class Agreement:
    """Vectors in three parts, whose cosine is the chance of agreeing, beside the looks' cosine.

    The product of two pictures' probabilities is the chance that both are of one category, each
    judged by itself. It is largest beside pictures that are sure, so an unsure one does not end up
    among the unsure, as it would by the angle between probabilities. For the whole to be of length
    1 all the same, what probabilities lack to it goes into directions of the picture's own: random
    Fourier features of its look, at right angles to another's unless they look nearly the same.
    The third part is the look.

    Attributes
    ----------
    looks_share : float
        Share of the looks' cosine, 0 to below 1.
    frequencies : ndarray of shape (d, 32), float32, or None
        Of the random Fourier features. None in encoders that were fitted before there were any:
        their vectors hold the probabilities' roots and the look, and go on doing so.

    References
    ----------
    A. Rahimi and B. Recht. Random features for large-scale kernel machines. NIPS 2007.
    """

    looks_share: float
    frequencies: NDArray[np.float32] | None

    @classmethod
    def draw(cls, n_features: int, looks_share: float, random_state: int) -> Self:
        """Draw the frequencies for looks of `n_features` numbers."""
        rng = np.random.default_rng(random_state)
        drawn = rng.standard_normal((n_features, _N_OWN // 2), np.float32)
        return cls(looks_share, drawn / np.float32(_WIDTH))

    @property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """What is kept in an artifact, by name."""
        return {} if self.frequencies is None else {"frequencies": self.frequencies}

    def vectors(self, shares: FloatArray, looks: FloatArray) -> FloatArray:
        """Return vectors of length 1, float32 (n, C + 64 + d), by roots (n, C + d).

        Parameters
        ----------
        shares : ndarray of shape (n, C)
            The categories' probabilities.
        looks : ndarray of shape (n, d)
            Of any length above 0.
        """
        looks = unit(looks)
        if self.frequencies is None:
            known = [np.sqrt(shares)]
        else:
            angles = looks @ self.frequencies
            own = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
            lacking = np.maximum(1 - np.square(shares).sum(axis=1, keepdims=True), 0)
            known = [shares, own * np.sqrt(lacking / (_N_OWN // 2))]
        return beside_looks(np.concatenate(known, axis=1), looks, self.looks_share)

    def shares_of(self, vectors: FloatArray, n_classes: int) -> FloatArray:
        """Return the probabilities (n, C) that `vectors` was given, from what it returned."""
        shares: FloatArray = vectors[:, :n_classes] / np.float32(np.sqrt(1 - self.looks_share))
        return np.square(shares) if self.frequencies is None else shares
