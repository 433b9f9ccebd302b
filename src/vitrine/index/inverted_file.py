"""The approximate half of an index: a FAISS inverted file that is kept up to date.

Vectors are dealt to the nearest of many centroids; a query looks only into the lists of the few
centroids nearest to it (Jégou, Douze and Schmid, Product quantization for nearest neighbor search,
2011, section IV). What it finds is a candidate: whoever asks scores it again on the full vector.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
from numpy.typing import NDArray

from vitrine.index.allowed import Allowed
from vitrine.index.filtered import Filing
from vitrine.index.lists import fewest_bits, packed, read_lists, remove, trained_lists
from vitrine.index.probing import FEWEST_FAR, search_widening
from vitrine.index.rows import Rows
from vitrine.topk import SLACK, FloatArray, Metric, Positions, blocked_top_k

RECALL = 0.99
"""Share of the true ten nearest that a search must find on a sample of the rows."""

_SAMPLE = 256
_MANY = 1024
"""Fewer changed rows than this cost little to search beside the file."""

_BLOCK = 16_384
"""Rows that are added at once, so that no copy of all of them is made."""

_CANDIDATES = (5, 10, 20)
"""Candidates for each neighbour asked for; which of these is tuned. Codes of 4 bits alone find 80 %
of the nearest where vectors lie anyhow; scored again in full, five candidates hold 99.6 %."""

_ROWS_A_CANDIDATE = 40
"""Rows looked at in the time of scoring one candidate in full, which lies anywhere in memory."""

_MORE_FAR = 2
"""Times as many candidates where the nearest may be far away: they differ less than codes are
off."""

_ELEVENTH = 10
"""Which candidate tells how far a query's nearest are: a row's tenth, after the row itself."""

_OWN = 0.98
"""Share of the sampled rows whose nearest tell how far a query's may be for the tuned effort."""

_FAR = np.float32(1 + np.sqrt(2))
"""Length from which on a vector is as far from all of length 1 as those at right angles."""

_TRUTH_BYTES = 2**27
"""Memory for scores while tuning: all rows are gone through once for each so many."""


@dataclass(frozen=True)
class Effort:
    """How much of the file a search looks at, tuned on a sample of the rows.

    Attributes
    ----------
    n_probes : int
        Lists looked into.
    n_candidates : int
        Candidates for each neighbour asked for, which are scored again in full.
    recall : float
        Share of the ten nearest of the sampled rows that is among the candidates.
    reach : float
        A query whose eleventh nearest candidate is at most this far away, by the distance of codes
        that FAISS returns, has its nearest where the sampled rows had theirs. One from elsewhere,
        such as a photo that is not in the catalogue, looks further.
    """

    n_probes: int
    n_candidates: int
    recall: float
    reach: float


