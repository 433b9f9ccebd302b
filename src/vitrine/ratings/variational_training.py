"""How the network of `MultVAE` is taught, and at which scale it is told the items' features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from vitrine.progress import task, track
from vitrine.ratings.adam import one_cycle
from vitrine.ratings.kernel_map import LIKED_FROM, mean_ndcg
from vitrine.ratings.variational import Draw, Network

Array = NDArray[Any]
MakeNetwork = Callable[[Array, np.random.Generator], Network]
GROWING = 0.5
"""Share of the steps in which the weight of the prior grows."""
FEATURE_SCALES = (0.125, 8.0)
"""Lengths that an item's row of each block of features may have, about. A step of `Adam` moves
every weight about as far, so what features say of an item moves by the sum of its columns: long
rows learn fast what features tell, and leave an item's own rows behind where that is little."""
NEAR = 0.96
"""A scale that reaches so much of the best is taken before a longer one, which costs the items that
people chose."""
FAINT = 0.1
"""What the scale of a block is multiplied by where its columns drown the others'."""
SEARCH_USERS, SEARCH_FOLDS, SEARCH_EPOCHS, SEARCH_TRIALS = 1000, 3, 3, 8
"""The search is on so many users at most, holds out so many fifths of the items, one by one, takes
so many times fewer epochs than the fit, and makes so many of the widest blocks fainter at most."""
N_PARTS = 5
TOP_N = 20


