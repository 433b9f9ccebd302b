"""How good nearest neighbours are, judged by known categories: on vectors from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.evaluation.bootstrap import bootstrap
from vitrine.evaluation.by_category import by_category, confusion_matrix
from vitrine.evaluation.metrics import (
    average_precision_at_k,
    hit_at_1,
    precision_at_k,
    recall_at_k,
)
from vitrine.evaluation.result import MEASURES, RetrievalResult
from vitrine.index.distance import Distance
from vitrine.topk import FloatArray, Positions, blocked_top_k, check_k

Labels = Sequence[Any] | NDArray[Any]
"""One a vector; None, NaN and empty text stand for unknown."""


def evaluate(
    queries: FloatArray,
    query_labels: Labels,
    gallery: FloatArray | None = None,
    gallery_labels: Labels | None = None,
    *,
    distance: Distance,
    own: Positions | None = None,
    k: int = 10,
    n_bootstrap: int = 1000,
    random_state: int = 0,
) -> RetrievalResult:
    """Measure how often a query's nearest gallery items are of its category.

    Without a gallery the queries are searched among each other, each leaving itself out. The
    search is exact. Items of unknown category are neither asked about nor found; how queries whose
    category nobody else has are counted stands in `vitrine.evaluation.metrics`.

    Parameters
    ----------
    queries : ndarray of shape (q, d), float32
    query_labels : sequence of length q
        Compared as text; None, NaN and empty text stand for unknown.
    gallery : ndarray of shape (n, d), float32, optional
    gallery_labels : sequence of length n, optional
    distance : Distance
    own : ndarray of shape (q,), int64, optional
        Where the queries are items of the gallery: the row of each, which it leaves out.
    k : int
        How deep the lists are; where the gallery holds fewer, as many as it holds.
    n_bootstrap : int
        Resamplings of the queries for the 95 % intervals; 0 for none.
    random_state : int
        Seeds the resampling.

    Raises
    ------
    InputError
        If a shape does not fit, a number is NaN or infinite, or there are no labelled queries or
        no labelled items to find.
    OptionError
        If k is under 1.
    """
    check_k(k)
    if (gallery is None) != (gallery_labels is None):
        raise InputError("give both a gallery and its labels, or neither")
    if gallery is None or gallery_labels is None:
        gallery, gallery_labels, own = queries, query_labels, np.arange(len(queries))
    names = _names(query_labels, queries, "queries")
    gallery_names = _names(gallery_labels, gallery, "the gallery")
    asked, held = np.flatnonzero(names != ""), np.flatnonzero(gallery_names != "")
    leave_one_out = own is not None
    if len(asked) == 0 or len(held) <= leave_one_out:
        raise InputError(
            f"{len(asked)} labelled queries and {len(held)} labelled items to find them among are "
            "too few to measure; give more items a category"
        )
    exclude = None if own is None else np.searchsorted(held, own[asked])
    nearest = held[_search(queries[asked], gallery[held], exclude, distance, k)]
    truth, found = names[asked], gallery_names[nearest]
    values, n_relevant = _values(truth, found, gallery_names[held], leave_one_out)
    categories = tuple(np.unique(np.concatenate([truth, found[:, 0]])).tolist())
    rows, averages = by_category(truth, found[:, 0], categories)
    figures = bootstrap(np.stack(list(values.values()), axis=1), n_bootstrap, random_state)
    return RetrievalResult(
        **dict(zip(MEASURES, figures, strict=True)),
        k=k,
        n_queries=len(asked),
        n_gallery=len(held),
        n_unlabelled=len(names) - len(asked),
        n_without_match=int(np.count_nonzero(n_relevant == 0)),
        categories=categories,
        per_category=rows,
        averages=averages,
        confusion=confusion_matrix(truth, found[:, 0], categories),
        query_positions=asked,
        nearest=nearest,
        per_query=values,
    )


def _names(labels: Any, vectors: Any, what: str) -> NDArray[np.str_]:
    """Return labels as text, "" for unknown."""
    if vectors.ndim != 2 or len(labels) != len(vectors):
        raise InputError(
            f"{what}: {len(labels)} labels do not fit vectors {vectors.shape}; give (n, d) vectors "
            "and a label for each"
        )
    known = (label is not None and label == label for label in labels)  # NaN is not itself
    return np.array([str(x) if k else "" for x, k in zip(labels, known, strict=True)], np.str_)


def _search(
    queries: FloatArray,
    gallery: FloatArray,
    exclude: Positions | None,
    distance: Distance,
    k: int,
) -> Positions:
    """Return the gallery rows (q, min(k, possible)) nearest to each query."""
    possible = len(gallery) - (exclude is not None)
    positions, _ = blocked_top_k(
        distance.prepare(queries),
        distance.prepare(gallery),
        min(k, possible),
        distance.metric,
        exclude=exclude,
    )
    return positions


def _values(
    truth: NDArray[np.str_],
    found: NDArray[np.str_],
    held: NDArray[np.str_],
    leave_one_out: bool,
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """Return each measure's value for each query, and how many items it could have found."""
    names, counts = np.unique(held, return_counts=True)
    places = np.minimum(np.searchsorted(names, truth), len(names) - 1)
    n_relevant = np.where(names[places] == truth, counts[places], 0) - int(leave_one_out)
    relevant = found == truth[:, None]
    values = (
        hit_at_1(relevant),
        precision_at_k(relevant),
        recall_at_k(relevant, n_relevant),
        average_precision_at_k(relevant, n_relevant),
    )
    return dict(zip(MEASURES, values, strict=True)), n_relevant
