"""Rates of the Spark jobs and of `import-vectors`, from which docs/scale.md works out large shops.

    python benchmarks/spark.py [PHOTOS] [--encoder onnx:net.onnx:mean=0.5:std=0.5] [--quick]

PHOTOS is a folder of pictures, by default the clothing photos (``$VITRINE_SHARED_DATA/clothing``
or ``../shared/data/clothing``), the encoder by default the MobileNetV2 beside them. Spark runs as
``local[N]`` with all N cores, its start is not counted; rates are a core's: divided by N.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from scale_paper import Rates, print_paper
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.encoders.specifications import read_encoder
from vitrine.ratings import Interactions
from vitrine.shop import Shop
from vitrine.shop.vector_tables import METADATA_KEY, Origin
from vitrine.spark import session
from vitrine.spark.embedding import embed
from vitrine.spark.encoders import ready_files
from vitrine.spark.factorizing import make_als
from vitrine.spark.neighbours import neighbours
from vitrine.spark.sources import read_source
from vitrine.spark.vectors import read_vectors
from vitrine.store import DATABASE_NAME
from vitrine.threads import available_threads

DIMENSIONS = 256
Row = tuple[str, str]
Measured = tuple[list[Row], dict[str, float]]


def main() -> None:
    options = parse()
    n = 10 if options.quick else 1
    with tempfile.TemporaryDirectory() as folder, session() as spark:
        parts = [
            embedding(spark, options, Path(folder)),
            item_to_item(spark, Path(folder), 100_000 // n),
            factors(spark, 1_000_000 // n),
            importing(Path(folder), 100_000 // n),
        ]
    print(f"\n{available_threads()} cores\n\n| what | measured |\n|---|---:|")
    rates: dict[str, float] = {}
    for rows, found in parts:
        rates |= found
        for what, measured in rows:
            print(f"| {what} | {measured} |")
    print()
    print_paper(Rates(**rates))


def parse() -> argparse.Namespace:
    named = os.environ.get("VITRINE_SHARED_DATA")
    data = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    network = data / "weights" / "mobilenet_v2_imagenet.onnx"
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="?", type=Path, default=data / "clothing" / "train")
    parser.add_argument("--encoder", default=f"onnx:{network}:mean=0.5:std=0.5")
    parser.add_argument("--quick", action="store_true", help="A tenth of everything.")
    return parser.parse_args()


@contextmanager
def timed() -> Iterator[list[float]]:
    took = [time.perf_counter()]
    yield took
    took[0] = time.perf_counter() - took[0]


def embedding(spark: Any, options: argparse.Namespace, folder: Path) -> Measured:
    """Pictures a second by the job, and by the encoder alone on one machine."""
    encoder = read_encoder(options.encoder)
    files = ready_files(encoder)
    pictures = Catalogue.read(options.photos)
    pictures = pictures[: 300 if options.quick else len(pictures)]
    table = pa.table(
        {
            "id": [item.id for item in pictures],
            "image": [item.pictures[0].path for item in pictures],
        }
    )
    pq.write_table(table, folder / "photos.parquet")
    source = read_source(spark, str(folder / "photos.parquet"), pictures=str(options.photos))
    embed(spark, source, files, str(folder / "first"))  # starts the workers
    with timed() as job:
        made = embed(spark, source, files, str(folder / "vectors"))
    with timed() as alone:
        encoder.transform(pictures.pictures())
    cores, bytes_each = available_threads(), size_of(folder / "vectors") / len(pictures)
    rate = made.items / job[0] / cores
    rows = [
        ("embed: pictures a second a core, on Spark", f"{rate:.1f}"),
        ("the same encoder without Spark", f"{made.items / alone[0] / cores:.1f}"),
        (f"Parquet: bytes an item, {made.dimensions} dimensions", f"{bytes_each:,.0f}"),
    ]
    return rows, {"embed": rate}


def item_to_item(spark: Any, folder: Path, n: int) -> Measured:
    """Pairs a second by the exact job; and what buckets find of it."""
    vectors = clustered(n)
    ids = [f"item-{i:07}" for i in range(n)]
    write_vectors(folder / "clustered.parquet", ids, vectors)
    table = read_vectors(spark, str(folder / "clustered.parquet"), "cosine")
    with timed() as exact:
        neighbours(spark, table, 20, str(folder / "exact"))
    n_buckets = int(np.sqrt(n))
    with timed() as some:
        neighbours(spark, table, 20, str(folder / "some"), n_buckets=n_buckets, n_probes=8)
    recall = agreement(folder / "exact", folder / "some")
    size, cores = f"{n:,} × {DIMENSIONS}", available_threads()
    rate, each = n * n / exact[0] / cores, size_of(folder / "exact") / n / 20
    asking = max(0.0, some[0] * cores / n - 8 * n / n_buckets / rate)
    rows = [
        (f"neighbours, exact, {size}: seconds", f"{exact[0]:.0f}"),
        ("pairs a second a core", f"{rate:.2g}"),
        (f"neighbours, {n_buckets} buckets, 8 asked: seconds", f"{some[0]:.0f}"),
        ("of the true 20 found", f"{recall:.3f}"),
        ("core-seconds for 1,000 items, beyond the comparing", f"{1_000 * asking:.2f}"),
        ("Parquet: bytes a neighbour", f"{each:.1f}"),
    ]
    return rows, {"pairs": rate, "asking": asking, "neighbour_bytes": each}


def factors(spark: Any, n: int) -> Measured:
    """Ratings a second and epoch of MLlib's ALS at 32 factors: the 2nd to 5th epoch."""
    rng = np.random.default_rng(0)
    users, items = rng.integers(n // 50, size=n), (rng.pareto(1.0, n) * 50).astype(int) % (n // 100)
    ratings = Interactions.from_arrays(users, items, rng.integers(1, 6, n).astype(float))
    took = []
    for epochs in (1, 5):
        with timed() as fit:
            make_als(spark, implicit=False, n_factors=32, n_epochs=epochs).fit(ratings)
        took.append(fit[0])
    rate = len(ratings) * 4 / (took[1] - took[0]) / available_threads()
    what = f"als: ratings a second a core and epoch, {len(ratings):,} of them"
    return [(what, f"{rate:,.0f}")], {"als": rate}


def importing(folder: Path, n: int) -> Measured:
    """Rows a second into a shop, and its bytes an item."""
    picture = folder / "one" / "seed.png"
    picture.parent.mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (16, 16), np.uint8)).save(picture)
    encoder = make_encoder("pixels", size=16)
    with Shop.create(folder / "shop", Catalogue.read(picture.parent), encoder) as shop:
        origin = Origin.of(shop.encoder_files())
        vectors = rng.normal(size=(n, origin.dimensions)).astype(np.float32)
        ids = [f"item-{i:07}" for i in range(n)]
        write_vectors(folder / "ready.parquet", ids, vectors, origin)
        with timed() as took:
            shop.import_vectors(folder / "ready.parquet")
    each = (folder / "shop" / DATABASE_NAME).stat().st_size / n  # closed: nothing waits beside it
    what, rate, beyond = f"{n:,} × {origin.dimensions}", n / took[0], each - 4 * origin.dimensions
    rows = [
        (f"import-vectors, {what}: items a second", f"{rate:,.0f}"),
        ("SQLite: bytes an item beyond its vector", f"{beyond:,.0f}"),
    ]
    return rows, {"importing": rate, "item_bytes": beyond}


def clustered(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(n // 100, DIMENSIONS)).astype(np.float32)
    noise = rng.normal(size=(n, DIMENSIONS)).astype(np.float32)
    return centres[rng.integers(len(centres), size=n)] + np.float32(0.5) * noise


def write_vectors(
    path: Path, ids: list[str], vectors: np.ndarray, origin: Origin | None = None
) -> None:
    flat = pa.array(vectors.ravel(), pa.float32())
    lists = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    table = pa.table({"item_id": ids, "vector": lists})
    if origin is not None:
        table = table.replace_schema_metadata({METADATA_KEY: origin.to_text()})
    pq.write_table(table, path, row_group_size=20_000)


def agreement(exact: Path, some: Path) -> float:
    pairs = [
        {(row["item_id"], row["neighbour_id"]) for row in pq.read_table(path).to_pylist()}
        for path in (exact, some)
    ]
    return len(pairs[0] & pairs[1]) / len(pairs[0])


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.parquet"))


if __name__ == "__main__":
    main()
