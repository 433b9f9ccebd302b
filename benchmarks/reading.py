"""Read a folder of photos into 224×224 RGB arrays: Vitrine beside a plain Pillow loop.

    python benchmarks/reading.py [FOLDER] [--rounds 5]

The folder is one of clothing photos by default: ``$VITRINE_SHARED_DATA/clothing``, or
``../shared/data/clothing`` beside the checkout. The two take turns, batch by batch, so that
whatever else the machine does strikes both; the table shows the median ratio of the rounds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from photos import default_folder
from vitrine.catalogue import Catalogue
from vitrine.encoders.preprocessing import Preprocessing

SIZE = 224


def plain_loop(catalogue: Catalogue) -> np.ndarray:
    arrays = []
    for item in catalogue:
        image = Image.open(item.pictures[0].path).convert("RGB")
        arrays.append(np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)))
    return np.stack(arrays)


def ours(catalogue: Catalogue) -> np.ndarray:
    return Preprocessing(SIZE, SIZE).stack(catalogue.pictures())


def timed(
    read: Callable[[Catalogue], np.ndarray], catalogue: Catalogue
) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    arrays = read(catalogue)
    return time.perf_counter() - start, arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    catalogue = Catalogue.read(options.folder)
    parts = [catalogue[i : i + 500] for i in range(0, len(catalogue), 500)]
    ours(parts[0][:16])  # compiles, which happens once a machine
    seconds = np.zeros((options.rounds, 2))
    differences = []
    for round_ in range(options.rounds):
        for part in parts:
            plain_seconds, plain = timed(plain_loop, part)
            our_seconds, arrays = timed(ours, part)
            seconds[round_] += plain_seconds, our_seconds
            differences.append(np.abs(plain.astype(np.int16) - arrays).mean())
    ratios = seconds[:, 0] / seconds[:, 1]
    plain_best, ours_best = seconds.min(axis=0)
    print(f"{len(catalogue):,} photos to {SIZE}×{SIZE} RGB, {len(os.sched_getaffinity(0))} cores")
    print("| way | best seconds | photos a second |\n|---|---|---|")
    print(f"| plain Pillow loop | {plain_best:.2f} | {len(catalogue) / plain_best:,.0f} |")
    print(f"| Vitrine | {ours_best:.2f} | {len(catalogue) / ours_best:,.0f} |")
    print(
        f"ratio {np.median(ratios):.2f} (median of {options.rounds} rounds, "
        f"{ratios.min():.2f} to {ratios.max():.2f}); "
        f"mean absolute difference {np.mean(differences):.3f} of 255"
    )


if __name__ == "__main__":
    main()
