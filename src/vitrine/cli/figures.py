"""Figures as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from vitrine.cli import console
from vitrine.evaluation import Figure, FoldsRow, RetrievalResult, Row, differences
from vitrine.evaluation.folds import mean_and_spread
from vitrine.shop import Evaluation

MAX_CATEGORIES = 30
MAX_CONFUSIONS = 5


def print_evaluation(evaluation: Evaluation, encoder: str) -> None:
    """Print an evaluation: the encoder beside its baselines, then category by category."""
    result = evaluation.result
    named = {encoder: result, **evaluation.baselines}
    console.print_table(
        ["", "same@1", f"precision@{result.k}", f"recall@{result.k}", f"mAP@{result.k}"],
        [
            (
                name,
                _with_interval(one.same_category_rate),
                _percent(one.precision_at_k),
                _percent(one.recall_at_k),
                _percent(one.map_at_k),
            )
            for name, one in named.items()
        ],
    )
    console.say(
        f"{result.n_queries:,} queries among {result.n_gallery:,} items; "
        "same@1: the nearest is of the same category, with its 95 % interval"
    )
    for note in evaluation.notes:
        console.say(note)
    if result.n_unlabelled:
        console.say(f"{result.n_unlabelled:,} items without a category are not asked about")
    console.say("")
    _print_categories(result)
    _print_confusions(result)


def _print_categories(result: RetrievalResult) -> None:
    shown = [row for row in result.per_category if row.support][:MAX_CATEGORIES]
    console.print_table(
        ["category", "precision", "recall", "F1", "support"],
        [
            (row.category, row.precision, row.recall, row.f1, row.support)
            for row in [*shown, *result.averages]
        ],
    )
    left_out = sum(bool(row.support) for row in result.per_category) - len(shown)
    if left_out:
        console.say(f"… and {left_out} more categories (--json has all)")


def _print_confusions(result: RetrievalResult) -> None:
    names, counts = result.categories, result.confusion
    pairs = [
        (int(counts[i, j]), names[i], names[j])
        for i in range(len(names))
        for j in range(len(names))
        if i != j and counts[i, j]
    ]
    if pairs:
        worst = sorted(pairs, key=lambda pair: -pair[0])[:MAX_CONFUSIONS]
        said = ", ".join(f"{asked} → {found} {count:,}×" for count, asked, found in worst)
        console.say(f"most often taken for another: {said}")


def comparison_columns(k: int) -> list[str]:
    """Return the names of the columns of `comparison_row`."""
    return [
        "encoder", "dimensions", "same@1", f"precision@{k}", f"mAP@{k}", "colour@5", "fit s",
        "encode s", "bytes/item",
    ]  # fmt: skip


def comparison_row(row: Row) -> list[object]:
    """Return one encoder's row of a comparison as a table shows it."""
    result = row.result
    return [
        row.encoder,
        row.n_components,
        _with_interval(result.same_category_rate) if result else "failed",
        _percent(result.precision_at_k) if result else "",
        _percent(result.map_at_k) if result else "",
        _percent(row.same_colour) if row.same_colour else "",
        row.fit_seconds,
        row.transform_seconds,
        row.bytes_per_item,
    ]


def print_comparison(rows: Sequence[Row], notes: Sequence[str]) -> None:
    """Print a comparison: one row an encoder, then which differences are real."""
    console.print_table(comparison_columns(rows[0].k), [comparison_row(row) for row in rows])
    if any(row.same_colour for row in rows):
        console.say(
            "colour@5: of the five nearest, those whose centre has the query's dominant colour"
        )
    for note in notes:
        console.say(note)
    for row in rows:
        if row.error:
            console.complain(f"{row.encoder} failed: {row.error}")
    for difference in differences(rows):
        ahead = difference.ahead
        verdict = "a real difference" if difference.real else "which may be chance"
        console.say(
            f"{difference.best} is {_points(ahead)} points ahead of {difference.other}, {verdict}"
        )


def print_folds(rows: Sequence[FoldsRow], n_folds: int, n_items: int) -> None:
    """Print a cross-validation: mean and standard deviation over the folds."""
    console.print_table(
        ["encoder", "same@1", "right", "folds"],
        [
            (
                row.encoder,
                _spread(row.same_category_rate),
                _spread(row.accuracy),
                len(row.same_category_rate),
            )
            for row in rows
        ],
    )
    console.say(
        f"{n_folds} folds of {n_items:,} items, stratified: mean ± standard deviation; right: what "
        "a classifier names rightly"
    )
    for row in rows:
        if row.error:
            console.complain(f"{row.encoder} failed: {row.error}")


def _spread(values: list[float]) -> str:
    if not values:
        return ""
    mean, deviation = mean_and_spread(values)
    return f"{mean:.1%} ± {100 * deviation:.1f}"


def _percent(figure: Figure) -> str:
    return f"{figure.value:.1%}"


def _with_interval(figure: Figure) -> str:
    return f"{figure.value:.1%} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def _points(figure: Figure) -> str:
    return f"{100 * figure.value:.1f} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"
