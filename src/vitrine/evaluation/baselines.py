"""What any encoder must beat: chance, the raw pixels, and two principal components of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vitrine.encoders import make_encoder
from vitrine.encoders.preprocessing import Pictures
from vitrine.evaluation.result import RetrievalResult
from vitrine.evaluation.retrieval import Labels, evaluate
from vitrine.index.distance import Distance
from vitrine.progress import track
from vitrine.topk import FloatArray, Positions

BASELINES = ("random", "raw pixels", "PCA-2")


def evaluate_baselines(
    pictures: Pictures,
    labels: Labels,
    gallery_pictures: Pictures | None = None,
    gallery_labels: Labels | None = None,
    *,
    fit_pictures: Pictures | None = None,
    own: Positions | None = None,
    k: int = 10,
    n_bootstrap: int = 1000,
    random_state: int = 0,
) -> dict[str, RetrievalResult]:
    """Evaluate the three baselines on the same queries as an encoder.

    Parameters
    ----------
    pictures, labels
        The queries; unknown labels as in `evaluate`.
    gallery_pictures, gallery_labels : optional
        What is searched; the queries among each other where there is none.
    fit_pictures : optional
        What the principal components are fitted on: what the encoder was fitted on. By default the
        gallery, or else the queries.
    own, k, n_bootstrap, random_state
        As `evaluate`; the seed also draws the random vectors.

    Returns
    -------
    dict of str to RetrievalResult
        By the names in `BASELINES`, in that order.
    """
    if fit_pictures is None:
        fit_pictures = pictures if gallery_pictures is None else gallery_pictures
    results = {}
    for name in track(BASELINES, "baselines"):
        embed, distance = _baseline(name, fit_pictures, random_state)
        results[name] = evaluate(
            embed(pictures),
            labels,
            None if gallery_pictures is None else embed(gallery_pictures),
            gallery_labels,
            distance=distance,
            own=own,
            k=k,
            n_bootstrap=n_bootstrap,
            random_state=random_state,
        )
    return results


def _baseline(
    name: str, fit_pictures: Pictures, random_state: int
) -> tuple[Callable[[Pictures], FloatArray], Distance]:
    """Return what makes vectors of pictures, and how they are compared."""
    if name == "random":
        rng = np.random.default_rng(random_state)
        return lambda pictures: rng.random((len(pictures), 8), np.float32), Distance("euclidean")
    n_components = 2 if name == "PCA-2" else None
    encoder = make_encoder("pixels", n_components=n_components).fit(fit_pictures)
    return encoder.transform, encoder.distance_