class InvertedFile:
    """Candidates among the rows that it holds; the others are `pending`.

    A row that changes is at once no longer held, and is searched exactly by the caller until
    `absorb` files it. Centroids are only trained anew when much has changed.

    Parameters
    ----------
    rows : Rows
    metric : {"ip", "l2"}
        Where it is ``ip`` rows and queries have length 1, so the nearest by distance are the same.
        Distances are compared either way: how far a code's distance is off grows with the distance,
        a product's with the lengths. In clusters, where all are near, that is ten times as much.
    index : faiss.IndexIVF
        Trained; holds the rows that are `filed`.
    effort : Effort, optional
        Tuned here where it is missing.
    filed, held : ndarray of shape (n,), bool
        Which rows have an entry in the index, and which a current one.
    n_trained, n_changed : int
        Rows there were when the centroids were trained, and how many have changed since.
    """

    def __init__(
        self,
        rows: Rows,
        metric: Metric,
        index: Any,
        *,
        filed: NDArray[np.bool_],
        held: NDArray[np.bool_],
        n_trained: int,
        n_changed: int = 0,
        effort: Effort | None = None,
    ) -> None:
        self._rows, self._metric, self._index = rows, metric, index
        self._filed, self._held = filed, held
        self._n_trained, self._n_changed = n_trained, n_changed
        self._filing: Filing | None = None  # of the rows as they are filed now
        self._pending: Positions = np.flatnonzero(rows.live[: len(held)] & ~held)
        self._note_held()
        self.effort = effort or Effort(1, _CANDIDATES[0], 0.0, np.inf)

    @classmethod
    def train(cls, rows: Rows, metric: Metric, random_state: int) -> Self:
        """File all live rows.

        Parameters
        ----------
        rows : Rows
            May change meanwhile, if `mark` is told of it afterwards.
        metric : {"ip", "l2"}
        random_state : int
            Seeds the centroids and the sample that the effort is tuned on.
        """
        live = np.flatnonzero(rows.live)
        for bits in dict.fromkeys((fewest_bits(rows.n_components), 16)):
            none = np.zeros(len(rows), np.bool_)
            index = trained_lists(rows, live, bits, random_state)
            file = cls(rows, metric, index, filed=none, held=none.copy(), n_trained=len(live))
            file.absorb()
            file.effort = file._tune(live, random_state)
            if file.effort.recall >= RECALL:
                break  # else some vectors are so long that few bits do not tell the others apart
        return file

    @classmethod
    def load(cls, path: Path, rows: Rows, metric: Metric, notes: dict[str, Any]) -> Self:
        """Rebuild what `save` wrote, given the notes that it returned.

        Whoever asks sees to it that the file is as it was written.
        """
        n = int(notes["rows"])
        bits = np.fromfile(path.with_suffix(".bits"), np.uint8)
        filed, held = np.unpackbits(bits, bitorder="little").view(np.bool_).reshape(2, -1)[:, :n]
        return cls(rows, metric, read_lists(path), filed=filed.copy(), held=held.copy(),
                   n_trained=notes["n_trained"], n_changed=notes["n_changed"],
                   effort=Effort(**notes["effort"]))  # fmt: skip

    def save(self, path: Path) -> dict[str, Any]:
        """Write the file to `path` and which rows it holds beside it; return the rest, as JSON."""
        faiss.write_index(self._index, str(path))
        np.concatenate([packed(self._filed), self._bits]).tofile(path.with_suffix(".bits"))
        return {"rows": len(self._held), "n_trained": self._n_trained,
                "n_changed": self._n_changed, "effort": asdict(self.effort)}  # fmt: skip

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
        if grown:
            self._held = np.append(self._held, np.zeros(grown, np.bool_))
            self._filed = np.append(self._filed, np.zeros(grown, np.bool_))
        self._held[positions] = False
        self._note_held()
        self._n_changed += len(positions)
        pending = np.union1d(self._pending, positions)
        self._pending = pending[self._rows.live[pending]]
        if len(self._pending) > _MANY or self._n_outdated > max(_MANY, len(self._held) // 50):
            self.absorb()

    def absorb(self) -> None:
        """File what is pending, under the centroids there are."""
        outdated = self._filed & ~self._held
        if outdated.any():
            remove(self._index, packed(outdated))
        self._add(self._pending)
        self._held[self._pending] = True
        self._filing = None
        self._filed = self._held.copy()
        self._pending = np.empty(0, np.int64)
        self._note_held()

    def _note_held(self) -> None:
        self._bits = packed(self._held)
        self._n_outdated = int(np.count_nonzero(self._filed)) - int(np.count_nonzero(self._held))

    def _add(self, positions: Positions) -> None:
        for start in range(0, len(positions), _BLOCK):
            block = np.ascontiguousarray(positions[start : start + _BLOCK])
            vectors = self._rows.vectors[block]
            if self._metric == "ip":
                # Its product with everything is 0, but by distance it would be among the near.
                vectors[self._rows.squared_norms[block] == 0] = _FAR / np.sqrt(vectors.shape[1])
            self._index.add_with_ids(vectors, block)

    def candidates(self, queries: FloatArray, k: int, allowed: Allowed | None = None) -> Positions:
        """Return likely nearest of the held and allowed rows, several for each of k, in no order.

        −1 stands where fewer were found, though more may be allowed.

        Parameters
        ----------
        queries : ndarray of shape (q, d), float32
        k : int
        allowed : Allowed, optional
        """
        n_probes = self.effort.n_probes * max(1, k // 10)
        m = self.effort.n_candidates * k + SLACK
        more = self.effort.n_candidates * _MORE_FAR * k + SLACK
        if allowed is None:
            return self._find(queries, k, (m, more), n_probes)
        if self._filing is None:
            self._filing = Filing(self._index, len(self._held))
        bits = self._bits & allowed.bits  # outlives the search: the selector only points at it
        selector = faiss.IDSelectorBitmap(bits)
        lists = allowed.lists(self._filing)
        return lists.search(self._index, queries, k, more, n_probes, selector)

    def _find(self, queries: FloatArray, k: int, m: tuple[int, int], n_probes: int) -> Positions:
        """Return so many candidates for each query; or more, if one is from elsewhere."""
        selector = faiss.IDSelectorBitmap(self._bits) if self._n_outdated else None
        distances, positions = self._look_up(queries, m[0], n_probes, selector)
        far = np.flatnonzero(distances[:, _ELEVENTH] > self.effort.reach)
        if not len(far) or n_probes >= self._index.nlist:
            return positions
        found = np.full((len(queries), m[1]), -1, np.int64)
        found[:, : m[0]] = positions
        first = max(FEWEST_FAR, 2 * n_probes)
        found[far] = search_widening(self._index, queries[far], k, m[1], first, selector)
        return found

    def _look_up(
        self, queries: FloatArray, m: int, n_probes: int, selector: Any = None
    ) -> tuple[FloatArray, Positions]:
        n_probes = min(n_probes, self._index.nlist)
        if selector is None:
            parameters = _parameters(n_probes)
        else:
            parameters = faiss.SearchParametersIVF(nprobe=n_probes, sel=selector)
        found: tuple[FloatArray, Positions] = self._index.search(queries, m, params=parameters)
        return found

    def _tune(self, live: Positions, random_state: int) -> Effort:
        """Return the cheapest effort with the wanted recall of the ten nearest, or all there is."""
        sample = np.random.default_rng(random_state).permutation(live)[:_SAMPLE]
        queries, k = self._rows.vectors[sample], 11  # itself and ten others
        n = len(self._held)  # rows may be appended meanwhile
        truth, _ = blocked_top_k(
            queries, self._rows.vectors[:n], k, self._metric, allowed=self._rows.live[:n],
            squared_norms=self._rows.squared_norms[:n], block_bytes=_TRUTH_BYTES,
        )  # fmt: skip
        n_probes, best, least = 1, Effort(self._index.nlist, _CANDIDATES[-1], 0.0, np.inf), np.inf
        while True:
            more = min(self._index.nlist, max(n_probes + 1, n_probes * 3 // 2))
            looked_at = n_probes * len(live) / self._index.nlist
            if looked_at + k * _CANDIDATES[0] * _ROWS_A_CANDIDATE >= least:
                return best
            distances, found = self._look_up(queries, _CANDIDATES[-1] * k + SLACK, n_probes)
            reach = float(np.quantile(distances[:, _ELEVENTH], _OWN))
            for n_candidates in _CANDIDATES:
                some = found[:, : n_candidates * k + SLACK]
                recall = float((truth[:, :, None] == some[:, None, :]).any(axis=2).mean())
                cost = looked_at + k * n_candidates * _ROWS_A_CANDIDATE
                if recall >= RECALL and cost < least:
                    # One step beyond, as later rows find less.
                    best, least = Effort(more, n_candidates, recall, reach), cost
            if n_probes == self._index.nlist:
                return best if least < np.inf else replace(best, recall=recall)
            n_probes = more


@lru_cache(maxsize=64)
def _parameters(n_probes: int) -> Any:
    # Making them takes as long as a tenth of a search among 100,000 rows.
    return faiss.SearchParametersIVF(nprobe=n_probes)
