"""Labels as they come, text or numbers, some missing, as classes and their members."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError

logger = logging.getLogger(__name__)

_SMALL = 5
"""Members below which a class is learned whole rather than partly watched."""


@dataclass(frozen=True)
class Labels:
    """Classes and who belongs to them.

    Attributes
    ----------
    classes : list of str or of numbers
        Each once: numbers by size, then texts by the alphabet.
    known : int (m,)
        Positions of the pictures that have a label.
    codes : int (m,)
        Their classes, 0…C−1.
    """

    classes: list[Any]
    known: NDArray[np.intp]
    codes: NDArray[np.intp]


def read_labels(y: Sequence[Any] | NDArray[Any] | None, n: int) -> Labels:
    """Return n pictures' labels; None, NaN and empty texts are no labels.

    Raises
    ------
    InputError
        If there are none at all, or not one (or None) a picture.
    """
    if y is None:
        raise InputError(
            "the category encoder learns from labels and got none; say which column holds them "
            "(--label COLUMN)"
        )
    if len(y) != n:
        raise InputError(f"{len(y)} labels for {n} pictures")
    values = [_plain(label) for label in y]
    known = np.array([i for i, value in enumerate(values) if value is not None], dtype=np.intp)
    if not len(known):
        raise InputError(f"none of {n} pictures has a label")
    present = {values[i] for i in known}
    classes = sorted(present, key=lambda value: (isinstance(value, str), value))
    code_of = {value: code for code, value in enumerate(classes)}
    codes = np.array([code_of[values[i]] for i in known], dtype=np.intp)
    _tell(n, codes, classes)
    return Labels(classes, known, codes)


def validation_part(labels: Labels, share: float, random_state: int) -> NDArray[np.bool_]:
    """Draw `share` of each class, at least one member of those with five; bool (m,)."""
    chosen = np.zeros(len(labels.codes), bool)
    rng = np.random.default_rng(random_state)
    for code in range(len(labels.classes)):
        members = np.flatnonzero(labels.codes == code)
        if share > 0 and len(members) >= _SMALL:
            n = max(1, round(share * len(members)))
            chosen[rng.choice(members, n, replace=False)] = True
    return chosen


def _plain(label: Any) -> Any:
    """Return a label as Python's own text or number, None where there is none."""
    value = label.item() if isinstance(label, np.generic) else label
    if value is None or value == "" or value != value:  # NaN is not equal to itself
        return None
    if not isinstance(value, str | int | float):
        raise InputError(f"a label must be a text or a number, not {type(value).__name__}")
    return value


def _tell(n: int, codes: NDArray[np.intp], classes: list[Any]) -> None:
    if len(codes) < n:
        logger.info("%d of %d pictures have no label and are not learned from", n - len(codes), n)
    counts = np.bincount(codes)
    rare = [str(classes[code]) for code in np.flatnonzero(counts < _SMALL)]
    if rare:
        shown = ", ".join(rare[:5]) + (", …" if len(rare) > 5 else "")
        logger.info(
            "%d of %d categories have fewer than %d pictures (%d of them one): they are learned, "
            "but how well cannot be watched: %s",
            len(rare), len(classes), _SMALL, int((counts == 1).sum()), shown,
        )  # fmt: skip
    if len(classes) == 1:
        logger.info("there is one category only, %s: nothing tells pictures apart", classes[0])
