"""The k nearest vectors of each query, without ever holding all distances.

Two steps. Single precision BLAS scores every candidate, a block of queries at a time, so that
memory stays bounded; the best few are then scored again in double precision from the plain
differences. Where rounding of the first step could have hidden a better candidate, that row's
doubtful candidates are all scored again. So the result is the one that double precision brute force
gives, and equal vectors are at distance 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from vitrine.errors import InputError, OptionError
from vitrine.topk.ranking import FloatArray, Positions, TopK, check_k, rank, select

Metric = Literal["ip", "l2"]

SLACK = 8
"""Candidates scored twice beyond the k asked for; more would only make doubt rarer."""

UNIT_ROUNDOFF = 2.0**-24
"""Of single precision: half the distance from 1 to the next number."""


def blocked_top_k(
    queries: FloatArray,
    vectors: FloatArray,
    k: int,
    metric: Metric = "ip",
    *,
    allowed: NDArray[np.bool_] | None = None,
    exclude: Positions | None = None,
    squared_norms: FloatArray | None = None,
    block_bytes: int = 2**24,
) -> TopK:
    """Return the k nearest `vectors` of each query; never holds a (q, n) matrix.

    Parameters
    ----------
    queries : ndarray of shape (q, d), float32
    vectors : ndarray of shape (n, d), float32
    k : int
        At least 1; may exceed n.
    metric : {"ip", "l2"}
        ``ip``: the score is the inner product; ``l2``: minus the squared Euclidean distance.
    allowed : ndarray of shape (n,), bool, optional
        Which vectors may be returned.
    exclude : ndarray of shape (q,), int64, optional
        One position a query that may not be returned, such as its own; −1: none.
    squared_norms : ndarray of shape (n,), float32, optional
        Squared lengths of `vectors`, where they are kept. With them the vectors are used where they
        lie; without, ``l2`` works on a centred copy, which rounds less.
    block_bytes : int
        Memory for the scores of one block of queries; a block is one query at least.

    Returns
    -------
    positions : ndarray of shape (q, k), int64
        Rows of `vectors`, nearest first, equal scores in order of position; −1 at the end where
        fewer than k are allowed.
    scores : ndarray of shape (q, k), float32
        −inf where the position is −1.

    Raises
    ------
    InputError
        If a shape does not fit, or a number is NaN, infinite, or too large to be squared.
    OptionError
        If k is under 1, or the metric unknown.
    """
    check_k(k)
    _check_search(queries, vectors, metric, allowed, exclude)
    if exclude is None:
        exclude = np.full(len(queries), -1)
    rows = None if allowed is None else np.flatnonzero(allowed)
    if rows is not None and len(rows) < len(vectors) // 4:
        # Few are allowed: a compact copy costs less than scoring what is not wanted.
        norms = None if squared_norms is None else squared_norms[rows]
        found, scores = blocked_top_k(
            queries,
            vectors[rows],
            k,
            metric,
            exclude=_positions_within(rows, exclude),
            squared_norms=norms,
            block_bytes=block_bytes,
        )
        return np.append(rows, -1)[found], scores  # −1 picks the appended −1
    if metric == "l2" and allowed is None and _tree_pays(len(queries), vectors, k):
        return _tree_top_k(queries, vectors, k, exclude, block_bytes)
    search = _Search.prepare(queries, vectors, k, metric, allowed, squared_norms)
    return search.run(exclude, block_bytes)


def rank_candidates(
    queries: FloatArray, vectors: FloatArray, candidates: Positions, k: int, metric: Metric
) -> TopK:
    """Return the k nearest among each query's own candidates, scored in double precision.

    Parameters
    ----------
    queries : ndarray of shape (q, d), float32
    vectors : ndarray of shape (n, d), float32
    candidates : ndarray of shape (q, m), int64
        Rows of `vectors`, distinct within a row; −1 is no candidate.
    k : int
    metric : {"ip", "l2"}

    Returns
    -------
    positions, scores
        As `blocked_top_k`.
    """
    return rank(candidates, _exact_scores(queries, vectors, candidates, metric), k)


@dataclass(frozen=True)
class _Search:
    """One prepared search: what the blocks of queries share."""

    queries: FloatArray
    vectors: FloatArray
    k: int
    metric: Metric
    left: FloatArray  # queries as BLAS sees them: centred for l2
    right: FloatArray  # vectors likewise
    bias: FloatArray | None  # (n,) added to the products: −|v|²/2 for l2, −inf where not allowed
    squared_norms: FloatArray  # (n,) of the (centred) vectors
    lengths: NDArray[np.float64]  # (q,) of the (centred) queries

    @classmethod
    def prepare(
        cls,
        queries: FloatArray,
        vectors: FloatArray,
        k: int,
        metric: Metric,
        allowed: NDArray[np.bool_] | None,
        squared_norms: FloatArray | None,
    ) -> _Search:
        left, right = queries, vectors
        if squared_norms is None:
            if metric == "l2" and len(vectors):
                with np.errstate(over="ignore", invalid="ignore"):  # refused below
                    centre = vectors.mean(axis=0)
                    left, right = queries - centre, vectors - centre
            squared_norms = squared_lengths(right)
        if not (np.isfinite(squared_norms).all() and np.isfinite(squared_lengths(left)).all()):
            raise InputError("a vector holds NaN, infinity or a number too large to be squared")
        bias: FloatArray | None = squared_norms / np.float32(-2) if metric == "l2" else None
        if allowed is not None:
            bias = np.zeros(len(vectors), np.float32) if bias is None else bias
            bias[~allowed] = -np.inf
        lengths = np.sqrt(np.einsum("qd,qd->q", left, left, dtype=np.float64))
        if bias is not None and allowed is None and right is not vectors:
            # The copy takes the bias as a column more, so that BLAS adds it: a pass less.
            left = np.hstack([left, np.ones((len(left), 1), np.float32)])
            right, bias = np.hstack([right, bias[:, None]]), None
        return cls(queries, vectors, k, metric, left, right, bias, squared_norms, lengths)

    def run(self, exclude: Positions, block_bytes: int) -> TopK:
        n_queries, n = len(self.queries), len(self.vectors)
        if n == 0 or n_queries == 0:
            return rank(np.empty((n_queries, 0), np.int64), np.empty((n_queries, 0)), self.k)
        step = max(1, block_bytes // (4 * n))
        buffer = np.empty((min(step, n_queries), n), np.float32)
        parts = [
            self._block(slice(start, start + step), exclude, buffer)
            for start in range(0, n_queries, step)
        ]
        positions, scores = zip(*parts, strict=True)
        return np.concatenate(positions), np.concatenate(scores)

    def _block(self, rows: slice, exclude: Positions, buffer: FloatArray) -> TopK:
        left, excluded = self.left[rows], exclude[rows]
        rough = buffer[: len(left)]
        if len(left) == 1 and left.shape[1] >= 16:
            # One query is a walk through memory, which BLAS's threads do not speed up much; on a
            # busy machine their waiting for each other took forty times as long as the walk.
            np.einsum("nd,d->n", self.right, left[0], out=rough[0])
        else:
            np.matmul(left, self.right.T, out=rough)
        if self.bias is not None:
            rough += self.bias
        has_excluded = np.flatnonzero(excluded >= 0)
        rough[has_excluded, excluded[has_excluded]] = -np.inf
        candidates, limit = self._candidates(rough)
        positions, scores = rank_candidates(
            self.queries[rows], self.vectors, candidates, self.k, self.metric
        )
        self._settle_doubt(rows, rough, limit, positions, scores)
        return positions, scores

    def _candidates(self, rough: FloatArray) -> TopK:
        """Return candidates (q, m) and what no other's rough score exceeds (q,)."""
        if self.k == 1:  # two plain passes beat any selection
            every, best = np.arange(len(rough)), rough.argmax(axis=1)
            best_scores = rough[every, best]
            rough[every, best] = -np.inf
            limit = rough.max(axis=1)
            rough[every, best] = best_scores
            return np.where(best_scores > -np.inf, best, -1)[:, None], limit
        candidates = select(rough, min(self.k + SLACK, rough.shape[1]))
        scores = np.take_along_axis(rough, candidates, axis=1)
        return np.where(scores > -np.inf, candidates, -1), scores.min(axis=1)

    def _settle_doubt(
        self,
        rows: slice,
        rough: FloatArray,
        limit: FloatArray,
        positions: Positions,
        scores: FloatArray,
    ) -> None:
        """Score again whatever rounding may have kept out of the candidates, in place.

        A float32 inner product of d terms is off by at most d·u·|q||v| (Higham, Accuracy and
        Stability of Numerical Algorithms, 2002, section 3.1); u is the unit roundoff.
        """
        lengths = self.lengths[rows]
        bar = scores[:, -1].astype(np.float64)
        bar -= 4 * UNIT_ROUNDOFF * np.abs(bar)  # the scores were rounded to float32
        if self.metric == "l2":
            bar = (lengths**2 + bar) / 2  # −|q−v|² in the units of q·v − |v|²/2
        unit = (self.left.shape[1] + 8) * UNIT_ROUNDOFF
        longest = np.sqrt(self.squared_norms.max())
        margin = unit * (lengths * longest + longest**2)
        for row in np.flatnonzero((limit > -np.inf) & (limit + margin >= bar)):
            bound = unit * (lengths[row] * np.sqrt(self.squared_norms) + self.squared_norms)
            doubtful = np.flatnonzero((rough[row] > -np.inf) & (rough[row] + bound >= bar[row]))
            query = self.queries[rows][row : row + 1]
            best = rank_candidates(query, self.vectors, doubtful[None], self.k, self.metric)
            positions[row], scores[row] = best[0][0], best[1][0]


