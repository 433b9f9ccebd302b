"""Mask, rank, cut: the k best of each row, and the k nearest of each query.

One rule for all: best first, equal scores in order of position, and a result of exactly (q, k)
entries whose missing places (fewer than k candidates) hold position −1 and score −inf.

>>> import numpy as np
>>> top_k(np.array([[0.1, 0.9, 0.9]]), k=2)[0]
array([[1, 2]])
"""

from vitrine.topk.nearest import (
    SLACK,
    UNIT_ROUNDOFF,
    Metric,
    blocked_top_k,
    rank_candidates,
    squared_lengths,
)
from vitrine.topk.ranking import FloatArray, Positions, TopK, check_k, top_k
from vitrine.topk.variety import collapse, maximal_marginal_relevance

__all__ = [
    "SLACK",
    "UNIT_ROUNDOFF",
    "FloatArray",
    "Metric",
    "Positions",
    "TopK",
    "blocked_top_k",
    "check_k",
    "collapse",
    "maximal_marginal_relevance",
    "rank_candidates",
    "squared_lengths",
    "top_k",
]
