"""Gradient steps whose length each parameter finds for itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
FORGETTING = (0.9, 0.999)
WARMING = 0.3
"""Share of the steps in which the rate grows."""


class Adam:
    """Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015.

    Weights decay apart from the gradient (Loshchilov and Hutter, "Decoupled Weight Decay
    Regularization", 2019). Of a table only the rows in use may be stepped.

    Parameters
    ----------
    values : ndarray of float32
        Changed in place.
    decay : float
        Share of the values that is taken away at each step, times the rate.
    """

    def __init__(self, values: Array, decay: float) -> None:
        self.values, self._decay = values, np.float32(decay)
        self._mean, self._square = np.zeros_like(values), np.zeros_like(values)

    def step(self, gradient: Array, rate: float, number: int, rows: Array | None = None) -> None:
        """Take step `number`, counted from 1, of `rows` or all of the values."""
        forget, forget_square = FORGETTING
        chosen = slice(None) if rows is None else rows
        mean = self._mean[chosen] * np.float32(forget) + gradient * np.float32(1 - forget)
        square = self._square[chosen] * np.float32(forget_square)
        square += gradient**2 * np.float32(1 - forget_square)
        self._mean[chosen], self._square[chosen] = mean, square
        mean = mean / np.float32(1 - forget**number)
        mean /= np.sqrt(square / np.float32(1 - forget_square**number)) + np.float32(1e-8)
        mean += self._decay * self.values[chosen]
        self.values[chosen] -= np.float32(rate) * mean


def one_cycle(rate: float, done: float) -> float:
    """Return the rate after the share `done` of all steps: up from a 25th of it, and down to 0.

    Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning
    Rates", 2018, by half waves of a cosine.
    """
    if done < WARMING:
        low, high, place = rate / 25, rate, done / WARMING
    else:
        low, high, place = rate, 0.0, (done - WARMING) / (1 - WARMING)
    return low + (high - low) * (1 - float(np.cos(np.pi * place))) / 2
