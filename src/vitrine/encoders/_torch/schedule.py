"""How large the next step is, and when there are no more: by plan, and by the clock."""

from __future__ import annotations

from math import cos, pi
from time import perf_counter

_TIMED = 5
"""Steps before the clock is asked: the first ones are slow."""
_RISE = 0.1
"""Share of a cycle in which the rate rises."""
_LEAST, _LAST = 0.04, 1e-4
"""Rate at the start and at the end of a cycle, as shares of the largest."""


class Schedule:
    """Goes from 0 to 1 in as many steps as are planned, or in fewer where time is short.

    As long as the plan fits into the time, the clock has no influence on the steps.

    Parameters
    ----------
    learning_rate : float
        The largest.
    n_steps : int
        How many are planned.
    one_cycle : bool
        Let the rate rise over a tenth of the steps, then fall to nothing along a cosine.
    max_seconds : float or None
        Time after which training ends.

    Attributes
    ----------
    done : float
        Share of the training that lies behind, 0 to 1.

    References
    ----------
    L. N. Smith and N. Topin. Super-convergence: very fast training of neural networks using large
    learning rates. 2019.
    """

    def __init__(
        self, learning_rate: float, n_steps: int, one_cycle: bool, max_seconds: float | None
    ) -> None:
        self._learning_rate, self._n_steps = learning_rate, n_steps
        self._one_cycle, self._max_seconds = one_cycle, max_seconds
        self._taken = 0
        self._started = perf_counter()
        self.done = 0.0

    @property
    def over(self) -> bool:
        """Whether the time is up."""
        limit = self._max_seconds
        return limit is not None and (self.done >= 1 or perf_counter() - self._started >= limit)

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        if not self._one_cycle:
            return self._learning_rate
        if self.done < _RISE:
            return self._learning_rate * (_LEAST + (1 - _LEAST) * self.done / _RISE)
        share = (1 + cos(pi * (self.done - _RISE) / (1 - _RISE))) / 2
        return self._learning_rate * max(share, _LAST)

    def advance(self) -> None:
        """Note that a step was taken."""
        self._taken += 1
        remaining = (1 - self.done) * self._n_steps
        if self._max_seconds is not None and self._taken >= _TIMED:
            elapsed = perf_counter() - self._started
            remaining = min(remaining, (self._max_seconds - elapsed) / (elapsed / self._taken))
        self.done = min(1.0, self.done + (1 - self.done) / max(remaining, 1.0))
