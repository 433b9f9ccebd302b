"""Groups of items that look alike, found by k-means on their vectors."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score, silhouette_score

from vitrine.artifact import Artifact
from vitrine.catalogue.items import Value
from vitrine.errors import InputError, OptionError
from vitrine.progress import track
from vitrine.shop.centres import FloatArray, nearest_centre
from vitrine.shop.memory import Memory
from vitrine.store import Store
from vitrine.store.clusters import CLUSTERS, save_clusters

TRIED = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 30)
"""Numbers of clusters that are tried where none is asked for."""
MIN_SIZE = 8
"""Items a cluster has on average at least, where no number is asked for."""
N_NEAREST = 6
_SAMPLE, _SILHOUETTE_SAMPLE = 50_000, 2_000


@dataclass(frozen=True)
class Clusters:
    """What clusters a shop has.

    Attributes
    ----------
    name : str
        The attribute that now holds an item's cluster, 0 for the largest: ``--where cluster=3``.
    k : int
    silhouette : float
        −1 to 1: how much nearer items are to their own cluster than to the next; of a sample.
    tried : dict of int to float
        The silhouette for each number of clusters that was tried.
    sizes : list of int
        Items in each cluster.
    nearest : list of list of str
        Ids of the items nearest to each centre, nearest first.
    label : str or None
        The attribute in `table`.
    table : list of dict of str to int
        How many items of each category are in each cluster; empty without a label.
    agreement : float or None
        Adjusted Rand index of clusters and categories: 1 the same, 0 as by chance (Hubert and
        Arabie 1985).
    """

    name: str
    k: int
    silhouette: float
    tried: dict[int, float]
    sizes: list[int]
    nearest: list[list[str]]
    label: str | None
    table: list[dict[str, int]]
    agreement: float | None


def cluster(
    store: Store, memory: Memory, k: int | None, label: str | None, name: str, random_state: int
) -> Clusters:
    """Find the clusters of a shop's items, store them, and say what is in them.

    Parameters
    ----------
    store : Store
    memory : Memory
        The shop's items as they are now.
    k : int or None
        How many; None: as many as give the largest silhouette.
    label : str or None
        The attribute to hold them against.
    name : str
        The attribute that will hold an item's cluster.
    random_state : int

    Raises
    ------
    InputError
        If there are too few items.
    OptionError
        If k does not fit, or the catalogue has an attribute called `name`.
    """
    if name in store.state().attributes:
        raise OptionError(
            f"the catalogue has an attribute {name!r} of its own; name another to hold the clusters"
        )
    item_ids = list(memory.positions)
    vectors = store.vectors(item_ids, memory.encoder_id)
    labels = memory.attributes.values(label, memory.positions.values()) if label else []
    prepared = memory.encoder.distance_.prepare(vectors)
    centres, tried = find_centres(prepared, k, random_state)
    artifact = Artifact(CLUSTERS, {"name": name}, {"centres": centres})
    save_clusters(store, name, memory.encoder_id, artifact.to_files())
    return _describe(name, item_ids, prepared, centres, tried, label, labels)


def find_centres(
    prepared: FloatArray, k: int | None, random_state: int
) -> tuple[FloatArray, dict[int, float]]:
    """Return the centres of the clusters, largest first, and the silhouettes of each k tried.

    Parameters
    ----------
    prepared : ndarray of shape (n, d), float32
        Vectors as the index ranks them.
    k : int or None
        None: the number with the largest silhouette.
    random_state : int

    Raises
    ------
    InputError
        If there are fewer than three items.
    OptionError
        If there are not more items than clusters.
    """
    n = len(prepared)
    if n < 3:
        raise InputError(f"{n} items are too few for clusters; three are needed")
    if k is not None and not 2 <= k < n:
        raise OptionError(f"k={k}: between 2 and {n - 1} clusters can be made of {n} items")
    rng = np.random.default_rng(random_state)
    sample = prepared[rng.permutation(n)[:_SAMPLE]]
    numbers = [k] if k is not None else [tried for tried in TRIED if tried <= max(2, n // MIN_SIZE)]
    silhouettes, centres = {}, {}
    for number in track(numbers, "clustering"):
        centres[number] = _k_means(sample, number, random_state)
        silhouettes[number] = _silhouette(sample[:_SILHOUETTE_SAMPLE], centres[number])
    best = max(numbers, key=lambda number: silhouettes[number])
    counts = np.bincount(nearest_centre(prepared, centres[best]), minlength=len(centres[best]))
    return centres[best][np.argsort(-counts, kind="stable")], silhouettes


def _describe(
    name: str,
    item_ids: Sequence[str],
    prepared: FloatArray,
    centres: FloatArray,
    tried: dict[int, float],
    label: str | None,
    labels: Sequence[Value],
) -> Clusters:
    """Say what is in each cluster."""
    codes = nearest_centre(prepared, centres)
    nearest = []
    for code, centre in enumerate(centres):
        members = np.flatnonzero(codes == code)
        squares = np.square(prepared[members] - centre).sum(axis=1)
        nearest.append([item_ids[i] for i in members[np.argsort(squares)[:N_NEAREST]]])
    known = [i for i, value in enumerate(labels) if value is not None] if label else []
    table: list[dict[str, int]] = []
    if label is not None:
        counts = [Counter[str]() for _ in centres]
        for i in known:
            counts[codes[i]][str(labels[i])] += 1
        table = [dict(count.most_common()) for count in counts]
    names = [str(labels[i]) for i in known]
    return Clusters(
        name=name,
        k=len(centres),
        silhouette=_silhouette(prepared[:: max(1, len(prepared) // _SILHOUETTE_SAMPLE)], centres),
        tried=tried,
        sizes=np.bincount(codes, minlength=len(centres)).tolist(),
        nearest=nearest,
        label=label,
        table=table,
        agreement=float(adjusted_rand_score(names, codes[known])) if known else None,
    )


def _k_means(sample: FloatArray, k: int, random_state: int) -> FloatArray:
    with warnings.catch_warnings():
        # Fewer different items than clusters: some clusters stay empty, which is no error.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found: Any = KMeans(k, n_init=4, random_state=random_state).fit(sample)
    centres: FloatArray = found.cluster_centers_[np.unique(found.labels_)].astype(np.float32)
    return centres


def _silhouette(sample: FloatArray, centres: FloatArray) -> float:
    codes = nearest_centre(sample, centres)
    if not 1 < len(np.unique(codes)) < len(sample):
        return -1.0
    return float(silhouette_score(sample, codes))
