"""A made catalogue in which an item's picture and attributes say which version of it they are."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.shop import Shop

N_ITEMS = 60
N_FIRST = 30  # as many are in the shop that each trial starts with
VERSIONS = 2
RATERS = 7


def item_id(number: int) -> str:
    return f"item-{number}"


def picture_of(number: int, version: int) -> np.ndarray:
    """Return the picture of one version of an item, uint8 (24, 24, 3)."""
    rng = np.random.default_rng([number, version])
    coarse = rng.integers(0, 256, (4, 4, 3))
    return np.kron(coarse, np.ones((6, 6, 1))).astype(np.uint8)


def png_of(number: int, version: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture_of(number, version)).save(file, "PNG")
    return file.getvalue()


def write_catalogue(folder: Path, version: int, numbers: range = range(N_ITEMS)) -> Path:
    """Write pictures and ``items-VERSION-FIRST.csv``: id, image, version, half."""
    (folder / str(version)).mkdir(parents=True, exist_ok=True)
    path = folder / f"items-{version}-{numbers.start}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "image", "version", "half"])
        for number in numbers:
            name = f"{version}/{number}.png"
            (folder / name).write_bytes(png_of(number, version))
            writer.writerow([item_id(number), name, version, "left" if number % 2 else "right"])
    return path


def write_ratings(path: Path, n: int, who: str = "user") -> Path:
    lines = [f"{who}-{i % RATERS},{item_id(i // RATERS)},{1 + i % 5}" for i in range(n)]
    path.write_text("\n".join(["user,item,rating", *lines, ""]))
    return path


class World:
    """What every trial starts from: catalogues, a shop, and what is true of whole ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first = folder / "shop"
        self.tables = [folder / "catalogue" / f"items-{v}-0.csv" for v in range(VERSIONS)]
        self.chunks = [folder / "chunks" / f"items-1-{start}.csv" for start in range(0, N_ITEMS, 6)]
        self.ratings = folder / "ratings.csv"

    def make(self) -> dict[str, Any]:
        """Make it, in a child; return the vectors that each version of an item has."""
        catalogue = self.folder / "catalogue"
        for version in range(VERSIONS):
            write_catalogue(catalogue, version)
        for path in self.chunks:
            start = int(path.stem.rpartition("-")[2])
            write_catalogue(path.parent, 1, range(start, start + 6))
        write_ratings(self.ratings, 400, "late")
        first = write_catalogue(catalogue / "first", 0, range(N_FIRST))
        with Shop.create(self.first, Catalogue.read(first), encoder_a()) as shop:
            shop.ratings.add(write_ratings(self.folder / "few.csv", 60))
        truth = self._truth()
        truth["created"] = self._created()
        return truth

    def copy(self, target: Path) -> Path:
        shutil.copytree(self.first, target)
        return target

    def _truth(self) -> dict[str, Any]:
        """Return by encoder and version every item's vector, from runs that nobody disturbed."""
        truth: dict[str, Any] = {}
        whole = self.copy(self.folder / "whole")
        with Shop.open(whole) as shop:
            shop.retrain(encoder_b())
            kinds = [shop.encoder.kind]
            for version in range(VERSIONS):
                shop.add(Catalogue.read(self.tables[version]))
                truth[f"{kinds[0]} {version}"] = vectors_of(shop)
            shop.roll_back()
            for version in range(VERSIONS):
                shop.add(Catalogue.read(self.tables[version]))
                truth[f"{shop.encoder.kind} {version}"] = vectors_of(shop)
        return truth

    def _created(self) -> dict[str, list[float]]:
        path = self.folder / "created"
        with Shop.create(path, Catalogue.read(self.tables[0]), encoder_a()) as shop:
            return vectors_of(shop)


def encoder_a() -> Any:
    return make_encoder("pixels", n_components=6)


def encoder_b() -> Any:
    return make_encoder("colour", n_components=4)


def vectors_of(shop: Shop) -> dict[str, list[float]]:
    return dict(zip(shop.item_ids, shop.vectors.astype(float).tolist(), strict=True))
