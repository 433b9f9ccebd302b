"""The approximate half of an index: a FAISS inverted file that is kept up to date.

Vectors are dealt to the nearest of many centroids; a query looks only into the lists of the few
centroids nearest to it (Jégou, Douze and Schmid, Product quantization for nearest neighbor search,
2011, section IV). What it finds is a candidate: whoever asks scores it again on the full vector.
"""

from __future__ import annotations

from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from vitrine.index.rows import Rows
from vitrine.topk import SLACK, FloatArray, Metric, Positions, blocked_top_k

RECALL = 0.99
"""Share of the true ten nearest that a search must find on a sample of the rows."""

_SAMPLE = 256
_MANY = 1024
"""Fewer changed rows than this cost nothing to search beside the file."""

_POINTS_PER_LIST = 64
"""Vectors a centroid is trained on; more took longer and found no more."""


_BLOCK = 16_384
"""Rows that are added at once, so that no copy of all of them is made."""

_CANDIDATES = 5
"""Candidates for each neighbour asked for. Codes of 4 bits alone find 80 % of the nearest where
vectors lie anyhow; scored again in full, so many candidates hold 99.6 % of them."""


class InvertedFile:
    """Candidates among the rows that it holds; the others are `pending`.

    A row that changes is at once no longer held, and is searched exactly by the caller until
    `absorb` files it. Centroids are only trained anew when much has changed.

    Parameters
    ----------
    rows : Rows
        All of its live rows are filed.
    metric : {"ip", "l2"}
    random_state : int
        Seeds the centroids and the sample that the number of lists looked into is tuned on.
    """

    def __init__(self, rows: Rows, metric: Metric, random_state: int) -> None:
        self._rows = rows
        self._metric: Metric = metric
        self._random_state = random_state
        self._filed = np.zeros(len(rows), np.bool_)  # has an entry in FAISS, current or not
        self._held = np.zeros(len(rows), np.bool_)  # has a current one
        self._pending = np.flatnonzero(rows.live)
        self._n_trained = len(self._pending)
        self._n_changed = 0
        self._index = self._train()
        self.absorb()
        self._n_probes = self._tune()

    @property
    def pending(self) -> Positions:
        """Live rows that are not held, in order."""
        return self._pending

    @property
    def worn(self) -> bool:
        """Whether so much has changed since training that the centroids may no longer fit."""
        return self._n_changed > max(_MANY, self._n_trained // 2)

    def mark(self, positions: Positions) -> None:
        """Take note that rows were overwritten, appended or removed."""
        grown = len(self._rows) - len(self._held)
        self._held = np.append(self._held, np.zeros(grown, np.bool_))
        self._filed = np.append(self._filed, np.zeros(grown, np.bool_))
        self._held[positions] = False
        self._n_changed += len(positions)
        self._pending = np.flatnonzero(self._rows.live & ~self._held)
        if len(self._pending) > max(_MANY, len(self._rows) // 50):
            self.absorb()

    def absorb(self) -> None:
        """File what is pending, under the centroids there are."""
        outdated = self._filed & ~self._held
        if outdated.any():
            self._index.remove_ids(faiss.IDSelectorBitmap(_bits(outdated)))
        self._add(self._pending)
        self._held[self._pending] = True
        self._filed = self._held.copy()
        self._pending = np.empty(0, np.int64)

    def _add(self, positions: Positions) -> None:
        blocks = [
            np.ascontiguousarray(positions[start : start + _BLOCK])
            for start in range(0, len(positions), _BLOCK)
        ]
        lists = [
            self._index.quantizer.search(self._rows.vectors[block], 1)[1].ravel()
            for block in blocks
        ]
        if blocks and not self._index.ntotal:
            self._make_room(np.bincount(np.concatenate(lists), minlength=self._index.nlist))
        for block, chosen in zip(blocks, lists, strict=True):
            vectors = np.ascontiguousarray(self._rows.vectors[block])
            pointers = [faiss.swig_ptr(array) for array in (vectors, block, chosen)]
            self._index.add_core(len(block), *pointers)

    def _make_room(self, counts: NDArray[np.int64]) -> None:
        """Make the lists as long as they will be; growing as they fill, they take a third more."""
        lists = self._index.invlists
        for i, count in enumerate(counts.tolist()):
            lists.resize(i, count)
            lists.resize(i, 0)  # which keeps the room

    def candidates(
        self, queries: FloatArray, k: int, allowed: NDArray[np.bool_] | None = None
    ) -> Positions:
        """Return likely nearest of the held and allowed rows, several for each of k, in no order.

        −1 stands where fewer were found, though more may be allowed.

        Parameters
        ----------
        queries : ndarray of shape (q, d), float32
        k : int
        allowed : ndarray of shape (n,), bool, optional
        """
        n_probes = self._n_probes * max(1, k // 10)
        usable = self._held if allowed is None else self._held & allowed
        if allowed is not None:
            # The fewer are allowed, the farther away the nearest of them lie; twice that, as they
            # may lie together elsewhere.
            n_probes = 2 * n_probes * len(usable) // max(1, int(np.count_nonzero(usable)))
        if allowed is None and np.array_equal(self._filed, self._held):
            return self._find(queries, k, n_probes, None)
        return self._find(queries, k, n_probes, usable)

    def _find(
        self, queries: FloatArray, k: int, n_probes: int, usable: NDArray[np.bool_] | None
    ) -> Positions:
        # `bits` outlives the search: the selector only points at it.
        bits = None if usable is None else _bits(usable)
        selector = None if bits is None else faiss.IDSelectorBitmap(bits)
        parameters = faiss.SearchParametersIVF(
            nprobe=min(n_probes, self._index.nlist), sel=selector
        )
        m = _CANDIDATES * k + SLACK
        positions: Positions = self._index.search(queries, m, params=parameters)[1]
        return positions

    def _train(self) -> Any:
        d = self._rows.n_components
        metric = faiss.METRIC_INNER_PRODUCT if self._metric == "ip" else faiss.METRIC_L2
        n_lists = max(1, min(int(4 * np.sqrt(self._n_trained)), self._n_trained // 16))
        index = faiss.IndexIVFScalarQuantizer(
            faiss.IndexFlat(d, metric), d, n_lists, _code(d), metric
        )
        index.cp.seed = self._random_state + 1  # FAISS takes 0 for its own choice
        index.cp.niter = 10  # the lists' balance gains nothing from more
        index.cp.min_points_per_centroid = 1
        index.cp.max_points_per_centroid = _POINTS_PER_LIST
        rng = np.random.default_rng(self._random_state)
        n_sample = min(self._n_trained, n_lists * _POINTS_PER_LIST)
        sample = np.sort(rng.permutation(self._pending)[:n_sample])
        index.train(self._rows.vectors[sample])
        return index

    def _tune(self) -> int:
        """Return how many lists to look into for the wanted recall of the ten nearest."""
        rng = np.random.default_rng(self._random_state)
        live = np.flatnonzero(self._rows.live)
        sample = rng.permutation(live)[:_SAMPLE]
        queries, k = self._rows.vectors[sample], 11  # itself and ten others
        truth, _ = blocked_top_k(
            queries,
            self._rows.vectors,
            k,
            self._metric,
            allowed=self._rows.live,
            squared_norms=self._rows.squared_norms,
        )
        n_probes = 1
        while n_probes < self._index.nlist:
            found = self._find(queries, k, n_probes, None)
            hits = (truth[:, :, None] == found[:, None, :]).any(axis=2)
            if hits.mean() >= RECALL:
                break
            n_probes *= 2
        return n_probes


def _code(n_components: int) -> int:
    """Return how FAISS writes a number down: errors of many numbers even out, of few not."""
    if n_components >= 128:
        return int(faiss.ScalarQuantizer.QT_4bit)
    return int(
        faiss.ScalarQuantizer.QT_8bit if n_components >= 16 else faiss.ScalarQuantizer.QT_fp16
    )


def _bits(mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(mask, bitorder="little")
