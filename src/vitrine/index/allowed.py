"""Which rows a search may return, with what searches work out of it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vitrine.index.compact import Compact
from vitrine.index.filtered import AllowedLists, Filing
from vitrine.index.lists import packed
from vitrine.index.rows import Rows
from vitrine.topk import Metric, Positions

_WORTH_COPYING = 250_000
"""Numbers; fewer are gone through where they lie in no time."""


class Allowed:
    """A mask of rows that many searches share.

    Counting a million booleans, or listing those that are set, takes as long as a search; whoever
    asks with the same filter again keeps this, not the mask alone.

    Parameters
    ----------
    mask : ndarray of shape (n,), bool
        Not written to afterwards.
    """

    def __init__(self, mask: NDArray[np.bool_]) -> None:
        self.mask = mask
        self._asked: object = None  # the version of the rows that it was asked with before
        self._compact: Compact | None = None
        self._lists: AllowedLists | None = None

    @cached_property
    def count(self) -> int:
        """How many rows are allowed."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def positions(self) -> Positions:
        """The rows that are allowed, in order."""
        return np.flatnonzero(self.mask)

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """The mask with eight rows to a byte, the first in the lowest bit."""
        return packed(self.mask)

    def lists(self, filing: Filing) -> AllowedLists:
        """Return the lists of an inverted file that hold allowed rows."""
        kept = self._lists
        if kept is None or kept.filing is not filing:
            self._lists = kept = filing.lists(self.positions)
        return kept

    def compact(self, rows: Rows, metric: Metric) -> Compact | None:
        """Return a copy of the allowed rows, once they were asked for before.

        Making it takes as long as several searches, which a filter asked once would not get back.
        """
        if self.count * rows.n_components < _WORTH_COPYING:
            return None
        kept = self._compact
        if kept is not None and kept.version is rows.version:
            return kept
        if self._asked is not rows.version:
            self._asked = rows.version
            return None
        there = self.positions[rows.live[self.positions]]
        if not len(there):
            return None
        self._compact = kept = Compact(rows, there, metric)
        return kept
