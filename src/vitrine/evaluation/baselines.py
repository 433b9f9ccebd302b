"""What any encoder must beat: chance, the raw pixels, and two principal components of them."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

from vitrine.encoders import make_encoder
from vitrine.encoders.preprocessing import Pictures
from vitrine.evaluation.result import RetrievalResult
from vitrine.evaluation.retrieval import Labels, evaluate
from vitrine.index.distance import Distance
from vitrine.progress import track
from vitrine.topk import FloatArray, Positions

BASELINES = ("random", "raw pixels", "PCA-2")
PCA_SAMPLE = 20_000


def evaluate_baselines(
    pictures: Pictures,
    labels: Labels,
    gallery_pictures: Pictures | None = None,
    gallery_labels: Labels | None = None,
    *,
    own: Positions | None = None,
    k: int = 10,
    n_bootstrap: int = 1000,
    random_state: int = 0,
) -> dict[str, RetrievalResult]:
    """Evaluate the three baselines on the same queries as an encoder.

    The principal components are those of what is searched. Each picture is decoded once.

    Parameters
    ----------
    pictures, labels
        The queries; unknown labels as in `evaluate`.
    gallery_pictures, gallery_labels : optional
        What is searched; the queries among each other where there is none.
    own, k, n_bootstrap, random_state
        As `evaluate`; the seed also draws the random vectors.

    Returns
    -------
    dict of str to RetrievalResult
        By the names in `BASELINES`, in that order.
    """
    if gallery_pictures is None or gallery_labels is None:
        gallery_pictures, gallery_labels, own = pictures, labels, np.arange(len(pictures))
    raw = make_encoder("pixels", n_components=None).fit(gallery_pictures)
    gallery = raw.transform(gallery_pictures)
    queries = gallery[own] if own is not None else raw.transform(pictures)
    results = {}
    for name in track(BASELINES, "baselines"):
        asked, held = _vectors(name, queries, gallery, random_state)
        results[name] = evaluate(
            asked,
            labels,
            held,
            gallery_labels,
            distance=Distance("euclidean"),
            own=own,
            k=k,
            n_bootstrap=n_bootstrap,
            random_state=random_state,
        )
    return results


def _vectors(
    name: str, queries: FloatArray, gallery: FloatArray, random_state: int
) -> tuple[FloatArray, FloatArray]:
    """Return one baseline's vectors of the queries and of the gallery, given their raw pixels."""
    if name == "raw pixels":
        return queries, gallery
    rng = np.random.default_rng(random_state)
    if name == "random":
        return rng.random((len(queries), 8), np.float32), rng.random((len(gallery), 8), np.float32)
    sample = rng.permutation(len(gallery))[:PCA_SAMPLE]
    pca = PCA(min(2, len(sample), gallery.shape[1]), random_state=random_state)
    pca.fit(gallery[sample])
    return pca.transform(queries), pca.transform(gallery)
