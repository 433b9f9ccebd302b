"""Vectors on the plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from vitrine.encoders.base import Encoder

PCA_SAMPLE = 20_000


def project(
    vectors: NDArray[np.float32], chosen: NDArray[np.int64], random_state: int = 0
) -> tuple[NDArray[np.float64], str]:
    """Bring the `chosen` of some vectors onto the plane, and say how in a sentence.

    Parameters
    ----------
    vectors : ndarray of shape (n, d)
    chosen : ndarray of int, shape (m,)
    random_state : int
        Seed of the principal components, where there are very many vectors.

    Returns
    -------
    points : ndarray of shape (m, 2)
    how : str
    """
    d = vectors.shape[1]
    if d == 1:
        line = vectors[chosen].astype(np.float64)
        return np.hstack([line, np.zeros_like(line)]), "The encoder's one dimension."
    if d == 2:
        return vectors[chosen].astype(np.float64), "The encoder's own two dimensions."
    if (vectors == vectors[0]).all():
        return np.zeros((len(chosen), 2)), "All vectors are the same: there is nothing to spread."
    rng = np.random.default_rng(random_state)
    sample = rng.permutation(len(vectors))[:PCA_SAMPLE]
    pca = PCA(2, random_state=random_state).fit(vectors[sample].astype(np.float64))
    points = pca.transform(vectors[chosen].astype(np.float64))
    share = float(pca.explained_variance_ratio_.sum())
    how = (
        f"The first two principal components of the {d} dimensions, which hold {share:.0%} of the "
        "variance: items that lie together here may be far apart in the others."
    )
    return points, how


def spread(encoder: Encoder, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], str]:
    """Bring all vectors of an encoder onto the plane, and say how in a sentence.

    Two dimensions are shown as they are; more as the encoder's distance sees them.

    Parameters
    ----------
    encoder : Encoder
    vectors : ndarray of shape (n, d), float32

    Returns
    -------
    points : ndarray of shape (n, 2), float32
    how : str
    """
    if len(vectors) == 0:
        return np.zeros((0, 2), np.float32), "There are no items."
    seen = encoder.distance_.prepare(vectors) if vectors.shape[1] > 2 else vectors
    points, how = project(seen, np.arange(len(vectors)))
    return points.astype(np.float32), how
