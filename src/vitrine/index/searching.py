"""One search: through the likely part of the rows, or through all that are allowed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.index.allowed import Allowed
from vitrine.index.inverted_file import InvertedFile
from vitrine.index.rows import Rows
from vitrine.index.scattered import likely_candidates, likely_of_each
from vitrine.index.threads import FEW_QUERIES
from vitrine.topk import (
    SLACK,
    FloatArray,
    Metric,
    Positions,
    TopK,
    blocked_top_k,
    rank_candidates,
)

FEW_NUMBERS = 4_000_000
"""Where a filter leaves fewer numbers than this, they are searched exactly."""

COPIED_CANDIDATES = 12
"""So many for each neighbour are scored in full where a copy in 8 bits has found them."""

MANY_CANDIDATES = 8
"""So many for each neighbour are thinned out in single precision before they are scored in full."""


def search(
    rows: Rows,
    file: InvertedFile | None,
    queries: FloatArray,
    k: int,
    metric: Metric,
    allowed: Allowed | None,
    exclude: Positions | None,
) -> TopK:
    """Return positions and scores (q, k) of the best rows for prepared queries (q, d)."""
    if file is None or _few(rows, k, allowed):
        return _search_exactly(rows, queries, k, metric, allowed, exclude)
    positions, scores = _search_file(rows, file, queries, k, metric, allowed, exclude)
    short = np.flatnonzero(positions[:, -1] < 0)
    if len(short):  # the lists looked into held fewer than k that are allowed
        own = None if exclude is None else exclude[short]
        positions[short], scores[short] = _search_exactly(
            rows, queries[short], k, metric, allowed, own
        )
    return positions, scores


def check_allowed(rows: Rows, allowed: Allowed | None) -> None:
    """Raise `InputError` unless there is one boolean a row."""
    if allowed is None:
        return
    mask = allowed.mask
    if mask.shape != (len(rows),) or mask.dtype != np.bool_:
        raise InputError(
            f"allowed must be {len(rows)} booleans, one a row; it is {mask.dtype} {mask.shape}"
        )


def _search_exactly(
    rows: Rows,
    queries: FloatArray,
    k: int,
    metric: Metric,
    allowed: Allowed | None,
    exclude: Positions | None,
) -> TopK:
    if allowed is not None and len(queries) <= FEW_QUERIES and allowed.count < len(rows) // 4:
        return _search_few(rows, queries, k, metric, allowed, exclude)
    return blocked_top_k(
        queries,
        rows.vectors,
        k,
        metric,
        allowed=_both(rows, allowed),
        exclude=exclude,
        squared_norms=rows.squared_norms,
    )


def _search_few(
    rows: Rows,
    queries: FloatArray,
    k: int,
    metric: Metric,
    allowed: Allowed,
    exclude: Positions | None,
) -> TopK:
    """Search a few allowed rows for a few queries; more queries pay for a copy of the rows."""
    m = COPIED_CANDIDATES * k + SLACK
    compact = allowed.compact(rows, metric) if 4 * m <= allowed.count else None
    if compact is None or len(compact) < 4 * m:  # it has only those that are not removed
        return _search_in_place(rows, queries, k, metric, allowed, exclude)
    candidates, limits = compact.candidates(queries, m)
    candidates[~rows.live[candidates]] = -1
    if exclude is not None:
        candidates[candidates == exclude[:, None]] = -1
    candidates = likely_candidates(queries, rows, candidates, k, metric)
    positions, scores = rank_candidates(queries, rows.vectors, candidates, k, metric)
    # Where another row may be as near as the last one; a score is rounded to single precision.
    last = np.nextafter(scores[:, -1], np.float32(-np.inf)).astype(np.float64)
    doubtful = np.flatnonzero(last <= limits)
    if len(doubtful):
        own = None if exclude is None else exclude[doubtful]
        positions[doubtful], scores[doubtful] = _search_in_place(
            rows, queries[doubtful], k, metric, allowed, own
        )
    return positions, scores


def _search_in_place(
    rows: Rows,
    queries: FloatArray,
    k: int,
    metric: Metric,
    allowed: Allowed,
    exclude: Positions | None,
) -> TopK:
    """Search the allowed rows where they lie."""
    there = allowed.positions[rows.live[allowed.positions]]
    parts = likely_of_each(queries, rows, there, k, metric, exclude)
    return rank_candidates(queries, rows.vectors, parts, k, metric)


def _search_file(
    rows: Rows,
    file: InvertedFile,
    queries: FloatArray,
    k: int,
    metric: Metric,
    allowed: Allowed | None,
    exclude: Positions | None,
) -> TopK:
    """Join what the inverted file finds with what it does not hold yet."""
    candidates = file.candidates(queries, k, allowed)
    if exclude is not None:
        candidates[candidates == exclude[:, None]] = -1
    pending = file.pending
    if len(pending):
        pending = pending if allowed is None else pending[allowed.mask[pending]]
        parts = likely_of_each(queries, rows, pending, k, metric, exclude)
        candidates = np.hstack([candidates, parts])
    if candidates.shape[1] > MANY_CANDIDATES * k:
        candidates = likely_candidates(queries, rows, candidates, k, metric)
    return rank_candidates(queries, rows.vectors, candidates, k, metric)


def _few(rows: Rows, k: int, allowed: Allowed | None) -> bool:
    """Whether the rows to look at are so few, or k so large, that exact search is best."""
    n = rows.n_live if allowed is None else allowed.count
    filtered = 4 * n < len(rows) and n * rows.n_components < FEW_NUMBERS
    return filtered or n < 20 * k


def _both(rows: Rows, allowed: Allowed | None) -> NDArray[np.bool_] | None:
    """Return which rows are live and allowed; None for all."""
    if allowed is not None:
        return rows.live & allowed.mask
    return None if rows.n_live == len(rows) else rows.live
