"""Pictures as they are put into the report: small WebP files, written as data URIs."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

CARD_EDGE = 176
"""Longest side of a picture on the page, in pixels: twice what it is shown at, for fine screens."""

HOVER_EDGE = 72
"""Longest side of a picture that is only shown on hover, in pixels."""

TINY_EDGE = 64
"""A picture up to this size is kept to the pixel and shown with its pixels sharp."""

LOSSLESS_HOVER_EDGE = 32
"""Up to this size also those on hover are kept to the pixel: thousands of them still fit."""

MAX_SOURCE_PIXELS = 50_000_000


@dataclass(frozen=True)
class PagePicture:
    """One picture of the page.

    Parameters
    ----------
    webp : bytes
        The file.
    width, height : int
        Its size, in pixels.
    tiny : bool
        Whether the original is so small that it is shown with its pixels sharp.
    """

    webp: bytes
    width: int
    height: int
    tiny: bool = False

    @property
    def base64(self) -> str:
        """The file in base64."""
        return base64.b64encode(self.webp).decode("ascii")

    @property
    def uri(self) -> str:
        """The file as a data URI."""
        return f"data:image/webp;base64,{self.base64}"


def from_bytes(content: bytes | None, edge: int = CARD_EDGE) -> PagePicture | None:
    """Shrink a picture file; None where there is none or it cannot be read.

    It is always decoded and written anew, so that only pictures get into the page.
    """
    if content is None:
        return None
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MAX_SOURCE_PIXELS:
                return None
            return _write(image.convert("RGB"), edge)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None


def from_array(picture: NDArray[np.uint8], edge: int = CARD_EDGE) -> PagePicture:
    """Shrink a decoded picture, uint8 (h, w), (h, w, 1) or (h, w, 3)."""
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[..., 0]
    return _write(Image.fromarray(picture).convert("RGB"), edge)


def _write(image: Image.Image, edge: int) -> PagePicture:
    tiny = max(image.size) <= TINY_EDGE
    image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    on_hover = edge == HOVER_EDGE
    lossless = tiny and (not on_hover or max(image.size) <= LOSSLESS_HOVER_EDGE)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=65 if on_hover else 75, lossless=lossless, method=4)
    return PagePicture(buffer.getvalue(), image.width, image.height, tiny)
