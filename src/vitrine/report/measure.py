"""From a shop's evaluation to the report's tables and confusions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vitrine.report.data import CategoryRow, Classes, Confusion
from vitrine.report.gallery import Gallery

if TYPE_CHECKING:
    from vitrine.evaluation import RetrievalResult
    from vitrine.evaluation.by_category import CategoryFigures
    from vitrine.shop.evaluating import Evaluation

N_CONFUSIONS = 6
N_PAIRS = 4


def classes_of(
    evaluation: Evaluation, item_ids: Sequence[str], gallery: Gallery, random_state: int = 0
) -> Classes:
    """Return what is known by category.

    Parameters
    ----------
    evaluation : Evaluation
    item_ids : sequence of str
        The shop's items, which ``evaluation.result.nearest`` counts.
    gallery : Gallery
        Makes the cards of confused pairs.
    random_state : int
        Seed of which pairs are shown.
    """
    result = evaluation.result
    return Classes(
        names=result.categories,
        matrix=result.confusion,
        rows=[_row(row) for row in result.per_category],
        # The accuracy is the first of the figures already.
        averages=[_row(row) for row in result.averages if row.category != "accuracy"],
        confusions=_confusions(evaluation, item_ids, gallery, random_state),
    )


def worst_confusions(result: RetrievalResult, n: int = N_CONFUSIONS) -> list[tuple[int, int]]:
    """Return the most frequent pairs (category, another that its items are nearest to)."""
    wrong = result.confusion * (1 - np.eye(len(result.categories), dtype=np.int64))
    order = np.argsort(-wrong, axis=None, kind="stable")[:n]
    pairs = (divmod(int(cell), len(result.categories)) for cell in order)
    return [(row, column) for row, column in pairs if wrong[row, column]]


def _confusions(
    evaluation: Evaluation, item_ids: Sequence[str], gallery: Gallery, random_state: int
) -> list[Confusion]:
    result = evaluation.result
    rng = np.random.default_rng(random_state)
    asked = [evaluation.query_ids[i] for i in result.query_positions]
    found = [item_ids[i] for i in result.nearest[:, 0]]
    truth = np.array([gallery.category(item_id) for item_id in asked])
    predicted = np.array([gallery.category(item_id) for item_id in found])
    confusions = []
    for row, column in worst_confusions(result):
        actual, nearest = result.categories[row], result.categories[column]
        members = np.flatnonzero((truth == actual) & (predicted == nearest))
        shown = rng.permutation(members)[:N_PAIRS]
        confusions.append(
            Confusion(
                actual,
                nearest,
                int(result.confusion[row, column]),
                float(result.confusion[row, column] / result.confusion[row].sum()),
                [(gallery.card(asked[i]), gallery.card(found[i])) for i in shown],
            )
        )
    return confusions


def _row(row: CategoryFigures) -> CategoryRow:
    return CategoryRow(row.category, row.precision, row.recall, row.f1, row.support)
