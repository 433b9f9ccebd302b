"""What the items of a shop have in common: counts of values, ranges of numbers and dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.items import AttributeType, Value


@dataclass(frozen=True)
class Facet:
    """One attribute among some items.

    Attributes
    ----------
    name : str
    type : AttributeType
    items : int
        How many of the items have a value.
    distinct : int
        How many different values they have.
    values : list of (value, count)
        The most frequent values, most frequent first; empty for numbers and dates with more
        different values than asked for.
    minimum, maximum : Value
        Of numbers and dates; None for the others.
    """

    name: str
    type: AttributeType
    items: int
    distinct: int
    values: list[tuple[Value, int]]
    minimum: Value = None
    maximum: Value = None


def facet(
    name: str, kind: AttributeType, values: NDArray[Any], words: Sequence[str], most: int
) -> Facet:
    """Count one attribute's values.

    Parameters
    ----------
    name : str
    kind : AttributeType
    values : ndarray of shape (m,)
        Those that are there: codes into `words` for text, else the values themselves.
    words : sequence of str
    most : int
        How many values are listed.
    """
    if kind == "text":
        counts = np.bincount(values, minlength=len(words))
        different = np.flatnonzero(counts)
        counts = counts[different]
    else:
        different, counts = np.unique(values, return_counts=True)
    ordered = kind in ("integer", "number", "date")
    chosen = [] if ordered and len(different) > most else _most_frequent(counts, most)
    listed: list[tuple[Value, int]] = [
        (words[different[i]] if kind == "text" else different[i].item(), int(counts[i]))
        for i in chosen
    ]
    ends = (different[0].item(), different[-1].item()) if ordered and len(different) else ()
    return Facet(name, kind, len(values), len(different), listed, *ends)


def _most_frequent(counts: NDArray[np.int64], most: int) -> list[int]:
    if len(counts) > most:
        likely = np.sort(np.argpartition(-counts, most)[:most])
    else:
        likely = np.arange(len(counts))
    order: list[int] = likely[np.argsort(-counts[likely], kind="stable")].tolist()
    return order
