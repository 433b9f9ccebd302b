"""How well an encoder knows a picture again: a measure that needs no labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders import Encoder
from vitrine.encoders.preprocessing import Pictures
from vitrine.encoders.views import views_of
from vitrine.evaluation.bootstrap import Figure, bootstrap
from vitrine.topk import blocked_top_k


@dataclass(frozen=True)
class ViewsFigure:
    """How one encoder does without labels.

    Attributes
    ----------
    figure : Figure
        Share of views that find the other view of their picture first, and its 95 % interval.
    per_query : ndarray of shape (q,), float64
        1 where it was found, else 0.
    """

    figure: Figure
    per_query: NDArray[np.float64]


def evaluate_views(
    encoder: Encoder,
    pictures: Pictures,
    *,
    max_pictures: int = 1000,
    random_state: int = 0,
    n_bootstrap: int = 1000,
) -> ViewsFigure:
    """Let each picture's cropped, mirrored and relit view look for another view of it.

    The idea is that of instance discrimination (Wu and others, CVPR 2018), used to choose and not
    to learn. It knows nothing of categories: how far it agrees with what labels say must be looked
    up where there are some.

    Parameters
    ----------
    encoder : Encoder
        Fitted.
    pictures : array or sequence of pictures
    max_pictures : int
        Drawn at random where there are more.
    random_state : int
        Seeds the draw, the views and the intervals.
    n_bootstrap : int
    """
    rng = np.random.default_rng(random_state)
    n = min(max_pictures, len(pictures))
    chosen = np.sort(rng.choice(len(pictures), n, replace=False)).tolist()
    asked, held = (
        encoder.distance_.prepare(encoder.transform(views_of(pictures, chosen, seed)))
        for seed in (2 * random_state, 2 * random_state + 1)
    )
    nearest, _ = blocked_top_k(asked, held, 1, encoder.distance_.metric)
    found = (nearest[:, 0] == np.arange(n)).astype(np.float64)
    return ViewsFigure(bootstrap(found[:, None], n_bootstrap, random_state)[0], found)
