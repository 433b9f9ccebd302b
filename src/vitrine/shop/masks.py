"""Masks of the filters that were asked last."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.attributes import AttributeTable
from vitrine.catalogue.where import Condition

KEPT = 16


class Masks:
    """Which rows of a table some filters allow, kept until the table changes.

    A page or an app asks with the same filter again and again; looking through a column each time
    took longer than the search. May be asked from several threads.

    Parameters
    ----------
    table : AttributeTable
    """

    def __init__(self, table: AttributeTable) -> None:
        self._table = table
        self._lock = Lock()
        self._kept: dict[tuple[Condition, ...], NDArray[np.bool_]] = {}

    def of(self, conditions: Sequence[Condition]) -> NDArray[np.bool_]:
        """Return which rows the conditions allow, (n,) bool, not to be written to."""
        key = tuple(conditions)
        with self._lock:
            mask = self._kept.pop(key, None)
            if mask is None:
                mask = self._table.mask(conditions)
                mask.flags.writeable = False
            self._kept[key] = mask  # the last one asked stays longest
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
            return mask

    def forget(self) -> None:
        """Drop all masks: the table has changed."""
        with self._lock:
            self._kept.clear()
