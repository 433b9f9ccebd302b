"""Which parts of a picture carry its similarity, found by covering them one after the other.

M. D. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks" (2014),
section 4.2, with the similarity to a vector in the place of a class's probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import Encoder
from vitrine.encoders.preprocessing import Picture

CELLS = 8
COVER = 2


@dataclass(frozen=True)
class Occlusion:
    """What covering each part of a picture does to its similarity.

    Attributes
    ----------
    losses : ndarray of shape (8, 8), float32
        By how much covering that part lowers the similarity, 0 or more; rows from the top.
    similarity : float
        Of the whole picture.
    lowest : float
        With the part covered that carries most.
    """

    losses: NDArray[np.float32]
    similarity: float
    lowest: float


def occlude(encoder: Encoder, picture: Picture, vector: NDArray[np.float32]) -> Occlusion:
    """Cover a picture part by part and see how much of its similarity to a vector goes.

    A square of 2×2 of the 8×8 cells is covered with the picture's median colour, mostly the
    ground's, and moved by one cell; a cell's loss is the mean over the squares that cover it.

    Parameters
    ----------
    encoder : Encoder
    picture : ndarray of uint8, (h, w) or (h, w, 3)
    vector : ndarray of shape (d,), float32
    """
    squares = [
        (row, column) for row in range(1 - COVER, CELLS) for column in range(1 - COVER, CELLS)
    ]
    variants = [picture, *(_covered(picture, row, column) for row, column in squares)]
    prepared = [encoder.preprocessing_.prepare(variant) for variant in variants]
    similarities = _similarities(encoder, encoder.transform(prepared), vector)
    whole, covered = float(similarities[0]), similarities[1:]
    losses, counts = np.zeros((CELLS, CELLS)), np.zeros((CELLS, CELLS))
    for (row, column), similarity in zip(squares, covered.tolist(), strict=True):
        rows, columns = slice(max(row, 0), row + COVER), slice(max(column, 0), column + COVER)
        losses[rows, columns] += whole - similarity
        counts[rows, columns] += 1
    kept = np.maximum(losses / counts, 0).astype(np.float32)
    return Occlusion(kept, whole, float(min(covered.min(), whole)))


def _covered(picture: Picture, row: int, column: int) -> Picture:
    height, width = picture.shape[:2]
    top, bottom = _edge(row, height), _edge(row + COVER, height)
    left, right = _edge(column, width), _edge(column + COVER, width)
    copy = picture.copy()
    copy[top:bottom, left:right] = np.median(picture, axis=(0, 1)).astype(np.uint8)
    return copy


def _edge(cell: int, length: int) -> int:
    return round(min(max(cell, 0), CELLS) * length / CELLS)


def _similarities(
    encoder: Encoder, vectors: NDArray[np.float32], vector: NDArray[np.float32]
) -> NDArray[np.float32]:
    distance = encoder.distance_
    prepared, target = distance.prepare(vectors), distance.prepare(vector[None])[0]
    if distance.metric == "ip":
        scores = prepared @ target
    else:
        scores = -np.square(prepared - target).sum(axis=1)
    return distance.similarities(distance.distances(scores))
