"""Nearest neighbours among a catalogue's vectors, with filters, upserts and deletes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance
from vitrine.index.rows import Rows
from vitrine.topk import FloatArray, Positions, blocked_top_k, check_k, squared_lengths

Method = Literal["auto", "exact", "faiss"]
METHODS: tuple[Method, ...] = ("auto", "exact", "faiss")


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


class NearestNeighbours:
    """Finds the nearest of many vectors, exactly or nearly so.

    Positions are row numbers: 0, 1, … in the order of `build` and `upsert`. A removed row keeps its
    position, and is never returned until it is upserted again. Searches may run in several threads
    at once; `build`, `upsert` and `remove` must have the index to themselves.

    Parameters
    ----------
    distance : Distance
        How vectors are compared.
    method : {"auto", "exact", "faiss"}
        ``exact``: BLAS over all rows. ``faiss``: an inverted file that looks at the likely part of
        the rows (recall@10 tuned to 0.99 or more). ``auto``: exact while that is fast.
    random_state : int
        Seeds the training of the inverted file.
    """

    def __init__(
        self, distance: Distance, *, method: Method = "auto", random_state: int = 0
    ) -> None:
        if method not in METHODS:
            raise OptionError(f"method {method!r} is not one of {', '.join(METHODS)}")
        self.distance = distance
        self.method = method
        self.random_state = random_state
        self._rows: Rows | None = None

    @property
    def exact(self) -> bool:
        """Whether every search looks at every allowed row."""
        return True

    def __len__(self) -> int:
        """Positions in use; removed rows count."""
        return 0 if self._rows is None else len(self._rows)

    def build(self, vectors: FloatArray) -> Self:
        """Hold the rows of `vectors` (n, d) and nothing else.

        Raises
        ------
        InputError
            If they are not (n, d), or one holds NaN, infinity or a number too large to be squared.
        """
        prepared = self._prepare(vectors, None)
        rows = Rows(prepared.shape[1])
        rows.put(np.arange(len(prepared)), prepared)
        self._rows = rows
        return self

    def upsert(self, positions: Positions, vectors: FloatArray) -> None:
        """Overwrite rows, or append them; they are found from the next search on.

        Parameters
        ----------
        positions : ndarray of shape (m,), int64
            Any in use, and new ones that continue them without a gap. Of several equal ones the
            last wins.
        vectors : ndarray of shape (m, d), float32

        Raises
        ------
        InputError
            As `build`, or if a position leaves a gap. Nothing is changed then.
        """
        positions = np.asarray(positions, np.int64)
        prepared = self._prepare(vectors, self._rows)
        if positions.shape != (len(prepared),):
            raise InputError(f"{positions.shape} positions do not fit {len(prepared)} vectors")
        rows = self._rows if self._rows is not None else Rows(prepared.shape[1])
        rows.put(positions, prepared)
        self._rows = rows

    def remove(self, positions: Positions) -> None:
        """Take rows out; they are not found from the next search on.

        Raises
        ------
        InputError
            If there is no such position.
        """
        if self._rows is None:
            raise InputError("nothing can be removed from an empty index")
        self._rows.remove(np.asarray(positions, np.int64))

    def search(
        self,
        queries: FloatArray,
        k: int,
        allowed: NDArray[np.bool_] | None = None,
        exclude: Positions | None = None,
    ) -> Neighbours:
        """Return the k nearest rows of each query; exactly k wherever k are allowed.

        Parameters
        ----------
        queries : ndarray of shape (q, d), float32
        k : int
        allowed : ndarray of shape (n,), bool, optional
            Which rows may be returned, n = ``len(index)``.
        exclude : ndarray of shape (q,), int64, optional
            One position a query that may not be returned, such as its own; −1: none.

        Raises
        ------
        InputError
            If a shape does not fit, or a query holds NaN, infinity or too large a number.
        OptionError
            If k is under 1.
        """
        check_k(k)
        prepared = self._prepare(queries, self._rows)
        if self._rows is None:
            return self._neighbours(
                np.full((len(prepared), k), -1), np.full((len(prepared), k), -np.inf, np.float32)
            )
        rows = self._rows
        mask = _both(rows.live, allowed)
        return self._neighbours(
            *blocked_top_k(
                prepared,
                rows.vectors,
                k,
                self.distance.metric,
                allowed=mask,
                exclude=exclude,
                squared_norms=rows.squared_norms,
            )
        )

    def _prepare(self, vectors: FloatArray, rows: Rows | None) -> FloatArray:
        if vectors.ndim != 2 or (rows is not None and vectors.shape[1] != rows.n_components):
            wanted = "d" if rows is None else rows.n_components
            raise InputError(f"vectors must be (n, {wanted}), not {vectors.shape}")
        if not np.isfinite(squared_lengths(np.asarray(vectors, np.float32))).all():
            raise InputError("a vector holds NaN, infinity or a number too large to be squared")
        return self.distance.prepare(vectors)

    def _neighbours(self, positions: Positions, scores: FloatArray) -> Neighbours:
        distances = self.distance.distances(scores)
        similarities = self.distance.similarities(distances)
        distances[positions < 0], similarities[positions < 0] = np.inf, -np.inf
        return Neighbours(positions, distances, similarities)


def _both(live: NDArray[np.bool_], allowed: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
    """Return which rows are live and allowed; None for all."""
    if allowed is None:
        return None if live.all() else live
    if allowed.shape != live.shape or allowed.dtype != np.bool_:
        raise InputError(
            f"allowed must be {len(live)} booleans, one a row; it is {allowed.dtype} "
            f"{allowed.shape}"
        )
    return live & allowed
