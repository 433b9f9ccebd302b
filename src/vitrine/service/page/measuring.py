"""A shop's figures, drawn and in numbers, as JSON that the page keeps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from vitrine.charts.drawing import confusion_chart, figures_chart
from vitrine.charts.json import bare
from vitrine.charts.measured import Figures, figures_of
from vitrine.evaluation import RetrievalResult
from vitrine.service.page.kept import Made
from vitrine.shop import Shop

MAX_CATEGORIES = 30
"""Categories that the heat map shows at most: the largest."""


def make_figures(shop: Shop) -> Iterator[Made]:
    """Measure a shop and draw what was measured; takes seconds to minutes."""
    number = shop.info().change_number
    evaluation = shop.evaluate()
    figures = figures_of(evaluation, shop.encoder.kind)
    content = {
        "label": shop.label(),
        "tiles": _tiles(figures),
        "methods": _methods(figures),
        "n_queries": figures.n_queries,
        "notes": evaluation.notes,
        "categories": _categories(evaluation.result),
        "n_categories": len(evaluation.result.categories),
        "charts": {
            "figures": bare(
                figures_chart(
                    [metric.name for metric in figures.metrics],
                    figures.methods,
                    figures.values,
                    figures.low,
                    figures.high,
                )
            ),
            "confusion": _confusion(evaluation.result),
        },
    }
    yield Made(json.dumps(content).encode(), number)


def _tiles(figures: Figures) -> list[dict[str, Any]]:
    return [
        {"name": metric.name, "meaning": metric.meaning, **_numbers(figures, 0, column)}
        for column, metric in enumerate(figures.metrics)
    ]


def _methods(figures: Figures) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "figures": [_numbers(figures, row, column) for column in range(len(figures.metrics))],
        }
        for row, name in enumerate(figures.methods)
    ]


def _numbers(figures: Figures, row: int, column: int) -> dict[str, float | None]:
    parts = {"value": figures.values, "low": figures.low, "high": figures.high}
    numbers = {name: float(part[row, column]) for name, part in parts.items()}
    return {name: number if np.isfinite(number) else None for name, number in numbers.items()}


def _categories(result: RetrievalResult) -> list[dict[str, Any]]:
    return [
        {"name": row.category, "recall": row.recall, "items": row.support}
        for row in result.per_category
        if row.support
    ]


def _confusion(result: RetrievalResult) -> dict[str, Any]:
    largest = np.argsort(-result.confusion.sum(axis=1), kind="stable")[:MAX_CATEGORIES]
    shown = np.sort(largest)
    matrix = result.confusion[np.ix_(shown, shown)]
    return bare(confusion_chart(matrix, [result.categories[code] for code in shown]))
