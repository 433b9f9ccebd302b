"""How alike two items are, in words, and what they share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.items import Value
from vitrine.index.distance import Distance
from vitrine.service.page.links import human, plain, shown

SAMPLE = 600
"""Items whose pairs are the yardstick: 600 make 179,700 pairs."""

SAME_SIMILARITY = 0.999
CLOSE = 0.1
"""Two numbers are about the same within a tenth."""

_STEPS = (
    (99.9, "Very alike"),
    (99.5, "Alike"),
    (97.0, "Somewhat alike"),
    (80.0, "A little alike"),
)


@dataclass(frozen=True)
class Likeness:
    """How alike, in words.

    Attributes
    ----------
    words : str
        ``Very alike``, …
    closer_than : str
        The share of all pairs of items that are less alike than these two, in words.
    """

    words: str
    closer_than: str


class Yardstick:
    """Tells what a similarity means in this shop: few pairs of items, or most, are as alike.

    Encoders differ in what their numbers mean: a cosine of 0.4 is much with one and little with
    another. Among random pairs it has the same meaning everywhere.

    Parameters
    ----------
    prepared : ndarray of shape (n, d), float32
        Vectors of items drawn at random, as they are compared.
    distance : Distance
    """

    def __init__(self, prepared: NDArray[np.float32], distance: Distance) -> None:
        scores = prepared @ prepared.T
        if distance.metric == "l2":
            lengths = np.einsum("nd,nd->n", prepared, prepared)
            scores = 2 * scores - lengths[:, None] - lengths[None, :]
        pairs = scores[np.triu_indices(len(prepared), 1)]
        self._similarities = np.sort(distance.similarities(distance.distances(pairs)))

    def read(self, similarity: float) -> Likeness:
        """Put a similarity into words."""
        n = len(self._similarities)
        if similarity >= SAME_SIMILARITY:
            return Likeness("The same picture, or nearly", "")
        if n < 100:
            return Likeness(f"Similarity {similarity:.2f}", "")
        share = 100 * float(np.searchsorted(self._similarities, similarity)) / n
        words = next((words for least, words in _STEPS if share >= least), "Not much alike")
        shown = f"{min(share, 99.9):.1f}" if share > 97 else f"{share:.0f}"
        return Likeness(words, f"closer than {shown} % of all pairs")


def shared(
    one: Mapping[str, Value], other: Mapping[str, Value], most: int = 4
) -> list[tuple[str, str]]:
    """Return what two items have in common, as (attribute, value) in words.

    Text, whole numbers below ten, dates and yes count when they are equal; other numbers when
    they are within a tenth of each other.
    """
    found = []
    for name, value in one.items():
        theirs = other.get(name)
        if value is None or theirs is None or value is False:
            continue
        if value == theirs:
            found.append((human(name), shown(value)))
        elif _numbers(value, theirs) and abs(float(value) - float(theirs)) <= CLOSE * abs(  # type: ignore[arg-type]
            float(value)  # type: ignore[arg-type]
        ):
            found.append((human(name), f"about {plain(theirs)}"))
    return found[:most]


def _numbers(one: Value, other: Value) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other))