@dataclass(frozen=True)
class Training:
    """What `MultVAE`'s parameters of the same names say."""

    n_epochs: int
    max_steps: int
    batch_size: int
    learning_rate: float
    kl_weight: float
    dropout: float
    own_dropout: float
    n_competing: int

    def run(
        self,
        network: Network,
        chosen: sp.csr_matrix,
        items: Array,
        rng: np.random.Generator,
        title: str | None = None,
    ) -> None:
        """Teach a network who chose what.

        Parameters
        ----------
        network : Network
            Changed in place.
        chosen : csr_matrix of shape (n_users, n_items)
            How strongly.
        items : ndarray of int
            Those that compete, ascending: all that were chosen.
        rng : Generator
        title : str, optional
            Of the progress that is shown; without it none is.
        """
        n_users = chosen.shape[0]
        size = min(self.batch_size, n_users)
        batches = -(-n_users // size)
        n_steps = min(self.n_epochs * batches, self.max_steps)
        order = rng.permutation(n_users)
        for number in track(range(n_steps), title) if title else range(n_steps):
            place = number % batches
            if place == 0:
                order = rng.permutation(n_users)
            batch = chosen[order[place * size : (place + 1) * size]]
            entered = unit_rows(batch)
            entered.data *= (rng.random(len(entered.data)) >= self.dropout) / (1 - self.dropout)
            entered.eliminate_zeros()
            draw = self._draw(network, batch, items, rng)
            kl = self.kl_weight * min(1.0, number / (GROWING * n_steps))
            network.step(entered, batch, draw, kl, one_cycle(self.learning_rate, number / n_steps))

    def _draw(
        self, network: Network, batch: sp.csr_matrix, items: Array, rng: np.random.Generator
    ) -> Draw:
        kept = np.ones(batch.shape[1], np.float32)
        if network.features.shape[1]:
            kept[rng.random(len(kept)) < self.own_dropout] = 0.0
        noise = rng.standard_normal((batch.shape[0], network.n_factors), np.float32)
        if len(items) <= self.n_competing:
            return Draw(noise, kept, items, np.zeros(len(items), np.float32))
        wanted = np.unique(batch.indices)
        others = np.setdiff1d(rng.choice(items, self.n_competing, replace=False), wanted)
        competing = np.union1d(wanted, others)
        stands_for = np.log(max(len(items) - len(wanted), 1) / max(len(others), 1))
        offsets = np.where(np.isin(competing, wanted), 0.0, stands_for).astype(np.float32)
        return Draw(noise, kept, competing, offsets)


def find_feature_scales(
    make: MakeNetwork,
    training: Training,
    chosen: sp.csr_matrix,
    blocks: Mapping[str, Array],
    described: NDArray[np.bool_],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return the scale of each block of features by which held-out items are found about best.

    First one for all of `FEATURE_SCALES`, then a fainter one for so many of the widest blocks as is
    best, where each of the parts that are held out is found better so.

    Parameters
    ----------
    make : callable
        Makes a network of all items' columns, (n_items, n_columns), and a generator.
    training : Training
    chosen : csr_matrix of shape (n_users, n_items)
    blocks : mapping of str to ndarray of shape (n_items, d)
        Rows of root mean square 1.
    described : ndarray of shape (n_items,), bool
        Items that have features.
    rng : Generator
    """
    users = rng.permutation(chosen.shape[0])[:SEARCH_USERS]
    among = np.unique(chosen[users].indices)
    chosen, told = chosen[users][:, among], {name: block[among] for name, block in blocks.items()}
    shorter = replace(training, n_epochs=max(1, training.n_epochs // SEARCH_EPOCHS))
    parts = np.array_split(rng.permutation(np.flatnonzero(described[among])), N_PARTS)
    folds = [(np.sort(held), int(rng.integers(2**31))) for held in parts[:SEARCH_FOLDS]]

    n_trials = min(len(blocks) - 1, SEARCH_TRIALS)
    with task("weighing features", (len(FEATURE_SCALES) + n_trials) * len(folds)) as progress:

        def reached(scales: Mapping[str, float]) -> Array:
            by_fold = []
            for held, seed in folds:
                same = np.random.default_rng(seed)
                network = make(side_by_side(told, scales), same)
                by_fold.append(_held_out_ndcg(network, shorter, chosen, held, same))
                progress.advance()
            return np.array(by_fold)

        alike = [dict.fromkeys(blocks, scale) for scale in FEATURE_SCALES]
        found = np.array([reached(scales) for scales in alike])
        means = found.mean(axis=1)
        place = int(np.argmax(means >= NEAR * means.max()))
        common, scales = alike[place], alike[place]
        before = best = found[place]
        widest = sorted(blocks, key=lambda name: -blocks[name].shape[1])
        for n_faint in range(1, n_trials + 1):
            fainter = common | {name: FAINT * common[name] for name in widest[:n_faint]}
            reaches = reached(fainter)
            # One part may say so by chance.
            if (reaches > before).all() and reaches.mean() > best.mean():
                scales, best = fainter, reaches
    return scales


def side_by_side(blocks: Mapping[str, Array], scales: Mapping[str, float]) -> NDArray[np.float32]:
    """Return the columns of all blocks by name, each by its scale, (n_items, n_columns)."""
    columns = [scales[name] * blocks[name] for name in sorted(blocks)]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _held_out_ndcg(
    network: Network,
    training: Training,
    chosen: sp.csr_matrix,
    held: Array,
    rng: np.random.Generator,
) -> float:
    """Teach the network without the held-out items; return how well it then finds them."""
    own = np.ones(chosen.shape[1], np.float32)
    own[held] = 0.0
    known = sp.csr_matrix(chosen.multiply(own), dtype=np.float32)
    known.eliminate_zeros()
    taught = known[np.diff(known.indptr) > 0]
    if not taught.shape[0]:
        return 0.0
    training.run(network, taught, np.flatnonzero(own), rng)
    first, second = network.tables(own)
    factors = network.means(unit_rows(known), first)
    scores = factors @ second[held, :-1].T + second[held, -1]
    return mean_ndcg(scores, chosen[:, held].toarray() > LIKED_FROM, TOP_N)


def unit_rows(histories: sp.csr_matrix) -> sp.csr_matrix:
    """Return the rows scaled to length 1, in a matrix of their own."""
    squares = np.asarray(histories.multiply(histories).sum(axis=1)).ravel()
    scale = 1 / np.sqrt(np.maximum(squares, 1e-12))
    data = (histories.data * np.repeat(scale, np.diff(histories.indptr))).astype(np.float32)
    return sp.csr_matrix((data, histories.indices.copy(), histories.indptr.copy()), histories.shape)
