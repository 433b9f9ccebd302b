"""Encoders that are made of others, whose vectors they turn into their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import Encoder, FloatArray


class Composed(Encoder):
    """An encoder that looks at pictures through its members only.

    So whoever has the members' vectors already, as the cache of pretrained networks does, need not
    run them again.
    """

    @abstractmethod
    def _members(self) -> Sequence[Encoder]:
        """Return the fitted encoders that it is made of."""

    @property
    def batch_size_(self) -> int:
        """Pictures encoded at once: as few as a member wants."""
        return min(member.batch_size_ for member in self._members())

    def _split(self, batch: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """Return each member's pictures of a preprocessed batch; one alone sees it as it is."""
        return [batch]

    @abstractmethod
    def _combine(self, vectors: list[FloatArray]) -> FloatArray:
        """Return the vectors (b, d) for those of the members, each (b, d_i)."""

    def _encode(self, batch: NDArray[np.uint8]) -> FloatArray:
        parts = zip(self._members(), self._split(batch), strict=True)
        return self._combine([member._encode(part) for member, part in parts])
