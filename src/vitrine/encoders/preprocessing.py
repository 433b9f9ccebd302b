"""From pictures of any size to equal arrays: one path for fitting, serving and search."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, Self, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitrine.catalogue.pixels import Margins, margins_of
from vitrine.encoders.resampling import resize_bilinear
from vitrine.errors import InputError, OptionError

Picture = NDArray[np.uint8]
"""One decoded picture: uint8, (h, w) grey or (h, w, 3) RGB."""

Pictures = NDArray[np.uint8] | Sequence[Picture]
"""Several: an array (n, h, w) or (n, h, w, 3), or any sequence of single pictures."""


@runtime_checkable
class SelfDecoding(Protocol):
    """Pictures that are still files: they are preprocessed in the threads that decode them."""

    def mapped(
        self, function: Callable[[Picture], Picture], batch_size: int, cover: int
    ) -> Iterator[list[Picture]]:
        """Yield what `function` makes of each picture, in order, in lists of `batch_size`."""


Resize = Literal["stretch", "crop", "pad", "shorter-crop"]

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes an array of a fixed shape.

    Parameters
    ----------
    height, width : int
        Size of the result, in pixels.
    channels : {1, 3}
        1: grey (ITU-R 601 luma, as Pillow's ``L``); 3: RGB.
    resize : {"stretch", "crop", "pad", "shorter-crop"}
        ``stretch`` ignores the aspect ratio; ``crop`` scales the shorter side and cuts the middle
        out; ``pad`` scales the longer side and fills with white; ``shorter-crop`` scales the
        shorter side to `shorter` pixels and cuts (`height`, `width`) out of the middle, as most
        published networks want it. A picture that has the result's size is left as it is.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos"}
        Pillow's antialiased filters; ``bilinear`` of RGB is our own, within 1 of Pillow's.
    shorter : int, optional
        For ``shorter-crop``: what the shorter side becomes, at least the longer side of the result.
    """

    height: int
    width: int
    channels: int = 3
    resize: Resize = "stretch"
    interpolation: str = "bilinear"
    shorter: int | None = None

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1 or self.channels not in (1, 3):
            raise OptionError(
                f"a picture of {self.height}×{self.width}×{self.channels} cannot be: sizes start "
                "at 1, channels are 1 (grey) or 3 (RGB)"
            )
        if self.interpolation not in _FILTERS or self.resize not in get_args(Resize):
            raise OptionError(
                f"resize={self.resize!r}, interpolation={self.interpolation!r}: resize is one of "
                f"{', '.join(get_args(Resize))}; interpolation is one of {', '.join(_FILTERS)}"
            )
        fits = self.shorter is not None and self.shorter >= max(self.height, self.width)
        if fits != (self.resize == "shorter-crop"):
            raise OptionError(
                f"shorter={self.shorter} with resize={self.resize!r}: shorter-crop, and only that, "
                f"needs it, at least {max(self.height, self.width)}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one result, (h, w, c)."""
        return self.height, self.width, self.channels

    @property
    def cover(self) -> int:
        """Shorter side, in pixels, that a decoder must keep for the result to lose nothing."""
        return max(320, 2 * max(self.height, self.width, self.shorter or 0))

    def apply(self, picture: Picture) -> NDArray[np.uint8]:
        """Return one picture as uint8 (h, w, c)."""
        check_picture(picture)
        if picture.shape[:2] == (self.height, self.width):
            return _set_channels(picture, self.channels)
        margins = margins_of(picture)
        if self.channels == picture.ndim == 3 and self._is_plain:
            return resize_bilinear(picture, self.height, self.width, margins)
        image = Image.fromarray(picture)
        if self.channels == 1 and image.mode != "L":
            image = image.convert("L")  # before resizing: a third of the work
        resized = np.asarray(self._resize(image, margins), dtype=np.uint8)
        return _set_channels(resized, self.channels)

    def prepare(self, picture: Picture) -> Picture:
        """Return one picture as (h, w) or (h, w, 3), which `apply` then leaves as it is.

        For use where pictures are decoded (``catalogue.decoded(then=preprocessing.prepare)``), so
        that no large picture waits for its encoder.
        """
        prepared = self.apply(picture)
        return prepared[..., 0] if self.channels == 1 else prepared

    def batches(self, pictures: Pictures, batch_size: int = 512) -> Iterator[NDArray[np.uint8]]:
        """Yield the pictures in order as uint8 (b, h, w, c), b ≤ `batch_size`.

        Raises
        ------
        InputError
            If there are no pictures, or one is not a uint8 array (h, w) or (h, w, 3).
        """
        if len(pictures) == 0:
            raise InputError("there are no pictures")
        if isinstance(pictures, SelfDecoding):
            for batch in pictures.mapped(self.apply, batch_size, self.cover):
                yield np.stack(batch)
            return
        for start in range(0, len(pictures), batch_size):
            yield self._batch(pictures[start : start + batch_size])

    def stack(self, pictures: Pictures) -> NDArray[np.uint8]:
        """Return all pictures as one uint8 array (n, h, w, c)."""
        return np.concatenate(list(self.batches(pictures)))

    def to_settings(self) -> dict[str, Any]:
        """Return the fields, for a manifest."""
        return asdict(self)

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Self:
        """Rebuild from `to_settings`."""
        return cls(**settings)

    @property
    def _is_plain(self) -> bool:
        return self.resize == "stretch" and self.interpolation == "bilinear"

    def _batch(self, pictures: Pictures) -> NDArray[np.uint8]:
        if isinstance(pictures, np.ndarray) and pictures.shape[1:3] == (self.height, self.width):
            check_picture(pictures[0])
            grey = pictures.ndim == 3
            if grey == (self.channels == 1):
                return pictures[..., None] if grey else pictures
        return np.stack([self.apply(picture) for picture in pictures])

    def _resize(self, image: Image.Image, margins: Margins) -> Image.Image:
        size, resample = (self.width, self.height), _FILTERS[self.interpolation]
        x, y, right, bottom = margins
        w, h = image.width - x - right, image.height - y - bottom
        whole = (x, y, x + w, y + h)
        if self.resize == "stretch":
            return image.resize(size, resample, box=whole)
        if self.shorter is not None:
            # The longer side is rounded down, and so is the corner: as Transformers does both.
            scale = self.shorter / min(w, h)
            inner = _rounded_down(w * scale), _rounded_down(h * scale)
            resized = image.resize(inner, resample, box=whole)
            left, top = (inner[0] - self.width) // 2, (inner[1] - self.height) // 2
            return resized.crop((left, top, left + self.width, top + self.height))
        scales = self.width / w, self.height / h
        scale = max(scales) if self.resize == "crop" else min(scales)
        if self.resize == "crop":
            # The middle box of the target's aspect ratio, resized in one step.
            # Division and multiplication again may give a hair more than there is.
            wide, high = min(self.width / scale, w), min(self.height / scale, h)
            x, y = x + (w - wide) / 2, y + (h - high) / 2
            return image.resize(size, resample, box=(x, y, x + wide, y + high))
        inner = (max(1, round(w * scale)), max(1, round(h * scale)))
        canvas = Image.new(image.mode, size, "white")
        corner = ((self.width - inner[0]) // 2, (self.height - inner[1]) // 2)
        canvas.paste(image.resize(inner, resample, box=whole), corner)
        return canvas


def _rounded_down(length: float) -> int:
    # A product of floats may lie a hair below the whole number that it is.
    return int(length + 1e-6)


def check_picture(picture: Picture) -> None:
    """Raise `InputError` unless `picture` is a uint8 array (h, w) or (h, w, 3)."""
    if not isinstance(picture, np.ndarray):
        raise InputError(f"a picture must be a NumPy array, not {type(picture).__name__}")
    grey_or_rgb = picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] == 3)
    if picture.dtype != np.uint8 or not grey_or_rgb or picture.size == 0:
        raise InputError(
            "a picture must be uint8, (h, w) or (h, w, 3), with 0 to 255 in it; "
            f"this one is {picture.dtype} {picture.shape}"
        )


