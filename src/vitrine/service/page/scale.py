"""What a rating may be in a shop, as buttons to press."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from vitrine.shop import RatingsInfo

MOST_STEPS = 10
N_STEPS = 5


@dataclass(frozen=True)
class Scale:
    """The ratings that can be given.

    Attributes
    ----------
    steps : list of float
        From the lowest to the highest; one alone where a rating only says that it was taken.
    rated : bool
        Whether anything has been rated yet.
    """

    steps: list[float]
    rated: bool

    @classmethod
    def of(cls, info: RatingsInfo) -> Self:
        """Read the scale off the ratings that there are; 1 to 5 where there are none.

        Whole numbers up to ten steps apart are each a step; else five steps from the lowest to
        the highest.
        """
        if info.feedback == "implicit":
            return cls([1.0], info.ratings > 0)
        low, high = info.lowest, info.highest
        if low is None or high is None or low >= high or (low >= 1 and high <= N_STEPS):
            return cls([float(step) for step in range(1, N_STEPS + 1)], info.ratings > 0)
        if low.is_integer() and high.is_integer() and high - low < MOST_STEPS:
            return cls([low + step for step in range(int(high - low) + 1)], True)
        return cls([low + step * (high - low) / (N_STEPS - 1) for step in range(N_STEPS)], True)
