"""What an encoder has learned, laid beside looks in one vector: each has its share."""

from __future__ import annotations

import numpy as np

from vitrine.encoders.base import FloatArray
from vitrine.index.distance import unit


def beside_looks(learned: FloatArray, looks: FloatArray, looks_share: float) -> FloatArray:
    """Return unit vectors whose cosine is the weighted mean of the parts' cosines.

    Parameters
    ----------
    learned : ndarray of shape (n, c)
        Of length 1.
    looks : ndarray of shape (n, d)
        Of any length.
    looks_share : float
        The weight of looks, 0 to 1.

    Returns
    -------
    ndarray of shape (n, c + d), float32
    """
    parts = np.sqrt(1 - looks_share) * learned, np.sqrt(looks_share) * unit(looks)
    return np.concatenate(parts, axis=1, dtype=np.float32)
