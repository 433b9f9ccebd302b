"""The nearest among some rows of a large matrix, scored where they lie."""

from __future__ import annotations

import faiss
import numpy as np

from vitrine.index.rows import Rows
from vitrine.topk import FloatArray, Metric, Positions

_UNIT_ROUNDOFF = 2.0**-24


def likely(
    query: FloatArray, rows: Rows, positions: Positions, k: int, metric: Metric
) -> Positions:
    """Return those of some rows that may be among the k nearest of them to a query, in order.

    All of the k nearest are there, and few others: those that rounding in single precision does
    not tell from the last of them. Rows are scored where they lie; copying them together first
    took three times as long.

    Parameters
    ----------
    query : ndarray of shape (d,), float32
    rows : Rows
    positions : ndarray of shape (m,), int64
        Which rows to look at, each once.
    k : int
    metric : {"ip", "l2"}
    """
    m = len(positions)
    if m <= k:
        return positions
    scores = np.empty(m, np.float32)
    score = faiss.fvec_inner_products_by_idx if metric == "ip" else faiss.fvec_L2sqr_by_idx
    arrays = scores, np.ascontiguousarray(query), rows.vectors, np.ascontiguousarray(positions)
    score(*[faiss.swig_ptr(array) for array in arrays], rows.n_components, 1, m)
    if metric == "l2":
        np.negative(scores, out=scores)
    last = float(np.partition(scores, m - k)[m - k])
    # Higham's bound, as in `vitrine.topk.nearest`, twice over: both scores are rounded.
    unit = 2 * (rows.n_components + 8) * _UNIT_ROUNDOFF
    longest = float(np.sqrt(rows.squared_norms[positions].max()))
    margin = unit * (abs(last) if metric == "l2" else float(np.linalg.norm(query)) * longest)
    near: Positions = positions[scores >= last - margin]
    return near
