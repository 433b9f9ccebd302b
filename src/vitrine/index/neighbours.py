"""Nearest neighbours among a catalogue's vectors, with filters, upserts and deletes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError, OptionError
from vitrine.index.allowed import Allowed
from vitrine.index.distance import Distance
from vitrine.index.found import Neighbours
from vitrine.index.inverted_file import Effort, InvertedFile
from vitrine.index.kept import KeptIndex, keep, load
from vitrine.index.rows import Rows
from vitrine.index.searching import check_allowed, search
from vitrine.index.threads import threads_for
from vitrine.topk import FloatArray, Positions, check_k, squared_lengths

Method = Literal["auto", "exact", "faiss"]
METHODS: tuple[Method, ...] = ("auto", "exact", "faiss")

EXACT_NUMBERS = 4_000_000
"""``auto`` is exact up to so many numbers, rows × dimensions: for about a millisecond."""

SLOW_NUMBERS = 50_000_000
"""Exact search of more takes tens of milliseconds, and two cores are soon full of searches."""


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
        self._file: InvertedFile | None = None
        self._meanwhile: list[Positions] | None = None  # changed while a file is being trained

    @property
    def exact(self) -> bool:
        """Whether every search looks at every allowed row."""
        return self._file is None

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
        self._rows, self._file = rows, None
        self.renew(self.trained())
        return self

    def keep(self, folder: Path) -> KeptIndex:
        """Write the index into a folder so that `load` finds it there.

        `upsert` and `remove` may not run meanwhile; they may while the vectors are written, which
        is what is left to do, see `vitrine.index.kept.KeptIndex`.

        Raises
        ------
        InputError
            If it is empty.
        """
        if self._rows is None:
            raise InputError("an empty index cannot be kept")
        return keep(self._rows, self._file, folder)

    def load(self, folder: Path, notes: dict[str, Any]) -> Self:
        """Hold what `keep` wrote, mapped into memory, and nothing else.

        Parameters
        ----------
        folder : Path
            Its files must be as they were written: they are not looked at twice.
        notes : dict
            What `keep` returned.
        """
        self._rows, self._file = load(folder, self.distance.metric, notes)
        return self

    def upsert(self, positions: Positions, vectors: FloatArray, *, renew: bool = True) -> None:
        """Overwrite rows, or append them; they are found from the next search on.

        Parameters
        ----------
        positions : ndarray of shape (m,), int64
            Any in use, and new ones that continue them without a gap. Of several equal ones the
            last wins.
        vectors : ndarray of shape (m, d), float32
        renew : bool
            Train the inverted file anew where that is due; else it is left to `renew`.

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
        self._changed(rows, positions, renew)

    def remove(self, positions: Positions, *, renew: bool = True) -> None:
        """Take rows out; they are not found from the next search on.

        Raises
        ------
        InputError
            If there is no such position.
        """
        if self._rows is None:
            raise InputError("nothing can be removed from an empty index")
        positions = np.asarray(positions, np.int64)
        self._rows.remove(positions)
        self._changed(self._rows, positions, renew)

    @property
    def worn(self) -> bool:
        """Whether an inverted file should be trained, for the first time or anew."""
        if self._file is not None:
            return self._file.worn
        return self._rows is not None and self._wants_file(self._rows)

    @property
    def slow(self) -> bool:
        """Whether every search looks at so many rows that few a second can be answered."""
        rows = self._rows
        return self.exact and rows is not None and rows.n_live * rows.n_components > SLOW_NUMBERS

    @property
    def effort(self) -> Effort | None:
        """How much of the inverted file a search looks at; None while every search is exact."""
        return None if self._file is None else self._file.effort

    def trained(self) -> InvertedFile | None:
        """Return an inverted file over the rows there are, where the method wants one.

        Searches, `upsert` and `remove` may run meanwhile; `build`, and this once more, may not.
        """
        if self._rows is None or not self._wants_file(self._rows):
            return None
        self._meanwhile = []
        return InvertedFile.train(self._rows, self.distance.metric, self.random_state)

    def renew(self, file: InvertedFile | None) -> None:
        """Search by what `trained` returned, from now on. Searches may run meanwhile."""
        if file is not None and self._meanwhile:
            file.mark(np.unique(np.concatenate(self._meanwhile)))
        self._file, self._meanwhile = file, None

    def search(
        self,
        queries: FloatArray,
        k: int,
        allowed: NDArray[np.bool_] | Allowed | None = None,
        exclude: Positions | None = None,
    ) -> Neighbours:
        """Return the k nearest rows of each query; exactly k wherever k are allowed.

        Parameters
        ----------
        queries : ndarray of shape (q, d), float32
        k : int
        allowed : ndarray of shape (n,), bool, or Allowed, optional
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
        return self._search(self._prepare(queries, self._rows), k, allowed, exclude)

    def search_rows(
        self, positions: Positions, k: int, allowed: NDArray[np.bool_] | Allowed | None = None
    ) -> Neighbours:
        """Return the k nearest rows of some of the rows, each leaving itself out.

        The same as `search` for their vectors, without having to fetch them from anywhere.

        Parameters
        ----------
        positions : ndarray of shape (q,), int64
        k, allowed
            As `search`.

        Raises
        ------
        InputError
            If there is no such row, or a shape does not fit.
        """
        return self._search(self.prepared(positions), k, allowed, positions)

    def prepared(self, positions: Positions) -> FloatArray:
        """Return rows as they are compared, (m, d): by inner product where the distance is cosine.

        Raises
        ------
        InputError
            If there is no such row.
        """
        rows = self._rows
        if rows is None or not rows.live[positions].all():
            raise InputError(f"there is no row at one of the positions {positions}")
        return rows.vectors.take(positions, axis=0)

    def similarities_among(self, prepared: FloatArray) -> FloatArray:
        """Return the similarity of each of some rows to each other, (m, m).

        Parameters
        ----------
        prepared : ndarray of shape (m, d), float32
            As `prepared` returns them.
        """
        products = prepared @ prepared.T
        if self.distance.metric == "l2":
            squares = np.diagonal(products)
            products = 2 * products - squares[:, None] - squares[None, :]
        return self.distance.similarities(self.distance.distances(products))

    def _search(
        self,
        prepared: FloatArray,
        k: int,
        allowed: NDArray[np.bool_] | Allowed | None,
        exclude: Positions | None,
    ) -> Neighbours:
        check_k(k)
        if exclude is not None and exclude.shape != (len(prepared),):
            raise InputError(f"exclude must be {len(prepared)} positions, one a query")
        if isinstance(allowed, np.ndarray):
            allowed = Allowed(allowed)
        if self._rows is None:
            return self._neighbours(
                np.full((len(prepared), k), -1), np.full((len(prepared), k), -np.inf, np.float32)
            )
        check_allowed(self._rows, allowed)
        with threads_for(len(prepared)):
            found = search(
                self._rows, self._file, prepared, k, self.distance.metric, allowed, exclude
            )
        return self._neighbours(*found)

    def _changed(self, rows: Rows, positions: Positions, renew: bool) -> None:
        if self._meanwhile is not None:
            self._meanwhile.append(positions)
        if self._file is not None:
            self._file.mark(positions)
        if renew and self.worn:
            self.renew(self.trained())

    def _wants_file(self, rows: Rows) -> bool:
        large = is_large(rows.n_live, rows.n_components)
        return rows.n_live > 0 and (self.method == "faiss" or (self.method == "auto" and large))

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
        missing = positions < 0
        if missing.any():
            distances[missing], similarities[missing] = np.inf, -np.inf
        return Neighbours(positions, distances, similarities)


def is_large(n_rows: int, n_components: int) -> bool:
    """Tell whether so many rows are searched by an inverted file where the method is ``auto``."""
    return n_rows * n_components > EXACT_NUMBERS
