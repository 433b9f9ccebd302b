"""Rows that a filter allows, in a quarter of the bytes, for searches that ask with it again."""

from __future__ import annotations

from math import sqrt

import faiss
import numpy as np
from numpy.typing import NDArray

from vitrine.index.rows import Rows
from vitrine.topk import UNIT_ROUNDOFF, FloatArray, Metric, Positions

_LARGEST = 127
"""A number is a whole one from −127 to 127 times the step of all."""

_NOTHING = 1e-30
"""Vectors of no larger numbers are written down as 0: their step would be none."""

_BLOCK = 1024
"""Rows that are written down at once, in double precision."""


class Compact:
    """Some rows side by side with 8 bits a number (scalar quantisation), as they were once.

    Going through the rows where they lie is waiting for memory: one kilobyte here, one there. These
    are read in one go, and are a quarter as long. How far the written down rows are from the true
    ones is known, so it is known as well what may have been missed.

    Parameters
    ----------
    rows : Rows
    positions : ndarray of shape (n,), int64
        Which of them, one at least.
    metric : {"ip", "l2"}
    """

    def __init__(self, rows: Rows, positions: Positions, metric: Metric) -> None:
        self.version = rows.version
        self._positions, self._metric = positions, metric
        codes = rows.vectors[positions]
        self._step = _step(codes)
        self._off = max(
            float(_encode(codes[start : start + _BLOCK], self._step).max())
            for start in range(0, len(codes), _BLOCK)
        )
        self._longest = sqrt(float(rows.squared_norms[positions].max())) + self._off
        measure = faiss.METRIC_INNER_PRODUCT if metric == "ip" else faiss.METRIC_L2
        # FAISS writes whole numbers down as they are, and compares them as such.
        kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
        self._index = faiss.IndexScalarQuantizer(rows.n_components, kind, measure)
        self._index.add(codes)

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self._positions)

    def candidates(self, queries: FloatArray, m: int) -> tuple[Positions, NDArray[np.float64]]:
        """Return the m likely nearest of each query and a score that no other row exceeds.

        Parameters
        ----------
        queries : ndarray of shape (q, d), float32
        m : int
            At most as many as there are rows.

        Returns
        -------
        positions : ndarray of shape (q, m), int64
        limits : ndarray of shape (q,)
            In the units of the metric; the score of every row that was not returned is below.
        """
        found = np.empty((len(queries), m), np.int64)
        limits = np.empty(len(queries))
        for i, query in enumerate(queries):
            # Distances need the step of the rows; products may have a finer one.
            step = _step(query) if self._metric == "ip" else self._step
            code = query[None].copy()
            off = float(_encode(code, step)[0])
            scores, found[i : i + 1] = self._index.search(code, m)
            limits[i] = self._limit(query, step, off, float(scores[0, -1]))
        return self._positions[found], limits

    def _limit(self, query: FloatArray, step: float, off: float, score: float) -> float:
        """Return what is above the true score of a row whose codes score at most `score`.

        By Cauchy and Schwarz, and by the triangle inequality; with Higham's bound for what single
        precision rounds away, as in `vitrine.topk.nearest`.
        """
        length = sqrt(float(np.dot(query.astype(np.float64), query)))
        unit = (len(query) + 8) * UNIT_ROUNDOFF
        if self._metric == "ip":
            bound = length * self._off + off * self._longest + unit * length * self._longest
            return step * self._step * score + bound
        apart = self._step * sqrt(score) - off - self._off - unit * (length + self._longest)
        return -(max(0.0, apart) ** 2)


def _step(vectors: FloatArray) -> float:
    """Return the step with which the largest number is written down."""
    largest = float(max(vectors.max(initial=0), -vectors.min(initial=0)))
    return largest / _LARGEST if largest > _NOTHING else 1.0


def _encode(vectors: FloatArray, step: float) -> NDArray[np.float64]:
    """Write vectors (n, d) down in place; return how far each is off, (n,)."""
    true = vectors.astype(np.float64)
    vectors /= np.float32(step)
    np.clip(np.rint(vectors, out=vectors), -_LARGEST, _LARGEST, out=vectors)
    true -= np.multiply(vectors, step, dtype=np.float64)
    off: NDArray[np.float64] = np.sqrt(np.einsum("nd,nd->n", true, true))
    return off
