"""What a search for nearest neighbours finds."""

from __future__ import annotations

from dataclasses import dataclass

from vitrine.topk import FloatArray, Positions


@dataclass(frozen=True)
class Neighbours:
    """What was found for q queries.

    Attributes
    ----------
    positions : ndarray of shape (q, k), int64
        Rows of the index, nearest first, equally near ones in order of position; −1 at the end of a
        row for which fewer than k are allowed.
    distances : ndarray of shape (q, k), float32
        In the units of the index's `Distance`; inf where the position is −1.
    similarities : ndarray of shape (q, k), float32
        1 for equal vectors, less for others, see `Distance.similarities`; −inf where the position
        is −1.
    """

    positions: Positions
    distances: FloatArray
    similarities: FloatArray
