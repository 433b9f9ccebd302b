"""Small pictures kept with the items, so that a shop that moved can still be looked at."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from vitrine.encoders.preprocessing import Picture

SIDE = 160
LOSSLESS_SIDE = 64


def make_thumbnail(picture: Picture) -> bytes:
    """Return a picture as at most 160×160 pixels: JPEG, or PNG where it is tiny already."""
    image = Image.fromarray(picture)
    buffer = io.BytesIO()
    if max(image.size) <= LOSSLESS_SIDE:
        image.save(buffer, "PNG", compress_level=1)
    else:
        image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
        image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def read_thumbnail(content: bytes) -> Picture:
    """Return a thumbnail as a picture."""
    with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
        return np.asarray(image, dtype=np.uint8)
