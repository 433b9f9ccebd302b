"""Rating models × splits → results, rows and paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from vitrine.errors import InputError
from vitrine.evaluation.bootstrap import Figure, paired_difference
from vitrine.evaluation.metrics import average_precision_at_k, precision_at_k, recall_at_k
from vitrine.evaluation.ratings import measures
from vitrine.evaluation.ratings.result import RatingResult, by_user, join, resampled_ratios
from vitrine.evaluation.ratings.search import Search, best_setting
from vitrine.evaluation.ratings.splits import RatingSplit
from vitrine.progress import track
from vitrine.ratings import Interactions, ItemFeatures, RatingModel
from vitrine.ratings.ids import Codes
from vitrine.ratings.interactions import Rows


@dataclass(frozen=True)
class Protocol:
    """What is asked of each model.

    Parameters
    ----------
    top_n : int
        Length of the lists, made of all items that the user did not rate in the training part.
    relevant_from : float, optional
        Least test rating of an item that a list should hold; None: any.
    only_cold : bool
        Whether lists are made of items without any training rating alone.
    """

    top_n: int = 20
    relevant_from: float | None = None
    only_cold: bool = False


def evaluate_rating_model(
    model: RatingModel,
    split: RatingSplit,
    protocol: Protocol | None = None,
    item_features: ItemFeatures | None = None,
    name: str | None = None,
) -> RatingResult:
    """Fit a clone of `model` on the training part and ask it for the test part.

    Predictions are scored by RMSE and MAE where the model predicts ratings; lists of all unseen
    items (no sampled negatives) by the measures of `result.LIST_MEASURES`.

    Parameters
    ----------
    model : RatingModel
    split : RatingSplit
    protocol : Protocol, optional
    item_features : ItemFeatures, optional
        Items described here are known, and may be recommended, without a rating.
    name : str, optional
        What the result is called; the model's kind by default.
    """
    protocol = protocol or Protocol()
    started = perf_counter()
    fitted = clone(model).fit(split.train, item_features)
    fit_seconds = perf_counter() - started
    test = split.test
    users, items = fitted.users_.codes(test.users.values), fitted.items_.codes(test.items.values)
    started = perf_counter()
    errors = np.full(len(test), np.nan)
    if fitted.predicts_ratings:
        predicted = fitted.predict_codes(users[test.user_codes], items[test.item_codes])
        errors = predicted.astype(np.float64) - test.ratings
    asked, wanted, n_wanted = _wanted(test, items, protocol)
    counts = np.bincount(fitted.seen_.indices, minlength=len(fitted.items_))
    allowed = counts == 0 if protocol.only_cold else None
    lists, _ = fitted.rank(users[asked], protocol.top_n, allowed=allowed)
    predict_seconds = perf_counter() - started
    user_counts, item_counts = _known(fitted.seen_.counts, users), _known(counts, items)
    candidates = len(counts) if allowed is None else int(allowed.sum())
    return RatingResult(
        name or fitted.kind,
        protocol.top_n,
        test.user_ids,
        errors,
        user_counts[test.user_codes],
        item_counts[test.item_codes],
        test.users.take(asked),
        user_counts[asked],
        _list_values(fitted, lists, wanted, n_wanted),
        measures.coverage(lists, max(1, candidates)),
        fit_seconds,
        predict_seconds,
    )


def compare_rating_models(
    models: Mapping[str, RatingModel],
    splits: Sequence[RatingSplit],
    protocol: Protocol | None = None,
    item_features: ItemFeatures | None = None,
    search: Search | None = None,
) -> list[RatingResult]:
    """Evaluate each model on the same splits; one result a model, in the order of `models`.

    With a `search`, each model's parameters are chosen anew inside each training part.
    """
    if not splits:
        raise InputError("there is no split to compare on")
    jobs = [(name, model, split) for name, model in models.items() for split in splits]
    results: dict[str, list[RatingResult]] = {name: [] for name in models}
    for name, model, split in track(jobs, "comparing rating models"):
        evaluate = partial(
            evaluate_rating_model, protocol=protocol, item_features=item_features, name=name
        )
        chosen = {} if search is None else best_setting(model, search, evaluate, split)
        result = evaluate(clone(model).set_params(**chosen), split)
        results[name].append(result if search is None else replace(result, options=(chosen,)))
    return [join(parts) for parts in results.values()]


def rating_differences(
    results: Sequence[RatingResult], reference: str, n_bootstrap: int = 1000, random_state: int = 0
) -> dict[str, dict[str, Figure]]:
    """Return each model's RMSE and NDCG less the reference's, paired by user, with 95 % intervals.

    A difference is real where its interval does not hold 0.

    Raises
    ------
    InputError
        If no result is called `reference`, or two results are not about the same test part.
    """
    by_name = {result.model: result for result in results}
    if reference not in by_name:
        raise InputError(f"no result is called {reference!r}; there are: {', '.join(by_name)}")
    base = by_name.pop(reference)
    return {
        name: {
            "rmse": _rmse_difference(result, base, n_bootstrap, random_state),
            "ndcg": _list_difference(result, base, n_bootstrap, random_state),
        }
        for name, result in by_name.items()
    }


def _rmse_difference(
    one: RatingResult, two: RatingResult, n_bootstrap: int, random_state: int
) -> Figure:
    if list(one.users) != list(two.users):
        raise InputError(f"{one.model} and {two.model} were asked for different ratings")
    (first, counts), (second, _) = (by_user(r.users, r.errors**2) for r in (one, two))
    value = np.sqrt(first.sum() / counts.sum()) - np.sqrt(second.sum() / counts.sum())
    # The same seed draws the same users for both.
    ratios = [resampled_ratios(s, counts, n_bootstrap, random_state) for s in (first, second)]
    low, high = np.percentile(np.sqrt(ratios[0]) - np.sqrt(ratios[1]), [2.5, 97.5])
    return Figure(float(value), float(low), float(high))


def _list_difference(
    one: RatingResult, two: RatingResult, n_bootstrap: int, random_state: int
) -> Figure:
    (first_users, first), (second_users, second) = one.user_values(), two.user_values()
    if first_users != second_users:
        raise InputError(f"{one.model} and {two.model} made lists for different users")
    column = list(one.lists).index("ndcg")
    return paired_difference(first[:, column], second[:, column], n_bootstrap, random_state)


def _wanted(
    test: Interactions, items: Codes, protocol: Protocol
) -> tuple[NDArray[np.int64], Rows, NDArray[np.int64]]:
    """Return who gets a list, which of the model's items it should hold, and how many there are.

    Relevant items that the model never met count, though no list can hold them.
    """
    relevant = test
    if protocol.relevant_from is not None:
        relevant = test.select(test.ratings >= protocol.relevant_from)
    counts = relevant.by_user.counts
    asked = np.flatnonzero(counts)
    codes = items[relevant.item_codes]
    known = codes >= 0
    rows = np.cumsum(counts > 0)[relevant.user_codes[known]] - 1
    indptr = np.append(0, np.cumsum(np.bincount(rows, minlength=len(asked))))
    return asked, Rows(indptr, codes[known], relevant.ratings[known]), counts[asked]


def _list_values(
    fitted: RatingModel, lists: measures.Lists, wanted: Rows, n_wanted: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    relevant = measures.relevance(lists, wanted)
    seen = fitted.seen_.matrix(len(fitted.items_))
    n_users = np.count_nonzero(fitted.seen_.counts)  # others are known by their features alone
    shares = np.bincount(seen.indices, minlength=seen.shape[1]) / n_users
    return {
        "ndcg": measures.ndcg_at_k(relevant, n_wanted),
        "recall": recall_at_k(relevant, n_wanted),
        "precision": precision_at_k(relevant),
        "map": average_precision_at_k(relevant, n_wanted),
        "hit_rate": measures.hit_at_k(relevant, n_wanted),
        "novelty": measures.novelty(lists, shares),
        "diversity": measures.diversity(lists, seen),
        "popularity": measures.popularity(lists, shares),
    }


def _known(counts: NDArray[np.int64], codes: Codes) -> NDArray[np.int64]:
    return np.append(counts, 0)[codes]  # −1 picks the 0 at the end
