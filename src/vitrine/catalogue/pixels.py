"""What is done to an opened picture's pixels: turned upright, made RGB, shrunk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitrine.catalogue.structure import MAX_EXIF_BYTES

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112
_BAND_PIXELS = 1_000_000


def upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF orientation says."""
    if len(image.info.get("exif", b"")) > MAX_EXIF_BYTES:
        return image
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block says nothing about the pixels
        turn = None
    return image if turn is None else image.transpose(turn)


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a picture of any mode as RGB, transparency on white."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_to_bytes(np.asarray(image)))
    return _on_white(image) if image.has_transparency_data else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Put a picture with transparency on white, in bands: whole, it would be there four times."""
    rgb = Image.new("RGB", image.size)
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height))).convert("RGBA")
        white = Image.new("RGBA", band.size, "white")
        rgb.paste(Image.alpha_composite(white, band).convert("RGB"), (0, top))
    return rgb


def _to_bytes(values: Any) -> NDArray[np.uint8]:
    """Bring 16-bit integers (0 to 65535) or floats (0 to 1, or 0 to 255) to 0 to 255."""
    if values.dtype.kind == "f":
        finite = np.nan_to_num(values, nan=0.0, posinf=255.0, neginf=0.0)
        scale = 255.0 if finite.max() <= 1.0 else 1.0
        levels = np.rint(finite * scale)
    else:
        levels = np.clip(values, 0, 65535) >> 8
    pixels: NDArray[np.uint8] = np.clip(levels, 0, 255).astype(np.uint8)
    return pixels


def shrink(image: Image.Image, cover: int) -> Image.Image:
    """Average whole blocks of pixels while the shorter side stays at least `cover`."""
    factor = min(image.size) // max(1, cover)
    return image.reduce(factor) if factor >= 2 else image
