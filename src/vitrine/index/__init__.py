"""Nearest neighbours in memory."""

from vitrine.index.allowed import Allowed
from vitrine.index.distance import DISTANCES, Distance, DistanceName
from vitrine.index.found import Neighbours
from vitrine.index.inverted_file import Effort
from vitrine.index.neighbours import (
    METHODS,
    Method,
    NearestNeighbours,
    is_large,
)

__all__ = [
    "DISTANCES",
    "METHODS",
    "Allowed",
    "Distance",
    "DistanceName",
    "Effort",
    "Method",
    "NearestNeighbours",
    "Neighbours",
    "is_large",
]
