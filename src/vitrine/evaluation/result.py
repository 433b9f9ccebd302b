"""What an evaluation found."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.evaluation.bootstrap import Figure
from vitrine.evaluation.by_category import CategoryFigures

MEASURES = ("same_category_rate", "precision_at_k", "recall_at_k", "map_at_k")
"""The measures of an evaluation, see `vitrine.evaluation.metrics`."""


@dataclass(frozen=True)
class RetrievalResult:
    """How often nearest items are of the query's category.

    Attributes
    ----------
    same_category_rate : Figure
        Share of queries whose nearest item is of their category, with a 95 % interval.
    precision_at_k, recall_at_k, map_at_k : Figure
        Means over the queries, see `vitrine.evaluation.metrics`.
    k : int
        The depth that was asked for.
    n_queries, n_gallery : int
        Labelled items asked about, and searched.
    n_unlabelled : int
        Queries of unknown category; not counted anywhere else.
    n_without_match : int
        Queries whose category no other item of the gallery has; misses, see the metrics.
    categories : tuple of str
        Those that a query or its nearest item has, sorted.
    per_category, averages : tuple of CategoryFigures
        As scikit-learn's classification report; the nearest item's category is the prediction.
    confusion : ndarray of shape (c, c), int64
        Row: the query's category; column: its nearest item's.
    query_positions : ndarray of shape (n_queries,), int64
        Rows of the queries that were asked about.
    nearest : ndarray of shape (n_queries, min(k, possible)), int64
        Rows of the gallery (of the queries where there was none), nearest first.
    per_query : dict of str to ndarray of shape (n_queries,)
        Every measure for every query, for paired comparisons.
    """

    same_category_rate: Figure
    precision_at_k: Figure
    recall_at_k: Figure
    map_at_k: Figure
    k: int
    n_queries: int
    n_gallery: int
    n_unlabelled: int
    n_without_match: int
    categories: tuple[str, ...]
    per_category: tuple[CategoryFigures, ...]
    averages: tuple[CategoryFigures, ...]
    confusion: NDArray[np.int64]
    query_positions: NDArray[np.int64]
    nearest: NDArray[np.int64]
    per_query: dict[str, NDArray[np.float64]]

    def figures(self) -> dict[str, Figure]:
        """Return the measures by name."""
        return {name: getattr(self, name) for name in MEASURES}

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: figures under flat keys, None where nothing was measured."""
        flat: dict[str, Any] = {}
        for name, figure in self.figures().items():
            flat |= {name: figure.value, f"{name}_low": figure.low, f"{name}_high": figure.high}
        flat = {name: None if math.isnan(value) else value for name, value in flat.items()}
        return flat | {
            "k": self.k,
            "n_queries": self.n_queries,
            "n_gallery": self.n_gallery,
            "n_unlabelled": self.n_unlabelled,
            "n_without_match": self.n_without_match,
            "categories": [asdict(row) for row in self.per_category],
            "averages": [asdict(row) for row in self.averages],
            "confusion": self.confusion.tolist(),
        }