def native_size(pictures: Pictures, at_most: int, otherwise: int) -> tuple[int, int]:
    """Return the pictures' own (height, width) if all share it and it is small.

    Looks at 64 pictures at most, so that a lazily decoded million is not decoded for it.

    Parameters
    ----------
    pictures : sequence of pictures
    at_most : int
        Largest side, in pixels, that counts as small.
    otherwise : int
        Side of the square that is returned where sizes differ or are larger.
    """
    step = max(1, len(pictures) // 64)
    shapes = set()
    for i in range(0, len(pictures), step):
        picture = pictures[i]
        check_picture(picture)
        shapes.add(picture.shape[:2])
    if len(shapes) == 1 and max(shape := shapes.pop()) <= at_most:
        return shape[0], shape[1]
    return otherwise, otherwise


def has_colour(pictures: Pictures, tolerance: float = 4.0) -> bool:
    """Tell whether any of up to 64 pictures has colour: channels that differ on average.

    Parameters
    ----------
    pictures : sequence of pictures
    tolerance : float
        Mean spread between the channels, in grey levels (0 to 255), that still counts as grey.
    """
    step = max(1, len(pictures) // 64)
    for i in range(0, len(pictures), step):
        picture = pictures[i]
        check_picture(picture)
        if picture.ndim == 3 and np.ptp(picture.astype(np.int16), axis=2).mean() > tolerance:
            return True
    return False


def _set_channels(picture: Picture, channels: int) -> NDArray[np.uint8]:
    if picture.ndim == 2:
        return np.repeat(picture[..., None], channels, axis=2)
    if channels == 1:
        return np.asarray(Image.fromarray(picture).convert("L"))[..., None]
    return picture
