"""Which cluster an item is of: the one whose centre is nearest, also for items to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.index.distance import Distance

FloatArray = NDArray[np.float32]
_BLOCK = 10_000


@dataclass(frozen=True)
class Centres:
    """Clusters by their centres: an item is of the nearest, also one that comes later.

    Attributes
    ----------
    artifact_id : int
        Which clusters these are in the store.
    name : str
        The attribute that holds an item's cluster.
    distance : Distance
        That vectors are prepared with.
    centres : ndarray of shape (k, d), float32
    """

    artifact_id: int
    name: str
    distance: Distance
    centres: FloatArray

    @classmethod
    def from_artifact(
        cls, artifact: Artifact, artifact_id: int, name: str, distance: Distance
    ) -> Self:
        """Rebuild what `to_artifact` wrote."""
        return cls(artifact_id, name, distance, artifact.arrays["centres"])

    def of(self, vectors: FloatArray) -> list[int]:
        """Return the cluster of each vector (n, d)."""
        codes: list[int] = nearest_centre(self.distance.prepare(vectors), self.centres).tolist()
        return codes


def nearest_centre(prepared: FloatArray, centres: FloatArray) -> NDArray[np.int64]:
    """Return which centre (k, d) is nearest to each vector (n, d)."""
    half = np.float32(0.5) * np.einsum("kd,kd->k", centres, centres)
    parts = [
        (prepared[start : start + _BLOCK] @ centres.T - half).argmax(axis=1)
        for start in range(0, len(prepared), _BLOCK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
