"""Every item's place on the plane, as the map's script reads it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from vitrine.charts.plane import spread
from vitrine.encoders.base import Encoder
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.encoders.placing import learned_plane
from vitrine.errors import UnknownItemError
from vitrine.service.page.kept import Made
from vitrine.shop import Shop

ATTEMPTS = 5
LEARNED = (
    "A network has laid the items out so that neighbours stay neighbours; directions mean nothing."
)


class MapMaking:
    """Places all items of a shop, and remembers how: new items find their place in no time.

    Parameters
    ----------
    shop : Shop
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._learned: tuple[Encoder, OnnxModel | None] | None = None

    def __call__(self) -> Iterator[Made]:
        """Yield a map of two principal components, then the one that a network has learned.

        The network takes a minute or two, once for each encoder; without torch, or for few items,
        there is none and the principal components are the map.
        """
        number, ids, vectors = self._read()
        encoder = self._shop.encoder
        seen = encoder.distance_.prepare(vectors)
        flat = vectors.shape[1] <= 2
        if not flat and (self._learned is None or self._learned[0] is not encoder):
            points, how = spread(encoder, vectors)
            yield Made(pack(ids, points, how), number, draft=True)
            self._learned = encoder, learned_plane(seen)
        network = self._learned[1] if self._learned is not None else None
        if network is None or flat:
            points, how = spread(encoder, vectors)
        else:
            points, how = network(seen), LEARNED
        yield Made(pack(ids, points, how), number)

    def _read(self) -> tuple[int, list[str], NDArray[np.float32]]:
        for _ in range(ATTEMPTS - 1):
            with suppress(UnknownItemError):  # one was removed meanwhile
                return self._read_once()
        return self._read_once()

    def _read_once(self) -> tuple[int, list[str], NDArray[np.float32]]:
        number, ids = self._shop.info().change_number, self._shop.item_ids
        return number, ids, self._shop.vectors_of(ids)


def pack(item_ids: list[str], points: NDArray[np.float32], how: str) -> bytes:
    """Write a map: a length (uint32), so many bytes of JSON, then all x and all y (float32).

    All numbers are little-endian; the JSON is padded so that the floats begin at a multiple of 4.

    Parameters
    ----------
    item_ids : list of str, length n
    points : ndarray of shape (n, 2), float32
    how : str
        How they came onto the plane, in words.
    """
    head = json.dumps({"ids": item_ids, "how": how}).encode()
    head += b" " * (-len(head) % 4)
    numbers = np.ascontiguousarray(points.T, "<f4").tobytes()
    return struct.pack("<I", len(head)) + head + numbers


def ids_of(content: bytes) -> list[str]:
    """Return the items of a map that `pack` wrote, in its order."""
    (length,) = struct.unpack_from("<I", content)
    ids: list[str] = json.loads(content[4 : 4 + length])["ids"]
    return ids
