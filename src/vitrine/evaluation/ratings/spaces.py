"""Where the parameters of rating models are searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, drawn evenly on a logarithmic scale.

    Attributes
    ----------
    low, high : float
        Both above 0.
    whole : bool
        Whether only whole numbers are drawn.
    """

    low: float
    high: float
    whole: bool = False

    def draw(self, rng: np.random.Generator) -> float | int:
        """Return one number."""
        value = float(np.exp(rng.uniform(np.log(self.low), np.log(self.high))))
        return round(value) if self.whole else float(f"{value:.3g}")


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        """Return one value."""
        return self.values[int(rng.integers(len(self.values)))]


Space = dict[str, Range | Choice]

_BIASES: Space = {"user_damping": Range(1, 30), "item_damping": Range(0.5, 20)}
_NEIGHBOURS: Space = {
    "k": Range(10, 160, whole=True),
    "shrinkage": Range(10, 500),
    "damping": Range(0.02, 3),
}
_DESCENT: Space = {
    "n_factors": Range(8, 100, whole=True),
    "n_epochs": Range(15, 80, whole=True),
    "learning_rate": Range(0.004, 0.04),
    "regularization": Range(0.01, 0.15),
}
_EASE: Space = {
    "regularization": Range(20, 2000),
    "frequency_scaling": Choice((0.0, 0.3, 0.6, 1.0)),
}
_SAMPLER: Space = {
    "n_factors": Range(4, 40, whole=True),
    "noise_freedom": Choice((3.0, 10.0, 30.0, None)),
}
SPACES: dict[str, Space] = {
    "biases": _BIASES,
    "item-knn": _NEIGHBOURS,
    "user-knn": _NEIGHBOURS,
    "pca": {"n_components": Range(2, 60, whole=True), **_BIASES},
    "truncated-svd": {"n_components": Range(2, 60, whole=True), **_BIASES},
    "svd": _DESCENT,
    "svdpp": {**_DESCENT, "learning_rate": Range(0.003, 0.03)},
    "bayesian-svdpp": _SAMPLER,
    "bayesian-hybrid": _SAMPLER,
    "ease": _EASE,
    "hybrid": _EASE,
    "implicit-als": {
        "n_factors": Range(8, 128, whole=True),
        "unobserved_weight": Range(0.01, 0.5),
        "regularization": Range(0.05, 10),
        "frequency_scaling": Choice((0.0, 0.4, 0.7, 1.0)),
    },
    "bpr": {
        "n_factors": Range(16, 128, whole=True),
        "learning_rate": Range(0.01, 0.15),
        "regularization": Range(0.003, 0.1),
        "n_candidates": Choice((1, 2, 4, 8)),
    },
    "mult-vae": {
        "n_factors": Range(16, 128, whole=True),
        "kl_weight": Range(0.05, 0.8),
        "dropout": Choice((0.2, 0.5, 0.7)),
        "weight_decay": Range(0.1, 3),
    },
    "content-profile": {"prior": Range(1, 100)},
    "visual-knn": {"k": Range(5, 80, whole=True), "sharpness": Range(1, 16)},
}
"""By the name of a model; one that is not here has nothing worth a search."""


def draw_params(kind: str, rng: np.random.Generator) -> dict[str, Any]:
    """Return one setting of a model's parameters, drawn at random; empty where none is searched."""
    return {name: where.draw(rng) for name, where in SPACES.get(kind, {}).items()}
