"""Ratings and item features together, for implicit feedback: items nobody chose are ranked too."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.ratings.ease import EASE, binary, item_weights
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.kernel_map import KernelMap, KernelSearch, squared_distances

Array = NDArray[Any]
MAX_USERS_TO_SEARCH_ON = 2000


class Hybrid(EASE):
    """EASE whose weights for an item nobody chose come from the items with similar features.

    Every user's scores for the warm items, which EASE gives, are carried over to a cold item by
    kernel ridge regression on item features, picture vectors and categories alike. How much each
    block of features counts, and how smooth the map is, are chosen on warm items held out: a block
    that does not help ends with weight 0. A warm item keeps its own weights, or with `trust` above
    0 shares them with the map as long as it has few interactions. All of it is one matrix of
    weights of items for items, so a new user needs no training either. Without features this is
    EASE.

    Parameters
    ----------
    regularization : float
        Of EASE.
    trust : float
        Interactions at which an item's own weights count as much as the map's; 0: from the first.
    n_folds : int
        Folds of warm items that the map's settings are chosen on.
    random_state : int
        Seed of the folds.

    Attributes
    ----------
    maps_ : list of KernelMap
        The chosen weights of blocks and ridges, best first, whose maps are averaged.
    """

    kind: ClassVar[str] = "hybrid"
    maps_: list[KernelMap]

    def __init__(
        self,
        regularization: float = 250.0,
        trust: float = 0.0,
        n_folds: int = 3,
        random_state: int = 0,
    ) -> None:
        super().__init__(regularization)
        self.trust = trust
        self.n_folds = n_folds
        self.random_state = random_state

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if self.trust < 0 or self.n_folds < 2:
            raise OptionError("trust must be 0 or more and n_folds 2 or more")
        super()._fit(interactions, features)
        self.maps_ = []
        if features is None:
            return
        blocks, described = features.aligned(interactions.items)
        counts = interactions.by_item.counts
        warm = np.flatnonzero((counts > 0) & described)
        if len(warm) < 2 * self.n_folds:
            raise InputError(
                f"{len(warm)} described items were chosen; too few to learn looks from"
            )
        distances = {name: squared_distances(block) for name, block in blocks.items()}
        chosen = binary(interactions.by_user.matrix(interactions.n_items))
        self.maps_ = self._search(chosen, distances, warm)
        own = np.where(counts > 0, counts / np.maximum(counts + self.trust, 1e-12), 0.0)
        asked = np.flatnonzero(described & (own < 1))
        if len(asked):
            shares = np.mean([m.shares(distances, warm, asked) for m in self.maps_], axis=0)
            mapped = self.weights_[:, warm] @ shares
            self.weights_[:, asked] *= own[asked].astype(np.float32)
            self.weights_[:, asked] += ((1 - own[asked]) * mapped).astype(np.float32)

    def _search(
        self, chosen: sp.csr_matrix, distances: dict[str, Array], warm: Array
    ) -> list[KernelMap]:
        rng = np.random.default_rng(self.random_state)
        users = rng.permutation(chosen.shape[0])[:MAX_USERS_TO_SEARCH_ON]
        among_warm = chosen[:, warm]
        dealt = rng.permutation(len(warm)) % self.n_folds
        held_out = [np.flatnonzero(dealt == fold) for fold in range(self.n_folds)]
        values = []
        for fold in range(self.n_folds):
            rest = among_warm[:, np.flatnonzero(dealt != fold)]
            gram = (rest.T @ rest).toarray().astype(np.float64)
            gram[np.diag_indices_from(gram)] += self.regularization
            values.append(rest[users] @ item_weights(gram))
        within = {name: d[np.ix_(warm, warm)] for name, d in distances.items()}
        liked = among_warm[users].toarray() > 0
        return KernelSearch(within, values, held_out, liked).run()

    def _state(self) -> Artifact:
        artifact = super()._state()
        artifact.settings["maps"] = [[dict(each.weights), each.ridge] for each in self.maps_]
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        kept = artifact.settings["maps"]
        self.maps_ = [KernelMap(weights, float(ridge)) for weights, ridge in kept]
