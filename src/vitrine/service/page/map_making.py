"""Every item's place on the plane, as the map's script reads it."""

from __future__ import annotations

import json
import struct

import numpy as np
from numpy.typing import NDArray

from vitrine.charts.plane import spread
from vitrine.errors import UnknownItemError
from vitrine.service.page.kept import Made
from vitrine.shop import Shop

ATTEMPTS = 5


def make_map(shop: Shop) -> Made:
    """Place all items of a shop; takes a second, or a minute where a network learns the map."""
    for attempt in range(ATTEMPTS):
        number, ids = shop.info().change_number, shop.item_ids
        try:
            vectors = shop.vectors_of(ids)
            break
        except UnknownItemError:  # removed meanwhile
            if attempt == ATTEMPTS - 1:
                raise
    points, how = spread(shop.encoder, vectors)
    return Made(pack(ids, points, how), number)


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
