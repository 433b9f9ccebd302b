"""Ratings and item features together, for explicit feedback."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.errors import InputError, OptionError
from vitrine.ratings.bayesian import BayesianSVDpp
from vitrine.ratings.feature_map import FeatureMap
from vitrine.ratings.feature_prior import FeaturePrior
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.gibbs import Sampler
from vitrine.ratings.ids import Ids
from vitrine.ratings.interactions import Interactions

Array = NDArray[Any]
TIMES_RATED = ""
"""Name of a block that no caller gives."""


class BayesianHybrid(BayesianSVDpp):
    """`BayesianSVDpp` whose items start from a map of their features, sampled with everything else.

    An item's own part is normal around a linear map of its features: picture vectors, categories.
    With many ratings they decide, with few the map does, and without any only the map is left. How
    much each block of features says is learned: one that says nothing changes nothing. See
    `FeaturePrior` for the source. How often an item was rated is such a feature too: what few rated
    is mostly liked less than its genre, and would otherwise top every list. Without features this
    is `BayesianSVDpp`.

    Items that nobody rated get their features' expected values, and are taken for rated as often as
    the item of an average rating; new ones need no training (`add_items`). `predict_spread` does
    not know how unsure a map is, so it is too narrow there.

    Parameters
    ----------
    n_factors, n_samples, burn_in, noise_freedom
        As `BayesianSVDpp`.
    n_components : int
        Directions kept of each block of features, those in which the items differ most.
    random_state : int
        Seed.

    Attributes
    ----------
    feature_map_ : FeatureMap or None
    coefficients_ : dict of str to ndarray of shape (n_samples, n_factors + 2, n_kept), float32
        Of each block.
    """

    kind: ClassVar[str] = "bayesian-hybrid"
    feature_map_: FeatureMap | None
    coefficients_: dict[str, Array]
    _unrated: tuple[Array, dict[str, Array]]
    _never: Array
    _usual: Array

    def __init__(
        self,
        n_factors: int = 10,
        n_samples: int = 80,
        burn_in: int = 20,
        noise_freedom: float | None = 10.0,
        n_components: int = 64,
        random_state: int = 0,
    ) -> None:
        super().__init__(n_factors, n_samples, burn_in, noise_freedom, random_state)
        self.n_components = n_components

    def add_items(self, features: ItemFeatures) -> Self:
        """Return a model that also knows the new items of `features`, by their features alone.

        Nothing is trained. Items that are known already stay as they are.

        Raises
        ------
        InputError
            If the model was fitted without features, or these are of other blocks.
        """
        check_is_fitted(self, "items_")
        new = [item for item in features.items.values if item not in self.items_]
        if not new:
            return self
        if self.feature_map_ is None:
            raise InputError(
                "the bayesian-hybrid was fitted without item features; fit it again with them"
            )
        blocks, _ = features.aligned(Ids(new))
        columns = self.feature_map_(blocks)
        prior = self.item_samples_[-1:]
        said = sum(
            np.einsum("scd,nd->nsc", self.coefficients_[name], block)
            for name, block in columns.items()
        )
        samples = (prior + said).astype(np.float32)
        samples[:, :, 0] = 1.0
        added = copy.copy(self)
        added.items_ = self.items_.extended(new)
        added.item_samples_ = np.concatenate([self.item_samples_[:-1], samples, prior])
        noise = np.ones(len(new), np.float32)
        added.item_noise_ = np.concatenate([self.item_noise_[:-1], noise, self.item_noise_[-1:]])
        return added

    def knows_by(self, block: str) -> bool:
        """Tell whether the block was there in the fit."""
        return block in self.coefficients_

    def _fit(self, interactions: Interactions, features: ItemFeatures | None) -> None:
        super()._fit(interactions, features)
        self._unrated = np.empty(0, np.int64), {}  # these three are used by the sampler only
        self._never = self._usual = np.empty(0)

    def _feature_prior(
        self, interactions: Interactions, features: ItemFeatures | None
    ) -> FeaturePrior | None:
        self.feature_map_, self.coefficients_ = None, {}
        if self.n_components < 1:
            raise OptionError(f"n_components is {self.n_components}; it must be 1 or more")
        if features is None:
            return None
        blocks, described = features.aligned(interactions.items)
        rated = interactions.by_item.counts > 0
        if not (rated & described).any():
            raise InputError("no item that has features was rated; nothing can be learned of them")
        warm = {name: block[rated & described] for name, block in blocks.items()}
        self.feature_map_ = FeatureMap.of(warm, self.n_components)
        columns = self.feature_map_(blocks)
        # Only what was rated teaches the map; the rest is told by it.
        cold = np.flatnonzero(described & ~rated)
        self._unrated = cold, {name: block[cold] for name, block in columns.items()}
        told = {name: np.where((rated & described)[:, None], b, 0) for name, b in columns.items()}
        for name, block in told.items():
            shape = self.n_samples, self.n_factors + 2, block.shape[1]
            self.coefficients_[name] = np.empty(shape, np.float32)
        counts = interactions.by_item.counts
        told[TIMES_RATED] = _times_rated(counts, self.n_components)
        self._usual = counts @ told[TIMES_RATED] / counts.sum()
        self._never = np.append(np.flatnonzero(counts == 0), len(counts))
        return FeaturePrior(told, self.n_factors + 2)

    def _keep_sample(self, sample: int, sampler: Sampler) -> None:
        if sampler.item_features is None:
            return
        cold, columns = self._unrated
        into = self.item_samples_[:, sample]
        for name in self.coefficients_:
            drawn = sampler.item_features.coefficients[name]
            self.coefficients_[name][sample] = drawn
            into[cold] += (columns[name] @ drawn.T).astype(np.float32)
        into[self._never] += sampler.item_features.coefficients[TIMES_RATED] @ self._usual
        into[self._never, sampler.items.fixed] = 1.0

    def _state(self) -> Artifact:
        artifact = super()._state()
        artifact.settings["blocks"] = list(self.coefficients_)
        if self.feature_map_ is not None:
            drawn = {f"coefficients.{name}": d for name, d in self.coefficients_.items()}
            artifact.arrays |= drawn | self.feature_map_.to_arrays()
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        super()._restore(artifact)
        names = artifact.settings["blocks"]
        self.coefficients_ = {name: artifact.arrays[f"coefficients.{name}"] for name in names}
        self.feature_map_ = FeatureMap.from_arrays(artifact.arrays) if names else None


def _times_rated(counts: Array, n_components: int) -> Array:
    """Return columns of how often each item was rated; zeros for those that nobody did."""
    blocks = {TIMES_RATED: np.log1p(counts)[:, None]}
    rated = counts > 0
    mapped = FeatureMap.of({TIMES_RATED: blocks[TIMES_RATED][rated]}, n_components)
    columns: Array = np.where(rated[:, None], mapped(blocks)[TIMES_RATED], 0.0)
    return columns
