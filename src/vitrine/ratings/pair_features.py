"""What is known of a user and an item together, besides what models say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.ratings.feature_map import FeatureMap
from vitrine.ratings.features import ItemFeatures
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.standardised import standardised

Array = NDArray[Any]
N_STRETCHES = 24
"""Of time, each with as many interactions."""
N_COMPONENTS = 64
"""Directions kept of each block of features."""
SMOOTHING = 30.0
"""Interactions, shared out by popularity, that are added to those of a user's time."""
DAMPING = 10.0
"""Interactions of average strength that are added to an item's."""
LEAST, MOST = -3.0, 1.0
"""Of the logarithm of how many times as popular an item was in a user's time."""

PLAIN = ("popularity", "strength", "stretches")


@dataclass(frozen=True, eq=False)
class PairFeatures:
    """Popularity, strength, trend, the length of the history, and how items' features match it.

    All are about 0 on average with a deviation of about 1.

    Attributes
    ----------
    popularity : ndarray of shape (n_items,), float32
        By the logarithm of how many chose the item.
    strength : ndarray of shape (n_items,), float32
        How strongly those chose it who did.
    stretches : ndarray of shape (N_STRETCHES or 0, n_items), float32
        How often each item was chosen in each stretch of time; none without timestamps.
    activity : tuple of float
        Mean and deviation of the logarithm of how many items a user chose.
    columns : dict of str to ndarray of shape (n_items, k), float32
        Each block of the items' features.
    usual : dict of str to ndarray of shape (k,), float32
        What users' mean is in each block.
    """

    popularity: Array
    strength: Array
    stretches: Array
    activity: tuple[float, float]
    columns: Mapping[str, Array]
    usual: Mapping[str, Array]

    @classmethod
    def of(
        cls,
        interactions: Interactions,
        strengths: Array,
        moments: Array,
        features: ItemFeatures | None,
    ) -> Self:
        """Work out what does not depend on who asks.

        Parameters
        ----------
        interactions : Interactions
        strengths : ndarray of shape (n,), float32
            How much each counts as a choice.
        moments : ndarray of shape (n,), int64
            `stretches_of` the timestamps; empty without any.
        features : ItemFeatures or None
        """
        items, n_items = interactions.item_codes, interactions.n_items
        counts = np.bincount(items, minlength=n_items)
        sums = np.bincount(items, strengths, n_items)
        mean = float(strengths.mean(dtype=np.float64))
        stretches = np.zeros((N_STRETCHES if len(moments) else 0, n_items), np.float32)
        if len(moments):
            np.add.at(stretches, (moments, items), 1)
        lengths = np.log1p(interactions.by_user.counts[interactions.by_user.counts > 0])
        history = sp.csr_matrix(_ones(interactions))
        columns, usual = {}, {}
        if features is not None:
            blocks, described = features.aligned(interactions.items)
            known = described & (counts > 0)
            if known.any():
                warm = {name: block[known] for name, block in blocks.items()}
                mapped = FeatureMap.of(warm, N_COMPONENTS)(blocks)
                columns = {n: np.where(described[:, None], b, 0).astype(np.float32)
                           for n, b in mapped.items()}  # fmt: skip
                usual = {n: _profiles(history, b).mean(axis=0) for n, b in columns.items()}
        return cls(
            standardised(np.log1p(counts)).astype(np.float32),
            standardised((sums + DAMPING * mean) / (counts + DAMPING)).astype(np.float32),
            stretches,
            (float(lengths.mean()), float(lengths.std()) or 1.0),
            columns,
            usual,
        )

    def __len__(self) -> int:
        return 3 + bool(len(self.stretches)) + len(self.columns)

    def of_users(self, histories: sp.csr_matrix, moments: Array) -> Iterator[Array]:
        """Yield one feature after the other, each (q, n_items) or broadcast to that.

        Parameters
        ----------
        histories : csr_matrix of shape (q, n_items)
            1 for what each user chose.
        moments : ndarray of shape (q, N_STRETCHES or 0), float32
            Which share of each user's time was in each stretch.
        """
        shape = histories.shape
        yield np.broadcast_to(self.popularity, shape)
        yield np.broadcast_to(self.strength, shape)
        mean, deviation = self.activity
        lengths = (np.log1p(np.diff(histories.indptr)) - mean) / deviation
        yield np.broadcast_to(lengths.astype(np.float32)[:, None], shape)
        if len(self.stretches):
            yield self._trends(moments)
        for name, block in self.columns.items():
            yield standardised((_profiles(histories, block) - self.usual[name]) @ block.T)

    def _trends(self, moments: Array) -> Array:
        share = self.stretches.sum(axis=0, dtype=np.float64) + 1.0
        share /= share.sum()
        chosen = moments @ self.stretches
        total = moments @ self.stretches.sum(axis=1)
        ratio = (chosen + SMOOTHING * share) / ((total[:, None] + SMOOTHING) * share)
        trends: Array = np.clip(np.log(ratio), LEAST, MOST).astype(np.float32)
        return trends

    def to_arrays(self) -> dict[str, Array]:
        """Return what `from_arrays` needs."""
        plain = {name: getattr(self, name) for name in PLAIN}
        plain["activity"] = np.array(self.activity)
        plain |= {f"columns.{name}": block for name, block in self.columns.items()}
        plain |= {f"usual.{name}": row for name, row in self.usual.items()}
        return {f"pairs.{name}": array for name, array in plain.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], blocks: list[str]) -> Self:
        """Rebuild from arrays, among which may be others, and the blocks' names in order."""
        mean, deviation = arrays["pairs.activity"].tolist()
        popularity, strength, stretches = (arrays[f"pairs.{name}"] for name in PLAIN)
        columns = {name: arrays[f"pairs.columns.{name}"] for name in blocks}
        usual = {name: arrays[f"pairs.usual.{name}"] for name in blocks}
        return cls(popularity, strength, stretches, (mean, deviation), columns, usual)


def stretches_of(interactions: Interactions) -> Array:
    """Return in which of `N_STRETCHES` stretches of time each interaction was, int64 (n,) or (0,).

    Each stretch has about as many interactions; without timestamps there is none.
    """
    times = interactions.timestamps
    if times is None:
        return np.empty(0, np.int64)
    edges = np.quantile(times, np.arange(1, N_STRETCHES) / N_STRETCHES)
    return np.searchsorted(edges, times, side="right")


def times_of_users(interactions: Interactions, moments: Array) -> Array:
    """Return which share of each user's interactions was in each stretch, (n_users + 1, s) float32.

    The last row is for an unknown user, and for whoever has none: the last stretch, which is now.
    """
    n_stretches = N_STRETCHES if len(moments) else 0
    times = np.zeros((interactions.n_users + 1, n_stretches), np.float32)
    if n_stretches:
        np.add.at(times, (interactions.user_codes, moments), 1)
        sums = times.sum(axis=1, keepdims=True)
        times /= np.maximum(sums, 1)
        times[sums[:, 0] == 0, -1] = 1.0
    return times


def _ones(interactions: Interactions) -> sp.csr_matrix:
    ones = np.ones(len(interactions), np.float32)
    return interactions.by_user.matrix(interactions.n_items, ones)


def _profiles(histories: sp.csr_matrix, block: Array) -> Array:
    """Return the mean of a block's rows over each history, float32 (q, k); zeros for none."""
    counts = np.maximum(np.diff(histories.indptr), 1)[:, None].astype(np.float32)
    profiles: Array = (histories @ block) / counts
    return profiles
