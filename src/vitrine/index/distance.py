"""The three distances between vectors, and how each is computed with BLAS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import OptionError

DistanceName = Literal["euclidean", "standardized", "cosine"]
DISTANCES: tuple[DistanceName, ...] = ("euclidean", "standardized", "cosine")
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Distance:
    """How far apart two vectors are.

    Parameters
    ----------
    name : {"euclidean", "standardized", "cosine"}
        ``euclidean``: the length of the difference. ``standardized``: the same after each
        component is divided by its standard deviation among the fitted vectors. ``cosine``: one
        minus the cosine of the angle, 0 to 2.
    scale : ndarray of shape (d,), optional
        Standard deviations; only for ``standardized``.
    """

    name: DistanceName
    scale: FloatArray | None = None

    def __post_init__(self) -> None:
        if self.name not in DISTANCES:
            raise OptionError(f"distance {self.name!r} is not one of {', '.join(DISTANCES)}")
        if (self.scale is not None) != (self.name == "standardized"):
            raise OptionError("a scale belongs to the standardized distance, and only to it")

    @classmethod
    def fit(cls, name: DistanceName, vectors: FloatArray) -> Self:
        """Return the distance called `name`, its scale measured on `vectors` (n, d)."""
        if name != "standardized":
            return cls(name)
        scale = vectors.std(axis=0, dtype=np.float64)
        # A component that never varies says nothing: it keeps its scale rather than explode.
        return cls(name, np.where(scale > 1e-12, scale, 1.0).astype(np.float32))

    @property
    def metric(self) -> Literal["ip", "l2"]:
        """What prepared vectors are compared by: inner product or squared Euclidean distance."""
        return "ip" if self.name == "cosine" else "l2"

    def prepare(self, vectors: FloatArray) -> FloatArray:
        """Map vectors (n, d) into the space where `metric` ranks them: float32, C order."""
        prepared = np.ascontiguousarray(vectors, dtype=np.float32)
        if self.name == "cosine":
            return unit(prepared)
        if self.scale is not None:
            return np.divide(prepared, self.scale, dtype=np.float32)
        return prepared

    def distances(self, scores: FloatArray) -> FloatArray:
        """Turn scores (higher is nearer: inner product, or minus the squared distance) around."""
        distances: FloatArray
        if self.name == "cosine":
            distances = np.clip(np.float32(1.0) - scores, 0.0, 2.0)
            # Lengths of float32 unit vectors are off by a few 1e-8: nearer than that is equal.
            distances[distances < 3e-7] = 0.0
        else:
            distances = np.sqrt(np.maximum(-scores, np.float32(0.0)))
        return distances

    def similarities(self, distances: FloatArray) -> FloatArray:
        """Return similarities, 1 for equal vectors: the cosine (−1 to 1), or 1 / (1 + distance)."""
        if self.name == "cosine":
            return np.float32(1.0) - distances
        return np.float32(1.0) / (np.float32(1.0) + distances)

    def to_settings(self) -> dict[str, Any]:
        """Return what a manifest holds."""
        scale = None if self.scale is None else [float(value) for value in self.scale]
        return {"name": self.name, "scale": scale}

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Self:
        """Rebuild from `to_settings`."""
        scale = settings["scale"]
        return cls(settings["name"], None if scale is None else np.array(scale, np.float32))


def unit(vectors: FloatArray) -> FloatArray:
    """Scale each row to length 1; a row of zeros stays zero."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))[:, None]
    return np.divide(vectors, np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
