"""Masks of the filters that were asked last."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock

from vitrine.catalogue.attributes import AttributeTable
from vitrine.catalogue.where import Condition
from vitrine.index import Allowed

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
        self._kept: dict[tuple[Condition, ...], Allowed] = {}

    def of(self, conditions: Sequence[Condition]) -> Allowed:
        """Return which rows the conditions allow; its mask is not to be written to."""
        key = tuple(conditions)
        with self._lock:
            allowed = self._kept.pop(key, None)
            if allowed is None:
                mask = self._table.mask(conditions)
                mask.flags.writeable = False
                allowed = Allowed(mask)
            self._kept[key] = allowed  # the last one asked stays longest
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
            return allowed

    def forget(self) -> None:
        """Drop all masks: the table has changed."""
        with self._lock:
            self._kept.clear()
