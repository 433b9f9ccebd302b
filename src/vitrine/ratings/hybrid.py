"""Ratings and item features together, for implicit feedback: items nobody chose are ranked too."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.ratings.ease import EASE
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.ids import Ids
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.kernel_map import LIKED_FROM, Described, KernelMap, KernelSearch

Array = NDArray[Any]
MAX_USERS_TO_SEARCH_ON = 1000
MAX_ITEMS_TO_SEARCH_ON = 1200
ITEMS_AT_ONCE = 4096


class Hybrid(EASE):
    """EASE whose weights for an item nobody chose come from the items with similar features.

    Every user's scores for the warm items, which EASE gives, are carried over to a cold item by
    kernel ridge regression on item features, picture vectors and categories alike. How much each
    block of features counts, and how smooth the map is, are chosen on warm items held out: a block
    that does not help ends with weight 0. A warm item keeps its own weights, or with `trust` above
    0 shares them with the map as long as it has few interactions. All of it is one matrix of
    weights of items for items, so a new user needs no training either (`recommend_for`), nor does a
    new item (`add_items`). Without features this is EASE.

    Parameters
    ----------
    regularization, user_scaling, frequency_scaling, rating_power, visit_seconds : float
        As `EASE`.
    likeness_weight : float
        How many users' choices of both of two warm items it is worth that their features are the
        same, as the best map sees them; 0: warm items are weighed by their interactions alone.
    trust : float
        Interactions at which an item's own weights count as much as the map's; 0: from the first.
    n_known : int
        The map is learned from at most so many described warm items, those chosen most often.
    n_folds : int
        Folds of warm items that the map's settings are chosen on.
    random_state : int
        Seed of the folds.

    Attributes
    ----------
    maps_ : list of KernelMap
        The chosen weights of blocks and ridges, best first, whose maps are averaged.
    described_ : Described or None
        Features of the items that the map is learned from.
    known_ : ndarray of shape (n_known,), int64
        Which items these are.
    scale_ : float
        What mapped scores are multiplied by, so that cold items compete with warm ones: a ridge
        pulls all it says towards 0.
    """

    kind: ClassVar[str] = "hybrid"
    fitted_arrays: ClassVar[tuple[str, ...]] = ("weights_", "known_")
    maps_: list[KernelMap]
    described_: Described | None
    known_: Array
    scale_: float

    def __init__(
        self,
        regularization: float = 250.0,
        user_scaling: float = 0.5,
        frequency_scaling: float = 0.3,
        rating_power: float = 1.0,
        likeness_weight: float = 0.0,
        trust: float = 0.0,
        n_known: int = 4000,
        n_folds: int = 3,
        random_state: int = 0,
        visit_seconds: float | None = None,
    ) -> None:
        super().__init__(
            regularization, user_scaling, frequency_scaling, rating_power, visit_seconds
        )
        self.likeness_weight = likeness_weight
        self.trust = trust
        self.n_known = n_known
        self.n_folds = n_folds
        self.random_state = random_state

    def add_items(self, features: ItemFeatures) -> Self:
        """Return a model that also knows the new items of `features`, by their features alone.

        Nothing is trained: the new items are mapped as those were that nobody chose. Items that are
        known already stay as they are.

        Raises
        ------
        InputError
            If the model was fitted without features, or these are of other blocks.
        """
        check_is_fitted(self, "items_")
        new = [item for item in features.items.values if item not in self.items_]
        if not new:
            return self
        if self.described_ is None:
            raise InputError("the hybrid was fitted without item features; fit it again with them")
        blocks, _ = features.aligned(Ids(new))
        added = copy.copy(self)
        added.items_ = self.items_.extended(new)
        added.weights_ = np.pad(self.weights_, (0, len(new)))
        added.weights_[: -len(new), -len(new) :] = self._mapped(
            self.weights_[:, self.known_], self.described_, blocks
        )
        return added

    def knows_by(self, block: str) -> bool:
        """Tell whether any of the maps gives the block a weight."""
        return any(each.weights.get(block) for each in self.maps_)

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        if self.trust < 0 or self.n_folds < 2 or self.n_known < 2 or self.likeness_weight < 0:
            raise OptionError("trust and likeness_weight go from 0 up, n_folds and n_known from 2")
        self.maps_, self.described_, self.known_ = [], None, np.empty(0, np.int64)
        self.scale_ = 1.0
        super()._fit(interactions, features)
        if features is None:
            return
        blocks, described = features.aligned(interactions.items)
        counts = interactions.by_item.counts
        warm = np.flatnonzero((counts > 0) & described)
        if len(warm) < 2 * self.n_folds:
            raise InputError(
                f"{len(warm)} described items were chosen; too few to learn looks from"
            )
        most = np.argsort(-counts[warm], kind="stable")[: self.n_known]
        self.known_ = np.sort(warm[most])
        self.described_ = Described.of({name: b[self.known_] for name, b in blocks.items()})
        self.maps_ = self._search(self.described_)
        if self.likeness_weight:
            self._lean_on_likeness(self.described_, interactions)
        self.scale_ = self._scale(self.described_)
        own = np.where(counts > 0, counts / np.maximum(counts + self.trust, 1e-12), 0.0)
        asked = np.flatnonzero(described & (own < 1))
        learned = self.weights_[:, self.known_]  # a copy
        for start in range(0, len(asked), ITEMS_AT_ONCE):
            some = asked[start : start + ITEMS_AT_ONCE]
            towards = {name: block[some] for name, block in blocks.items()}
            mapped = self._mapped(learned, self.described_, towards)
            self.weights_[:, some] *= own[some].astype(np.float32)
            self.weights_[:, some] += (1 - own[some]).astype(np.float32) * mapped

    def _lean_on_likeness(self, described: Described, interactions: Interactions) -> None:
        """Weigh the items again, with what the features of the known ones say of pairs of them."""
        kernel = self.maps_[0].kernel(described.likeness)
        kernel /= np.diag(kernel).mean()
        likeness = np.zeros((len(self.items_),) * 2)
        likeness[np.ix_(self.known_, self.known_)] = self.likeness_weight * kernel
        self.weights_ = self._weights(self._learned_from(interactions), likeness)

    def _search(self, described: Described) -> list[KernelMap]:
        rng = np.random.default_rng(self.random_state)
        chosen = self._chosen(self.seen_)
        users = rng.permutation(chosen.shape[0])[:MAX_USERS_TO_SEARCH_ON]
        searched = np.sort(rng.permutation(len(self.known_))[:MAX_ITEMS_TO_SEARCH_ON])
        among = sp.csr_matrix(chosen[:, self.known_[searched]])
        dealt = rng.permutation(len(searched)) % self.n_folds
        held_out = [np.flatnonzero(dealt == fold) for fold in range(self.n_folds)]
        values = []
        for fold in range(self.n_folds):
            rest = sp.csr_matrix(among[:, np.flatnonzero(dealt != fold)])
            values.append(rest[users] @ self._weights(rest))
        square = np.ix_(searched, searched)
        within = {name: block[square] for name, block in described.likeness.items()}
        liked = among[users].toarray() > LIKED_FROM
        return KernelSearch(within, values, held_out, liked).run()

    def _scale(self, described: Described) -> float:
        """Return the slope of known items' scores over what the map says of them, held out."""
        rng = np.random.default_rng(self.random_state)
        users = rng.permutation(len(self.seen_.counts))[:MAX_USERS_TO_SEARCH_ON]
        scores = self._chosen(self.seen_.take(users)) @ self.weights_[:, self.known_]
        dealt = rng.permutation(len(self.known_)) % self.n_folds
        products = squares = 0.0
        for fold in range(self.n_folds):
            rest, held = np.flatnonzero(dealt != fold), np.flatnonzero(dealt == fold)
            within, towards = (
                {name: block[np.ix_(rest, columns)] for name, block in described.likeness.items()}
                for columns in (rest, held)
            )
            mapped = scores[:, rest] @ self.maps_[0].shares(within, towards)
            products += float(np.vdot(mapped, scores[:, held]))
            squares += float(np.vdot(mapped, mapped))
        return max(products / squares, 1.0) if squares > 0 else 1.0

    def _mapped(self, learned: Array, described: Described, blocks: dict[str, Array]) -> Array:
        """Return what `learned`, (n_items, n_known), says of items with these features."""
        towards = described.towards(blocks)
        shares = np.mean([m.shares(described.likeness, towards) for m in self.maps_], axis=0)
        mapped: Array = learned @ (self.scale_ * shares).astype(np.float32)
        return mapped

    def _state(self) -> Artifact:
        artifact = super()._state()
        artifact.settings["scale"] = self.scale_
        artifact.settings["maps"] = [[dict(each.weights), each.ridge] for each in self.maps_]
        if self.described_ is not None:
            artifact.settings["blocks"] = list(self.described_.blocks)
            artifact.arrays |= {f"features.{n}": b for n, b in self.described_.blocks.items()}
            artifact.arrays |= {f"frames.{n}": f for n, f in self.described_.frames.items()}
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        kept, names = artifact.settings["maps"], artifact.settings.get("blocks")
        self.maps_ = [KernelMap(weights, float(ridge)) for weights, ridge in kept]
        self.described_ = None
        self.scale_ = float(artifact.settings["scale"])
        if names is not None:
            blocks = {name: artifact.arrays[f"features.{name}"] for name in names}
            frames = {name: artifact.arrays[f"frames.{name}"] for name in names}
            self.described_ = Described(blocks, frames)
