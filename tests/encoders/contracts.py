"""What every encoder must do. A member is one `Case`; `test_contract.py` runs all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders import Encoder, make_encoder

SIDE = 24


@dataclass(frozen=True, eq=False)
class Case:
    """One encoder with settings under which it is quick to fit.

    Parameters
    ----------
    name : str
        As `make_encoder` knows it.
    options : dict
        Constructor arguments; one that can be called is, so that files are made when needed.
    changed : dict
        Options whose change must change the vectors.
    floor : float
        Least share of held-out pictures whose nearest neighbour shows the same shape.
    needs : tuple of str
        Modules without which the case is skipped.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    floor: float = 0.9
    needs: tuple[str, ...] = ()

    def make(self, **options: Any) -> Encoder:
        given = {name: v() if callable(v) else v for name, v in self.options.items()}
        return make_encoder(self.name, **{**given, **options})

    def __str__(self) -> str:
        return self.name


def shapes(n: int, seed: int = 0, *, colour: bool = False) -> tuple[Any, NDArray[np.intp]]:
    """Return n pictures of four shapes (disc, square, cross, stripes) that move and vary in size.

    A nearest neighbour that looks at pictures at all finds one of the same shape; in `colour`
    each shape also has its own hue, with noise.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 4
    pictures = np.stack([_shape(label, rng) for label in labels])
    if not colour:
        return pictures, labels
    hues = np.array([[255, 60, 60], [60, 200, 60], [70, 90, 255], [230, 200, 40]])[labels]
    noisy = np.clip(hues + rng.normal(0, 20, hues.shape), 0, 255)
    return (pictures[..., None] / 255 * noisy[:, None, None, :]).astype(np.uint8), labels


def _shape(label: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2 - rng.normal(0, 1.0, (2, 1, 1))
    radius = rng.uniform(6, 9)
    box = (abs(x) < radius) & (abs(y) < radius)
    inside = [
        np.hypot(x, y) < radius,
        box,
        box & ((abs(x) < radius / 3) | (abs(y) < radius / 3)),
        box & ((y // 2) % 2 == 0),
    ][label]
    values = inside * rng.uniform(150, 230) + rng.normal(12, 5, inside.shape)
    return np.clip(values, 0, 255).astype(np.uint8)


def same_shape_rate(
    encoder: Encoder, known: Any, known_labels: NDArray[Any], asked: Any, labels: NDArray[Any]
) -> float:
    """Return the share of `asked` whose nearest among `known` has the same label."""
    prepare = encoder.distance_.prepare
    stored, queries = prepare(encoder.transform(known)), prepare(encoder.transform(asked))
    squares = ((queries[:, None] - stored[None]) ** 2).sum(axis=2)
    return float((known_labels[squares.argmin(axis=1)] == labels).mean())
