"""Nearest neighbours in memory."""

from vitrine.index.distance import DISTANCES, Distance, DistanceName
from vitrine.index.neighbours import METHODS, Method, NearestNeighbours, Neighbours

__all__ = [
    "DISTANCES",
    "METHODS",
    "Distance",
    "DistanceName",
    "Method",
    "NearestNeighbours",
    "Neighbours",
]
