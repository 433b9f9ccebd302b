"""An evaluation as the arrays that its charts and tables are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vitrine.shop.evaluating import Evaluation

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Metric:
    """A measure's name, and what it says in one sentence."""

    name: str
    meaning: str


@dataclass(frozen=True)
class Figures:
    """Measures of the encoder and of the baselines beside it.

    Parameters
    ----------
    metrics : sequence of Metric, length m
    methods : sequence of str, length j
        The encoder first.
    values, low, high : ndarray of shape (j, m)
        Shares, 0 to 1, with the ends of their 95 % intervals.
    n_queries : int
        How many items were asked about.
    """

    metrics: Sequence[Metric]
    methods: Sequence[str]
    values: FloatArray
    low: FloatArray
    high: FloatArray
    n_queries: int


def figures_of(evaluation: Evaluation, encoder: str) -> Figures:
    """Return the figures of `encoder` and its baselines."""
    k = evaluation.result.k
    metrics = {
        "same_category_rate": Metric(
            "Same category", "How often the nearest item is of the item's own category."
        ),
        "precision_at_k": Metric(
            f"Precision@{k}", f"How many of the {k} nearest are of its category."
        ),
        "map_at_k": Metric(f"mAP@{k}", "The same, but the first places count more."),
        "recall_at_k": Metric(
            f"Recall@{k}", f"How many of all items of its category are among the {k} nearest."
        ),
    }
    results = {encoder: evaluation.result, **evaluation.baselines}
    measured = np.array(
        [
            [
                (figure.value, figure.low, figure.high)
                for figure in (result.figures()[name] for name in metrics)
            ]
            for result in results.values()
        ]
    )  # (methods, metrics, 3)
    return Figures(
        list(metrics.values()),
        list(results),
        measured[..., 0],
        measured[..., 1],
        measured[..., 2],
        evaluation.result.n_queries,
    )