def squared_lengths(vectors: FloatArray) -> FloatArray:
    """Return the squared length of each row of (n, d) as float32 (n,); inf where it overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        lengths: FloatArray = np.einsum("nd,nd->n", vectors, vectors)
    return lengths


def _exact_scores(
    queries: FloatArray, vectors: FloatArray, candidates: Positions, metric: Metric
) -> NDArray[np.float64]:
    """Score candidates (q, m) in double precision; −inf where the candidate is −1."""
    scores = np.empty(candidates.shape, np.float64)
    step = max(1, 2**20 // max(1, candidates.shape[1] * vectors.shape[1]))  # 8 MB at a time
    for start in range(0, len(queries), step):
        rows = slice(start, start + step)
        left, right = queries[rows, None, :], vectors.take(candidates[rows], axis=0)
        if metric == "ip":
            left, right = left.astype(np.float64), right.astype(np.float64)
            scores[rows] = np.einsum("qod,qmd->qm", left, right)
        else:
            difference = np.subtract(left, right, dtype=np.float64)
            scores[rows] = -np.einsum("qmd,qmd->qm", difference, difference)
    scores[candidates < 0] = -np.inf
    return scores


def _tree_pays(n_queries: int, vectors: FloatArray, k: int) -> bool:
    """Whether a k-d tree beats BLAS: few dimensions, many queries, few neighbours."""
    n, d = vectors.shape
    return d <= 3 and k <= 64 and n_queries * n > 10**7 and n_queries * 100 > n


def _tree_top_k(
    queries: FloatArray, vectors: FloatArray, k: int, exclude: Positions, block_bytes: int
) -> TopK:
    """`blocked_top_k` for vectors of two or three numbers, by a k-d tree."""
    if not (
        np.isfinite(squared_lengths(queries)).all() and np.isfinite(squared_lengths(vectors)).all()
    ):
        raise InputError("a vector holds NaN, infinity or a number too large to be squared")
    reach, candidates = KDTree(vectors).query(queries, k=min(len(vectors), k + SLACK))
    candidates[candidates == exclude[:, None]] = -1
    positions, scores = rank_candidates(queries, vectors, candidates, k, "l2")
    # The tree keeps any of several equally near vectors; which one is settled by brute force.
    cut = np.sqrt(-scores[:, -1].astype(np.float64))
    doubtful = np.flatnonzero(reach[:, -1] <= cut * (1 + 1e-6))
    if k + SLACK < len(vectors) and len(doubtful):
        search = _Search.prepare(queries[doubtful], vectors, k, "l2", None, None)
        positions[doubtful], scores[doubtful] = search.run(exclude[doubtful], block_bytes)
    return positions, scores


def _positions_within(rows: Positions, wanted: Positions) -> Positions:
    """Return where each of `wanted` lies in the sorted `rows`, −1 where it does not."""
    if len(rows) == 0:
        return np.full(len(wanted), -1)
    places = np.minimum(np.searchsorted(rows, wanted), len(rows) - 1)
    return np.where(rows[places] == wanted, places, -1)


def _check_search(
    queries: FloatArray,
    vectors: FloatArray,
    metric: str,
    allowed: NDArray[np.bool_] | None,
    exclude: Positions | None,
) -> None:
    if metric not in ("ip", "l2"):
        raise OptionError(f"metric {metric!r} is not ip or l2")
    if queries.ndim != 2 or vectors.ndim != 2 or queries.shape[1] != vectors.shape[1]:
        raise InputError(
            f"queries {queries.shape} and vectors {vectors.shape} must be (q, d) and (n, d)"
        )
    if allowed is not None and (allowed.shape != (len(vectors),) or allowed.dtype != np.bool_):
        raise InputError(
            f"allowed must be {len(vectors)} booleans, one a vector; "
            f"it is {allowed.dtype} {allowed.shape}"
        )
    if exclude is not None and exclude.shape != (len(queries),):
        raise InputError(f"exclude must be {len(queries)} positions, one a query")
