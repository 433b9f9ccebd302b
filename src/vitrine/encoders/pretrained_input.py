"""What a network wants its pixels to be: centred, scaled, in its order of channels and axes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.preprocessing import Preprocessing
from vitrine.errors import ArtifactError, OptionError

FloatArray = NDArray[np.float32]
Three = tuple[float, float, float]

IMAGENET_MEAN: Three = (0.485, 0.456, 0.406)
IMAGENET_STD: Three = (0.229, 0.224, 0.225)

_INTERPOLATIONS = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""Pillow's numbers, which ``preprocessor_config.json`` uses."""


@dataclass(frozen=True)
class Normalization:
    """From bytes to what a network reads: (byte × `scale` − `mean`) / `std`.

    Parameters
    ----------
    mean, std : three floats
        Of the channels, red first, after the scale.
    scale : float
        1/255 makes bytes 0 to 1.
    channel_order : {"rgb", "bgr"}
        In which order the network reads them.
    layout : {"nchw", "nhwc"}
        Whether channels come before rows and columns or last.
    """

    mean: Three = IMAGENET_MEAN
    std: Three = IMAGENET_STD
    scale: float = 1 / 255
    channel_order: Literal["rgb", "bgr"] = "rgb"
    layout: Literal["nchw", "nhwc"] = "nchw"

    def __post_init__(self) -> None:
        if len(self.mean) != 3 or len(self.std) != 3 or not min(self.std) > 0:
            raise OptionError(f"mean={self.mean}, std={self.std}: three numbers each, std above 0")
        if self.channel_order not in ("rgb", "bgr") or self.layout not in ("nchw", "nhwc"):
            raise OptionError(
                f"channel_order={self.channel_order!r}, layout={self.layout!r}: rgb or bgr, and "
                "nchw or nhwc"
            )

    def apply(self, batch: NDArray[np.uint8]) -> FloatArray:
        """Return preprocessed RGB pictures, uint8 (b, h, w, 3), as the network reads them."""
        std = np.array(self.std, np.float32)
        values = batch * (np.float32(self.scale) / std)
        values -= np.array(self.mean, np.float32) / std
        if self.channel_order == "bgr":
            values = values[..., ::-1]
        if self.layout == "nchw":
            values = values.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(values, dtype=np.float32)

    def to_settings(self) -> dict[str, Any]:
        """Return the fields, for a manifest."""
        return asdict(self)

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> Self:
        """Rebuild from `to_settings`."""
        colours = {name: three(settings[name]) for name in ("mean", "std")}
        return cls(**{**settings, **colours})


def read_preprocessor_config(path: Path) -> tuple[Preprocessing, Normalization]:
    """Read a ``preprocessor_config.json`` as the Transformers library writes it.

    Raises
    ------
    ArtifactError
        If it cannot be read, or asks for something that is not known here.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return _preprocessing(config), _normalization(config)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{path}: not understood as the preprocessing of pictures ({error!r}); give it as "
            "options instead: size, resize, shorter, interpolation, mean, std"
        ) from error


def _preprocessing(config: dict[str, Any]) -> Preprocessing:
    interpolation = _INTERPOLATIONS[config.get("resample", 2)]
    size = config.get("size", 224)
    if "crop_pct" in config:  # ConvNeXt's way: the size is what the crop leaves
        side = int(size if isinstance(size, int) else size["shortest_edge"])
        if side >= 384:
            return Preprocessing(side, side, 3, "stretch", interpolation)
        shorter = int(side / config["crop_pct"])
        return Preprocessing(side, side, 3, "shorter-crop", interpolation, shorter)
    crop = config.get("crop_size")
    if not config.get("do_center_crop", crop is not None):
        crop = None
    if isinstance(size, int) and crop is not None:
        size = {"shortest_edge": size}
    if isinstance(size, int) or "shortest_edge" not in size:
        if crop not in (None, size):
            raise ValueError("a crop after stretching")
        return Preprocessing(*_sides(size), 3, "stretch", interpolation)
    if crop is None:
        raise ValueError("results of different shapes: neither a crop nor both sides are given")
    return Preprocessing(
        *_sides(crop), 3, "shorter-crop", interpolation, int(size["shortest_edge"])
    )


def _sides(size: Any) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (int(size["height"]), int(size["width"]))


def _normalization(config: dict[str, Any]) -> Normalization:
    scale = config.get("rescale_factor", 1 / 255) if config.get("do_rescale", True) else 1.0
    if not config.get("do_normalize", True):
        return Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), scale)
    mean, std = config.get("image_mean", IMAGENET_MEAN), config.get("image_std", IMAGENET_STD)
    order: Literal["rgb", "bgr"] = "bgr" if config.get("do_flip_channel_order") else "rgb"
    return Normalization(three(mean), three(std), scale, order)


def three(values: Any) -> Three:
    """Return one number, or three, as three.

    Raises
    ------
    OptionError
        If there are two or more than three.
    """
    numbers = [float(value) for value in np.atleast_1d(values)]
    if len(numbers) == 1:
        numbers *= 3
    if len(numbers) != 3:
        raise OptionError(f"{values}: one number, or one for each of red, green and blue")
    return numbers[0], numbers[1], numbers[2]
