"""Scores of different models, made comparable."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def standardised(scores: Array) -> Array:
    """Return scores with mean 0 and deviation 1 in each row; a row of equal ones becomes zeros."""
    centred: Array = scores - scores.mean(axis=-1, keepdims=True)
    deviations = centred.std(axis=-1, keepdims=True)
    centred /= np.where(deviations > 0, deviations, 1)
    return centred
