"""Inputs of equal mean and spread, as part of a network's first layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Standardize:
    """Subtract the mean and divide by the spread.

    Parameters
    ----------
    mean, spread : float32 (D,)
        No spread is 0.
    """

    mean: FloatArray
    spread: FloatArray

    @classmethod
    def fit(cls, features: FloatArray, how: Literal["each", "shared"]) -> Self:
        """Measure features (n, D): each one's own spread, or one number for all.

        With one number, features that hardly vary stay in the background.
        """
        mean, spread = features.mean(axis=0), features.std(axis=0)
        if how == "shared":
            spread = np.full_like(spread, np.sqrt(np.square(spread).mean()))
        noise = 1e-6 * max(1.0, float(np.abs(mean).max()))
        return cls(mean, np.where(spread > noise, spread, np.float32(1)))

    def __call__(self, features: FloatArray) -> FloatArray:
        """Return features (n, D) standardised, float32."""
        return ((features - self.mean) / self.spread).astype(np.float32)

    @torch.no_grad()
    def fold_into(self, linear: nn.Linear) -> nn.Linear:
        """Return the layer that gives for features what `linear` gives for standardised ones."""
        given = nn.Linear(linear.in_features, linear.out_features)
        weight = linear.weight.double() / torch.from_numpy(self.spread)
        given.weight.copy_(weight)
        given.bias.copy_(linear.bias.double() - weight @ torch.from_numpy(self.mean).double())
        return given
