"""What evaluating one rating model gave, kept by rating and by list, and the figures made of it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.evaluation.bootstrap import Figure, bootstrap
from vitrine.ratings.ids import encode

Float64Array = NDArray[np.float64]
LIST_MEASURES = (
    "ndcg", "recall", "precision", "map", "hit_rate", "novelty", "diversity", "popularity",
)  # fmt: skip
WARMTHS: tuple[tuple[str, int, int], ...] = (
    ("none", 0, 0), ("1 to 9", 1, 9), ("10 to 49", 10, 49), ("50 and more", 50, 2**62),
)  # fmt: skip
"""Classes of users and items by ratings learned from: name, fewest, most."""


@dataclass(frozen=True, eq=False)
class RatingResult:
    """One model's answers over one or several splits.

    Attributes
    ----------
    model : str
    top_n : int
        Length of the lists.
    users : sequence of hashable, length n
        Whose each test rating is.
    errors : ndarray of shape (n,), float64
        Prediction less rating; NaN from a model that only ranks.
    user_counts, item_counts : ndarray of shape (n,), int64
        How many ratings of that user, of that item, were learned from.
    list_users : sequence of hashable, length q
        Whose each list is; users without anything relevant to find get none.
    list_user_counts : ndarray of shape (q,), int64
    lists : dict of str to ndarray of shape (q,), float64
        Each of `LIST_MEASURES`.
    coverage : float
        Share of the items that is in any list.
    fit_seconds, predict_seconds : float
        Sums over the splits; predicting includes the lists.
    options : tuple of dict
        Parameters that a search chose, one a split; empty without a search.
    """

    model: str
    top_n: int
    users: Sequence[Hashable]
    errors: Float64Array
    user_counts: NDArray[np.int64]
    item_counts: NDArray[np.int64]
    list_users: Sequence[Hashable]
    list_user_counts: NDArray[np.int64]
    lists: dict[str, Float64Array]
    coverage: float
    fit_seconds: float
    predict_seconds: float
    options: tuple[dict[str, Any], ...] = ()

    def figures(self, n_bootstrap: int = 1000, random_state: int = 0) -> dict[str, Figure]:
        """Return every figure with its 95 % interval over resampled users."""
        figures = {
            "rmse": rmse(self.users, self.errors, n_bootstrap, random_state),
            "mae": mae(self.users, self.errors, n_bootstrap, random_state),
        }
        _, values = self.user_values()
        means = bootstrap(values, n_bootstrap, random_state)
        return figures | dict(zip(self.lists, means, strict=True))

    def user_values(self) -> tuple[tuple[Hashable, ...], Float64Array]:
        """Return users, and the means of their lists' measures, (n_users, n_measures)."""
        users, codes = encode(self.list_users)
        counts = np.bincount(codes, minlength=len(users))
        columns = [np.bincount(codes, v, len(users)) / counts for v in self.lists.values()]
        return users.values, np.stack(columns, axis=1)

    def row(self) -> dict[str, Any]:
        """Return the figures as one flat row, intervals as ``…_low`` and ``…_high``.

        None where nothing could be measured.
        """
        row: dict[str, Any] = {"model": self.model}
        for name, figure in self.figures().items():
            key = name if name in ("rmse", "mae") else f"{name}_at_{self.top_n}"
            measured = {"": figure.value, "_low": figure.low, "_high": figure.high}
            row |= {key + end: None if np.isnan(v) else v for end, v in measured.items()}
        return row | {
            "coverage": self.coverage,
            "fit_seconds": self.fit_seconds,
            "predict_seconds": self.predict_seconds,
        }

    def by_warmth(self) -> list[dict[str, Any]]:
        """Return RMSE by how much was known of user and item, and NDCG by user.

        Rows have ``side`` (user or item), ``ratings`` (a class of `WARMTHS`), ``n`` test ratings,
        ``rmse``, and for users ``ndcg_at_…``; classes that do not occur are left out.
        """
        rows = []
        for side, counts in (("user", self.user_counts), ("item", self.item_counts)):
            for name, low, high in WARMTHS:
                chosen = (counts >= low) & (counts <= high)
                if not chosen.any():
                    continue
                error = float(np.sqrt(np.mean(self.errors[chosen] ** 2)))
                row = {"side": side, "ratings": name, "n": int(chosen.sum()), "rmse": error}
                mine = (self.list_user_counts >= low) & (self.list_user_counts <= high)
                if side == "user" and mine.any():
                    row[f"ndcg_at_{self.top_n}"] = float(self.lists["ndcg"][mine].mean())
                rows.append(row)
        return rows


def join(results: Sequence[RatingResult]) -> RatingResult:
    """Return one model's results over several splits as one; coverage is the splits' mean."""
    first = results[0]
    return RatingResult(
        first.model,
        first.top_n,
        [user for result in results for user in result.users],
        np.concatenate([result.errors for result in results]),
        np.concatenate([result.user_counts for result in results]),
        np.concatenate([result.item_counts for result in results]),
        [user for result in results for user in result.list_users],
        np.concatenate([result.list_user_counts for result in results]),
        {name: np.concatenate([r.lists[name] for r in results]) for name in first.lists},
        float(np.mean([result.coverage for result in results])),
        sum(result.fit_seconds for result in results),
        sum(result.predict_seconds for result in results),
        tuple(option for result in results for option in result.options),
    )


def rmse(
    users: Sequence[Hashable], errors: Float64Array, n_bootstrap: int = 1000, random_state: int = 0
) -> Figure:
    """Return the root mean square of `errors` with its 95 % interval over resampled users."""
    sums, counts = by_user(users, errors**2)
    figure = _ratio(sums, counts, n_bootstrap, random_state)
    value, low, high = np.sqrt([figure.value, figure.low, figure.high]).tolist()
    return Figure(value, low, high)


def mae(
    users: Sequence[Hashable], errors: Float64Array, n_bootstrap: int = 1000, random_state: int = 0
) -> Figure:
    """Return the mean of absolute `errors` with its 95 % interval over resampled users."""
    return _ratio(*by_user(users, np.abs(errors)), n_bootstrap, random_state)


def by_user(
    users: Sequence[Hashable], values: Float64Array
) -> tuple[Float64Array, NDArray[np.int64]]:
    """Return each user's sum of `values` and number of them, users in order of appearance."""
    ids, codes = encode(users)
    sums: Float64Array = np.bincount(codes, values, len(ids)).astype(np.float64)
    return sums, np.bincount(codes, minlength=len(ids)).astype(np.int64)


def resampled_ratios(
    sums: Float64Array, counts: NDArray[Any], n_bootstrap: int, random_state: int
) -> Float64Array:
    """Return Σ sums / Σ counts of each resampling of the rows: (n_bootstrap,)."""
    rng, n = np.random.default_rng(random_state), len(sums)
    draws = (rng.integers(0, n, n) for _ in range(n_bootstrap))
    return np.array([sums[drawn].sum() / counts[drawn].sum() for drawn in draws])


def _ratio(sums: Float64Array, counts: NDArray[Any], n_bootstrap: int, random_state: int) -> Figure:
    ratios = resampled_ratios(sums, counts, n_bootstrap, random_state)
    low, high = np.percentile(ratios, [2.5, 97.5]) if n_bootstrap else (np.nan, np.nan)
    return Figure(float(sums.sum() / counts.sum()), float(low), float(high))
