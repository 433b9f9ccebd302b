"""Photos for benchmarks: where they lie, and larger ones made of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image


def default_folder() -> Path:
    """Return where the clothing photos lie, if they do."""
    data = os.environ.get("VITRINE_SHARED_DATA")
    beside = Path(__file__).parents[2] / "shared" / "data"
    return (Path(data) if data else beside) / "clothing"


def enlarge(files: Sequence[Path], folder: Path, shorter: tuple[int, int]) -> list[Path]:
    """Write photos as larger JPEGs and return where they lie.

    `shorter` is what the shorter side has at least and at most, in pixels.
    """
    rng = np.random.default_rng(0)
    paths = []
    for file in files:
        with Image.open(file) as image:
            scale = int(rng.integers(shorter[0], shorter[1] + 1)) / min(image.size)
            size = (round(image.width * scale), round(image.height * scale))
            larger = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
        paths.append(folder / f"{len(paths):05}.jpg")
        larger.save(paths[-1], quality=90)
    return paths
