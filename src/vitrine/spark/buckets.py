"""Cells that vectors fall into, by k-means over a sample of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.index.distance import Distance
from vitrine.spark.vectors import VectorTable, stacked
from vitrine.topk import blocked_top_k

FloatArray = NDArray[np.float32]
SAMPLE_A_BUCKET = 64
_ITERATIONS = 20


@dataclass(frozen=True)
class Buckets:
    """The cells' centres.

    Attributes
    ----------
    centres : ndarray of shape (n_buckets, d), float32
    distance : Distance
    n_probes : int
        How many of the nearest cells a vector asks.
    """

    centres: FloatArray
    distance: Distance
    n_probes: int

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.centres.shape[1])

    def nearest(self, vectors: FloatArray) -> NDArray[np.int64]:
        """Return the numbers of the cells that vectors ask, nearest first, (n, n_probes).

        The first is the cell that a vector itself falls into.
        """
        if len(self) == 1:
            return np.zeros((len(vectors), 1), np.int64)
        prepared = self.distance.prepare(vectors)
        return blocked_top_k(prepared, self.centres, self.n_probes, "l2")[0]


def fit_buckets(vectors: VectorTable, n_buckets: int, n_probes: int, random_state: int) -> Buckets:
    """Find the cells from a sample; fewer where the sample has fewer vectors.

    Parameters
    ----------
    vectors : VectorTable
    n_buckets : int
        0 or 1: a single cell.
    n_probes : int
    random_state : int
    """
    if n_buckets < 2:
        return Buckets(np.zeros((1, vectors.dimensions), np.float32), vectors.distance, 1)
    from faiss import Kmeans

    wanted = SAMPLE_A_BUCKET * n_buckets
    share = min(1.0, 1.2 * wanted / max(1, vectors.table.count()))
    sample = (
        vectors.table.sample(share, seed=random_state).limit(wanted) if share < 1 else vectors.table
    )
    rows = sample.toArrow()
    prepared = vectors.distance.prepare(stacked(rows, vectors.dimensions))
    found = min(n_buckets, len(prepared))
    kmeans = Kmeans(
        vectors.dimensions,
        found,
        niter=_ITERATIONS,
        seed=random_state + 1,  # faiss takes 0 for none
        min_points_per_centroid=1,
        max_points_per_centroid=4 * SAMPLE_A_BUCKET,
    )
    kmeans.train(prepared)
    return Buckets(kmeans.centroids, vectors.distance, min(n_probes, found))
