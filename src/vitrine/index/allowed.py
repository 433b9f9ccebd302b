"""Which rows a search may return, with what searches work out of it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vitrine.topk import Positions


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


def packed(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return a mask with eight rows to a byte, as FAISS reads it."""
    return np.packbits(mask, bitorder="little")
