"""Several encoders on one split: fitted on train, judged by test, one row each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders import Encoder
from vitrine.encoders.preprocessing import Pictures
from vitrine.evaluation.bootstrap import Figure, bootstrap, paired_difference
from vitrine.evaluation.colours import dominant_colours, same_colour
from vitrine.evaluation.result import RetrievalResult
from vitrine.evaluation.retrieval import Labels, evaluate
from vitrine.progress import task
from vitrine.topk import FloatArray

FLOAT_BYTES = 4
MIN_MINUTES = 0.05  # what an encoder gets at least, however late it comes


@dataclass(frozen=True)
class Row:
    """How one encoder fared.

    Attributes
    ----------
    encoder : str
        The name it was given.
    k : int
        The depth of precision and mAP.
    result : RetrievalResult or None
        None where it failed.
    n_components : int or None
    fit_seconds, transform_seconds : float or None
        Wall time to fit on train, and to encode test.
    error : str or None
        Why it failed.
    same_colour : Figure or None
        Share of the first five found whose centre has the colour of the query's; None where it
        failed and where pictures are grey.
    """

    encoder: str
    k: int
    result: RetrievalResult | None = None
    n_components: int | None = None
    fit_seconds: float | None = None
    transform_seconds: float | None = None
    error: str | None = None
    same_colour: Figure | None = None

    @property
    def bytes_per_item(self) -> int | None:
        """What a vector takes, in bytes."""
        return None if self.n_components is None else FLOAT_BYTES * self.n_components

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON can hold it; figures are None where it failed."""
        figures = {} if self.result is None else self.result.to_dict()
        return {
            "encoder": self.encoder,
            "n_components": self.n_components,
            "same_category_rate": figures.get("same_category_rate"),
            "same_category_rate_low": figures.get("same_category_rate_low"),
            "same_category_rate_high": figures.get("same_category_rate_high"),
            f"precision_at_{self.k}": figures.get("precision_at_k"),
            f"map_at_{self.k}": figures.get("map_at_k"),
            "same_colour_at_5": None if self.same_colour is None else self.same_colour.value,
            "bytes_per_item": self.bytes_per_item,
            "fit_seconds": self.fit_seconds,
            "transform_seconds": self.transform_seconds,
            "error": self.error,
        }


@dataclass(frozen=True)
class Difference:
    """How far the best encoder is ahead of another, over the same queries.

    Attributes
    ----------
    best, other : str
    ahead : Figure
        Difference of the measure, and its 95 % interval.
    real : bool
        Whether the interval lies above 0.
    """

    best: str
    other: str
    ahead: Figure
    real: bool


def compare(
    train_pictures: Pictures,
    train_labels: Labels | None,
    test_pictures: Pictures,
    test_labels: Labels,
    encoders: Mapping[str, Encoder],
    *,
    k: int = 10,
    n_bootstrap: int = 1000,
    random_state: int = 0,
    budget_minutes: float | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Fit each encoder on train and evaluate it leave-one-out among test.

    Parameters
    ----------
    train_pictures, train_labels
        What is fitted on; labels may be None if no encoder needs them.
    test_pictures, test_labels
        What is asked about and searched.
    encoders : mapping of str to Encoder
        Unfitted encoders by the name their row gets.
    k, n_bootstrap, random_state
        As `evaluate`.
    budget_minutes : float, optional
        For the training of all together: each that is trained (it has an option `max_minutes`)
        gets an equal part of what is left, and keeps its best weights.
    on_row : function of a Row, optional
        Called with each row as it comes.

    Returns
    -------
    list of Row
        In the order of `encoders`. One that fails has its error in its row; the others go on.
    """
    rows = []
    colours = dominant_colours(test_pictures)
    budget = Budget(budget_minutes, encoders.values())
    with task("comparing encoders", len(encoders)) as progress:
        for name, encoder in encoders.items():
            try:
                row, vectors = _fit_and_encode(
                    name, budget.limit(encoder), (train_pictures, train_labels), test_pictures, k
                )
                result = evaluate(
                    vectors,
                    test_labels,
                    distance=encoder.distance_,
                    k=k,
                    n_bootstrap=n_bootstrap,
                    random_state=random_state,
                )
                colour = None if colours is None else _same_colour(colours, result, n_bootstrap)
                row = replace(row, result=result, same_colour=colour)
            except Exception as error:  # one encoder's failure must not cost the others' hours
                row = Row(name, k, error=f"{type(error).__name__}: {error}")
            rows.append(row)
            progress.advance(note=name)
            if on_row is not None:
                on_row(row)
    return rows


class Budget:
    """Minutes for training, shared out among the encoders that can be told how long they have.

    Parameters
    ----------
    minutes : float or None
        For all together; None: no limit.
    encoders : iterable of Encoder
    """

    def __init__(self, minutes: float | None, encoders: Iterable[Encoder]) -> None:
        self._ends = None if minutes is None else time.monotonic() + 60 * minutes
        self._waiting = sum(_is_trained(encoder) for encoder in encoders)

    def limit(self, encoder: Encoder) -> Encoder:
        """Return the encoder, told its equal part of the time that is left."""
        if self._ends is None or not _is_trained(encoder):
            return encoder
        left = max(MIN_MINUTES, (self._ends - time.monotonic()) / 60)
        encoder.set_params(max_minutes=left / max(1, self._waiting))
        self._waiting -= 1
        return encoder


def _is_trained(encoder: Encoder) -> bool:
    params = encoder.get_params(deep=False)
    return "max_minutes" in params and params["max_minutes"] is None


def _same_colour(colours: NDArray[np.str_], result: RetrievalResult, n_bootstrap: int) -> Figure:
    agrees = same_colour(colours, result.query_positions, result.nearest)
    return bootstrap(agrees[:, None], n_bootstrap)[0]


def differences(
    rows: Sequence[Row],
    measure: str = "same_category_rate",
    *,
    n_bootstrap: int = 1000,
    random_state: int = 0,
) -> list[Difference]:
    """Say how far the best row is ahead of each other one, and whether that is more than chance.

    A paired bootstrap over the queries, which all rows of one `compare` share. Each pair is tested
    by itself: of twenty encoders that are equal in truth, one may seem really worse.

    Parameters
    ----------
    rows : sequence of Row
        Failed ones are left out.
    measure : str
        One of `vitrine.evaluation.MEASURES`.
    n_bootstrap, random_state
        As `evaluate`.

    Returns
    -------
    list of Difference
        Nearest to the best first; empty where fewer than two succeeded.
    """
    measured = {row.encoder: row.result for row in rows if row.result is not None}
    ranked = sorted(measured, key=lambda name: -_value(measured[name], measure))
    found = []
    for other in ranked[1:]:
        best_values, values = (measured[name].per_query[measure] for name in (ranked[0], other))
        ahead = paired_difference(best_values, values, n_bootstrap, random_state)
        found.append(Difference(ranked[0], other, ahead, real=ahead.low > 0))
    return found


def _fit_and_encode(
    name: str, encoder: Encoder, train: tuple[Pictures, Labels | None], test: Pictures, k: int
) -> tuple[Row, FloatArray]:
    """Return the row but for its result, and the vectors of the test pictures."""
    started = time.perf_counter()
    encoder.fit(*train)
    fitted = time.perf_counter()
    vectors = encoder.transform(test)
    encoded = time.perf_counter()
    return Row(name, k, None, vectors.shape[1], fitted - started, encoded - fitted), vectors


def _value(result: RetrievalResult, measure: str) -> float:
    value = result.figures()[measure].value
    return -math.inf if math.isnan(value) else value
