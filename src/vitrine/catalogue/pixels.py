"""What is done to an opened picture's pixels: turned upright, made RGB, shrunk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitrine.catalogue.structure import MAX_EXIF_BYTES

Margins = tuple[float, float, float, float]
"""How much of the pixels at the left, top, right and bottom edge lies outside of a picture."""

NO_MARGINS: Margins = (0.0, 0.0, 0.0, 0.0)

# How each orientation is turned upright, and which margin then comes to lie where.
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, (2, 1, 0, 3)),
    3: (Image.Transpose.ROTATE_180, (2, 3, 0, 1)),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, (0, 3, 2, 1)),
    5: (Image.Transpose.TRANSPOSE, (1, 0, 3, 2)),
    6: (Image.Transpose.ROTATE_270, (3, 0, 1, 2)),
    7: (Image.Transpose.TRANSVERSE, (3, 2, 1, 0)),
    8: (Image.Transpose.ROTATE_90, (1, 2, 3, 0)),
}
_ORIENTATION = 0x0112
_BAND_PIXELS = 1_000_000


class ReducedPicture(np.ndarray[Any, np.dtype[np.uint8]]):
    """A picture that was made smaller by a whole number that does not divide its sides.

    Half of 1,001 pixels are 501, the last of which lies half outside. Taken for 501 whole ones they
    would be stretched by a thousandth, which a network sees. Views and copies have no margins.

    Attributes
    ----------
    margins : tuple of four floats
        `Margins`, each from 0 to less than 1.
    """

    margins: Margins = NO_MARGINS


def pixels_of(image: Image.Image, margins: Margins) -> NDArray[np.uint8]:
    """Return a picture's pixels, which know their margins where there are any."""
    pixels = np.asarray(image)
    if not any(margins):
        return pixels
    reduced = pixels.view(ReducedPicture)
    reduced.margins = margins
    return reduced


def margins_of(picture: NDArray[np.uint8]) -> Margins:
    """Return the margins of a picture's pixels, zeros where none are known."""
    return picture.margins if isinstance(picture, ReducedPicture) else NO_MARGINS


def draft(image: Image.Image, cover: int) -> Margins:
    """Have a JPEG decoded smaller, its shorter side at least `cover`, and return its margins."""
    drafted = image.draft("RGB", (cover, cover))
    if drafted is None:
        return NO_MARGINS
    _, _, width, height = drafted[1]
    return 0.0, 0.0, image.width - width, image.height - height


def upright(image: Image.Image, margins: Margins) -> tuple[Image.Image, Margins]:
    """Turn a picture as its EXIF orientation says."""
    if len(image.info.get("exif", b"")) > MAX_EXIF_BYTES:
        return image, margins
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a damaged EXIF block says nothing about the pixels
        turn = None
    if turn is None:
        return image, margins
    left, top, right, bottom = (margins[before] for before in turn[1])
    return image.transpose(turn[0]), (left, top, right, bottom)


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


def shrink(image: Image.Image, margins: Margins, cover: int) -> tuple[Image.Image, Margins]:
    """Average whole blocks of pixels while the shorter side stays at least `cover`."""
    factor = min(image.size) // max(1, cover)
    if factor < 2:
        return image, margins
    smaller = image.reduce(factor)
    left, top, right, bottom = margins
    outside_right = smaller.width - (image.width - right) / factor
    outside_bottom = smaller.height - (image.height - bottom) / factor
    return smaller, (left / factor, top / factor, outside_right, outside_bottom)
