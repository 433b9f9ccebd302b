"""From an item, a photo or a vector to the most similar items."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue import decode, decode_bytes
from vitrine.catalogue.decoding import DEFAULT_LIMITS, Limits
from vitrine.catalogue.items import PictureRef
from vitrine.catalogue.where import Where
from vitrine.encoders.base import Encoder
from vitrine.errors import InputError, OptionError
from vitrine.index import Neighbours
from vitrine.shop.live import Live
from vitrine.shop.memory import Memory
from vitrine.shop.results import Hit, PhotoSearch, Recognised
from vitrine.topk import collapse, maximal_marginal_relevance

Query = str | Path | bytes | NDArray[Any]

CANDIDATES = 4
"""How many times k are looked at where a varied list is asked for."""

MARGIN = 6
"""How many more are looked at first where near-identical ones become one."""


@runtime_checkable
class Recognising(Protocol):
    """An encoder whose vectors also say which class a picture is of."""

    classes_: list[Any]

    def proba_of(self, vectors: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """Return each class's probability, (n, C), from vectors (n, d); None if not in them."""


@dataclass(frozen=True)
class Wish:
    """What is wanted of a search; see `Shop.similar`."""

    k: int
    where: Where = None
    diversity: float = 0.0
    collapse: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int | np.integer) or self.k < 1:
            raise OptionError(f"k={self.k!r}: ask for a whole number of items, 1 or more")
        if not 0 <= self.diversity <= 1:
            raise OptionError(f"diversity={self.diversity}: 0 (most similar) to 1 (most varied)")


def find_similar(live: Live, query: Query, wish: Wish) -> list[Hit]:
    """Return what `Shop.similar` returns."""
    if isinstance(query, str):
        with live.reading() as memory:
            return _Search(memory, wish, position=memory.position(query)).hits()
    memory = live.current()
    vector = vector_of(memory.encoder, query)  # takes long, so nobody is kept waiting by it
    with live.lock.shared():
        # In the memory whose encoder made the vector, whatever the shop has by now.
        return _Search(memory, wish, vector=vector).hits()


def search_by_photo(live: Live, content: bytes, wish: Wish, limits: Limits) -> PhotoSearch:
    """Return what `Shop.search_photo` returns."""
    memory = live.current()
    vector = vector_of(memory.encoder, content, limits)
    with live.lock.shared():
        hits = _Search(memory, wish, vector=vector).hits()
    return PhotoSearch(hits, recognised(memory.encoder, vector))


def recognised(encoder: Encoder, vector: NDArray[np.float32]) -> Recognised | None:
    """Return which class a vector's picture is most probably of; None if the encoder has none."""
    if not isinstance(encoder, Recognising):
        return None
    shares = encoder.proba_of(vector[None])
    if shares is None:
        return None
    best = int(shares[0].argmax())
    return Recognised(encoder.classes_[best], float(shares[0, best]))


def vector_of(
    encoder: Encoder, query: Path | bytes | NDArray[Any], limits: Limits = DEFAULT_LIMITS
) -> NDArray[np.float32]:
    """Return the vector of a picture, or a vector that was given as it is, float32 (d,)."""
    cover = encoder.preprocessing_.cover
    if isinstance(query, Path):
        query = decode(PictureRef(str(query.resolve())), cover=cover, limits=limits)
    elif isinstance(query, bytes):
        query = decode_bytes(query, cover=cover, limits=limits)
    if query.ndim > 1:
        encoded: NDArray[np.float32] = encoder.transform([query])[0]
        return encoded
    d = encoder.n_components_
    if query.shape != (d,) or not np.isfinite(query).all():
        raise InputError(f"a vector of this shop has {d} finite numbers; got {query.shape}")
    vector: NDArray[np.float32] = query.astype(np.float32)
    return vector


class _Search:
    """One search in a memory that does not change meanwhile."""

    def __init__(
        self,
        memory: Memory,
        wish: Wish,
        *,
        position: int | None = None,
        vector: NDArray[np.float32] | None = None,
    ) -> None:
        self._memory, self._wish = memory, wish
        self._position, self._vector = position, vector
        self._allowed = memory.allowed(wish.where)

    def hits(self) -> list[Hit]:
        k, wish = self._wish.k, self._wish
        if not wish.collapse and not wish.diversity:
            found = self._nearest(k)
            return self._made(found, np.flatnonzero(found.positions[0] >= 0), {})
        n = k * CANDIDATES if wish.diversity else k + MARGIN
        while True:
            found = self._nearest(n)
            there = np.flatnonzero(found.positions[0] >= 0)
            vectors = self._memory.neighbours.prepared(found.positions[0][there])
            leaders = collapse(vectors, self._memory.near_identical) if wish.collapse else there
            first = np.flatnonzero(leaders == np.arange(len(there)))
            if len(first) >= k or len(there) < n:
                break
            n *= 2  # so many are nearly identical that too few are left
        chosen = first[:k]
        if wish.diversity:
            similarities = self._memory.neighbours.similarities_among(vectors[first])
            relevance = found.similarities[0][first]
            chosen = first[maximal_marginal_relevance(relevance, similarities, k, wish.diversity)]
        same = {
            int(one): np.flatnonzero((leaders == one) & (np.arange(len(there)) != one))
            for one in chosen
        } if len(first) < len(there) else {}  # fmt: skip
        return self._made(found, chosen, same)

    def _nearest(self, n: int) -> Neighbours:
        neighbours = self._memory.neighbours
        if self._position is not None:
            return neighbours.search_rows(np.array([self._position]), n, self._allowed)
        assert self._vector is not None  # noqa: S101 - one of the two is given
        return neighbours.search(self._vector[None], n, self._allowed)

    def _made(
        self,
        found: Neighbours,
        chosen: NDArray[np.int64],
        same: dict[int, NDArray[np.int64]],
    ) -> list[Hit]:
        positions, memory = found.positions[0], self._memory
        places, ids = positions[chosen], memory.positions
        like = (
            tuple(ids.at_each(positions[same[i]])) if i in same else () for i in chosen.tolist()
        )
        columns = (
            ids.at_each(places),
            found.distances[0][chosen].tolist(),
            found.similarities[0][chosen].tolist(),
            memory.attributes.rows(places),
            like,
        )
        return [Hit(*hit) for hit in zip(*columns, strict=True)]
