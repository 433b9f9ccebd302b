"""Nearest neighbours in memory."""

from vitrine.index.allowed import Allowed
from vitrine.index.distance import DISTANCES, Distance, DistanceName
from vitrine.index.inverted_file import Effort
from vitrine.index.neighbours import (
    EXACT_NUMBERS,
    METHODS,
    Method,
    NearestNeighbours,
    Neighbours,
)

__all__ = [
    "DISTANCES",
    "EXACT_NUMBERS",
    "METHODS",
    "Allowed",
    "Distance",
    "DistanceName",
    "Effort",
    "Method",
    "NearestNeighbours",
    "Neighbours",
]
