"""Made pictures for tests: each class has a colour and a shape, each item its own noise."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"apple": (200, 30, 30), "leaf": (30, 180, 40), "sea": (30, 60, 200)}


def make_picture(category: str, seed: int, size: tuple[int, int] = (24, 24)) -> np.ndarray:
    rng = np.random.default_rng([seed, sorted(COLOURS).index(category)])
    picture = np.full((*size, 3), 255, np.uint8)
    top, left = rng.integers(1, 6, 2)
    picture[top : top + 14, left : left + 12] = COLOURS[category]
    noise = rng.integers(-20, 21, picture.shape)
    return np.clip(picture.astype(int) + noise, 0, 255).astype(np.uint8)


def write_class_folders(folder: Path, n_each: int = 8, first_seed: int = 0) -> Path:
    """Write ``folder/CATEGORY/CATEGORY-SEED.png``."""
    for category in COLOURS:
        (folder / category).mkdir(parents=True, exist_ok=True)
        for seed in range(first_seed, first_seed + n_each):
            picture = Image.fromarray(make_picture(category, seed))
            picture.save(folder / category / f"{category}-{seed}.png")
    return folder


def write_table(folder: Path, n_each: int = 8) -> Path:
    """Write pictures and ``folder/items.csv`` with the columns id, image, category, price, new."""
    write_class_folders(folder, n_each)
    with open(folder / "items.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "category", "price", "new"])
        for i, category in enumerate(COLOURS):
            for seed in range(n_each):
                name = f"{category}-{seed}"
                row = [name, f"{category}/{name}.png", category, i * 10 + seed, seed % 2 == 0]
                writer.writerow(row)
    return folder / "items.csv"
