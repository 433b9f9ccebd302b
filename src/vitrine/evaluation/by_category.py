"""The nearest item's category taken as a prediction: a report and a confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics


@dataclass(frozen=True)
class CategoryFigures:
    """How one category, or an average of them, fares.

    Attributes
    ----------
    category : str
        Its name, or ``accuracy``, ``macro avg``, ``weighted avg``.
    precision : float
        Of the queries whose nearest item is of this category, the share that is of it too.
    recall : float
        Of the queries of this category, the share whose nearest item is of it.
    f1 : float
        Their harmonic mean.
    support : int
        Queries of this category.
    """

    category: str
    precision: float
    recall: float
    f1: float
    support: int


def by_category(
    truth: NDArray[np.str_], predicted: NDArray[np.str_], categories: tuple[str, ...]
) -> tuple[tuple[CategoryFigures, ...], tuple[CategoryFigures, ...]]:
    """Return a row a category and the averages, as `sklearn.metrics.classification_report` does.

    A category that is never predicted has precision 0.

    Parameters
    ----------
    truth, predicted : ndarray of shape (q,), str
    categories : tuple of str

    Returns
    -------
    rows : tuple of CategoryFigures
        In the order of `categories`.
    averages : tuple of CategoryFigures
        ``accuracy`` (the same in all columns), ``macro avg``, ``weighted avg``.
    """
    columns = metrics.precision_recall_fscore_support(
        truth, predicted, labels=list(categories), zero_division=0
    )
    rows = tuple(
        CategoryFigures(name, float(precision), float(recall), float(f1), int(support))
        for name, precision, recall, f1, support in zip(categories, *columns, strict=True)
    )
    accuracy, support = float(np.mean(truth == predicted)), np.asarray(columns[3], np.float64)
    scores = np.stack(columns[:3])
    macro, weighted = scores.mean(axis=1).tolist(), (scores @ support / support.sum()).tolist()
    averages = (
        CategoryFigures("accuracy", accuracy, accuracy, accuracy, len(truth)),
        CategoryFigures("macro avg", macro[0], macro[1], macro[2], len(truth)),
        CategoryFigures("weighted avg", weighted[0], weighted[1], weighted[2], len(truth)),
    )
    return rows, averages


def confusion_matrix(
    truth: NDArray[np.str_], predicted: NDArray[np.str_], categories: tuple[str, ...]
) -> NDArray[np.int64]:
    """Return how many queries of each category (row) have a nearest item of each (column).

    `categories` are sorted. (scikit-learn's own warns where there is a single one.)
    """
    rows, columns = (np.searchsorted(categories, names) for names in (truth, predicted))
    matrix = np.zeros((len(categories), len(categories)), np.int64)
    np.add.at(matrix, (rows, columns), 1)
    return matrix
