"""Figures of rating models as tables for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vitrine.cli import console
from vitrine.evaluation import Figure
from vitrine.evaluation.ratings import RatingResult, rating_differences

LOWER_IS_BETTER = {"rmse": True, "ndcg": False}


def print_results(results: Sequence[RatingResult], notes: Sequence[str]) -> None:
    """Print a comparison: one row a model, by warmth, then which differences are real."""
    if results:
        _print_figures(results)
        for side in ("user", "item"):
            _print_warmth(results, side)
    for note in notes:
        console.say(note)
    for result in results:
        if any(result.options):
            chosen = "; ".join(_options(one) for one in result.options)
            console.say(f"{result.model}, chosen in each training part: {chosen}")
    for measure in ("rmse", "ndcg"):
        _print_differences(results, measure)


def _print_figures(results: Sequence[RatingResult]) -> None:
    n = results[0].top_n
    rows = []
    for result in results:
        figures = result.figures()
        rows.append(
            (
                result.model,
                _with_interval(figures["rmse"], 4),
                _number(figures["mae"], 4),
                _with_interval(figures["ndcg"], 3),
                *[_number(figures[name], 3) for name in ("recall", "precision", "map")],
                *[_number(figures[name], 3) for name in ("hit_rate",)],
                f"{result.coverage:.0%}",
                _number(figures["novelty"], 1),
                _number(figures["diversity"], 2),
                _number(figures["popularity"], 2),
                result.fit_seconds,
                result.predict_seconds,
            )
        )
    console.print_table(
        [
            "model", "rmse", "mae", f"ndcg@{n}", "recall", "precision", "map", "hit", "coverage",
            "novelty", "diversity", "popularity", "fit s", "predict s",
        ],
        rows,
    )  # fmt: skip


def _print_warmth(results: Sequence[RatingResult], side: str) -> None:
    """Print RMSE by how many ratings a model had learned of the user, or of the item."""
    by_model = {
        result.model: {row["ratings"]: row for row in result.by_warmth() if row["side"] == side}
        for result in results
        if not np.isnan(result.errors).all()
    }
    classes = list(dict.fromkeys(name for rows in by_model.values() for name in rows))
    if len(classes) < 2:
        return
    console.print_table(
        [f"rmse by ratings of the {side}", *classes],
        [
            (model, *[f"{rows[name]['rmse']:.3f}" if name in rows else "" for name in classes])
            for model, rows in by_model.items()
        ],
    )


def _print_differences(results: Sequence[RatingResult], measure: str) -> None:
    """Print how far the best model is ahead of the others, and whether that may be chance."""
    measured = [r for r in results if measure != "rmse" or not np.isnan(r.errors).all()]
    if len(measured) < 2:
        return
    sign = 1 if LOWER_IS_BETTER[measure] else -1
    best = min(measured, key=lambda result: sign * result.figures(0)[measure].value)
    for name, figures in rating_differences(measured, best.model).items():
        figure = figures[measure]
        low, high = sorted((sign * figure.low, sign * figure.high))
        verdict = "a real difference" if low > 0 else "which may be chance"
        console.say(
            f"{measure}: {best.model} is {sign * figure.value:.4f} [{low:.4f}, {high:.4f}] ahead "
            f"of {name}, {verdict}"
        )


def _number(figure: Figure, digits: int) -> str:
    return "" if np.isnan(figure.value) else f"{figure.value:.{digits}f}"


def _with_interval(figure: Figure, digits: int) -> str:
    if np.isnan(figure.value):
        return ""
    return f"{figure.value:.{digits}f} [{figure.low:.{digits}f}, {figure.high:.{digits}f}]"


def _options(options: dict[str, Any]) -> str:
    said = ", ".join(f"{name}={value}" for name, value in options.items())
    return said or "as they are"
