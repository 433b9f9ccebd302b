"""The pictures that take longest of those that are not refused: time and memory of each.

``python -m benchmarks.worst_pictures`` makes a file as large as the limits allow, of noise or of
nothing, in every format, decodes each in a process of its own, and prints a table.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from tests.catalogue.conftest import encoded
from tests.hostile import pictures as made

SIDE = 7_000  # 49 megapixels; 50 are allowed


def noise(side: int, channels: int = 3) -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (side, side, channels), np.uint8)
    return Image.fromarray(values if channels > 1 else values[..., 0])


FILES: dict[str, Callable[[], bytes]] = {
    "JPEG, noise": lambda: encoded(noise(SIDE), "JPEG", quality=60),
    "JPEG, progressive, noise": lambda: encoded(noise(SIDE), "JPEG", quality=60, progressive=True),
    "JPEG, as many scans as may be": lambda: made.jpeg_with_scans(30, SIDE),
    "PNG, 16 bits and transparency, empty": lambda: made.png_of_zeros(SIDE, SIDE, depth=16),
    "PNG, transparency, noise": lambda: encoded(noise(3_500, 4), "PNG", compress_level=1),
    "PNG, 20,000 chunks": lambda: made.png_with_chunks(19_990),
    "GIF, noise": lambda: encoded(noise(5_500, 1), "GIF"),
    "GIF, 20,000 comments": lambda: made.gif_with_comments(19_990),
    "WebP, lossless, noise": lambda: encoded(noise(3_900), "WEBP", lossless=True, quality=0,
                                             method=0),
    "TIFF, LZW, noise": lambda: encoded(noise(3_400), "TIFF", compression="tiff_lzw"),
    "TIFF, 99,000 tiles": lambda: made.tiff_with_tiles(99_000),
    "BMP, runs": lambda: made.bmp_runs(700),
    "AVIF, noise": lambda: encoded(noise(2_500), "AVIF", quality=90, speed=10),
}  # fmt: skip


def main() -> None:
    print("| file | MB | outcome | seconds | memory, MB |\n|---|---:|---|---:|---:|")
    for name, make in FILES.items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "picture"
            path.write_bytes(make())
            ran = subprocess.run(
                [sys.executable, "-m", "tests.hostile.decode_all", folder],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            found = json.loads(ran.stdout)
            came = "read" if found["said"] is None else found["said"].partition(": ")[2]
            size = path.stat().st_size / 1e6
        print(
            f"| {name} | {size:.1f} | {came} | {found['seconds']:.1f} | {found['megabytes']:.0f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
