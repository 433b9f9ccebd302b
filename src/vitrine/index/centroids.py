"""Centroids that share vectors out evenly: k-means whose crowded groups are split."""

from __future__ import annotations

import faiss
import numpy as np
from numpy.typing import NDArray

from vitrine.topk import FloatArray

_ROUNDS = 3
_FIRST_STEPS, _STEPS = 4, 2
_SPARSE = 0.35
"""A centroid with a smaller share of the mean's vectors is put elsewhere; from 0.6 on, all rounds
moved too many."""


def even_centroids(sample: FloatArray, n: int, seed: int) -> FloatArray:
    """Return n centroids (n, d) for a sample of vectors.

    k-means from random vectors often gives one cluster two centroids and five clusters one between
    them. That one is near to everything, so every search goes through its long list. Here the
    centroids of short lists are moved into the longest ones, a few times over: of a million
    vectors in 2,000 clusters the two lists nearest to a query then held 1,500 instead of 4,800.

    Parameters
    ----------
    sample : ndarray of shape (m, d), float32
        At least n.
    n : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    centroids = _steps(sample, n, seed, _FIRST_STEPS, None)
    for _ in range(_ROUNDS):
        moved = _moved(sample, centroids, rng)
        if moved is None:
            break
        centroids = _steps(sample, n, seed, _STEPS, moved)
    return centroids


def _steps(
    sample: FloatArray, n: int, seed: int, steps: int, start: FloatArray | None
) -> FloatArray:
    kmeans = faiss.Clustering(sample.shape[1], n)
    kmeans.seed, kmeans.niter = seed, steps
    kmeans.min_points_per_centroid, kmeans.max_points_per_centroid = 1, len(sample)
    if start is not None:
        faiss.copy_array_to_vector(start.ravel(), kmeans.centroids)
    kmeans.train(sample, faiss.IndexFlatL2(sample.shape[1]))
    centroids: FloatArray = faiss.vector_to_array(kmeans.centroids).reshape(n, -1)
    return centroids


def _moved(
    sample: FloatArray, centroids: FloatArray, rng: np.random.Generator
) -> FloatArray | None:
    """Return centroids with those of few vectors moved to where many are; None if none is."""
    index = faiss.IndexFlatL2(sample.shape[1])
    index.add(centroids)
    own: NDArray[np.int64] = index.search(sample, 1)[1].ravel()
    counts = np.bincount(own, minlength=len(centroids))
    mean = len(sample) / len(centroids)
    free = np.flatnonzero(counts < _SPARSE * mean).tolist()
    parts = np.maximum(0, np.round(counts / mean).astype(np.int64) - 1)
    moved = centroids.copy()
    for crowded in np.argsort(-counts, kind="stable"):
        if not parts[crowded] or not free:
            break
        members = np.flatnonzero(own == crowded)
        for member in rng.choice(members, min(int(parts[crowded]), len(free)), replace=False):
            moved[free.pop()] = sample[member]
    return None if np.array_equal(moved, centroids) else moved
