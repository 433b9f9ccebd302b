"""Make a shop with the Vitrine that is installed, to be kept as a fixture of its format.

In a clone of an older state: ``PYTHONPATH=OLD/src python tests/trust/formats/make.py v1`` writes
``v1.db.gz``, the shop's database, and ``v1.json``, what it answered then. The pictures are made
here and are gone afterwards, as when a shop is moved alone.
"""

import gzip
import json
import sqlite3
import sys
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
from PIL import Image

from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.shop import Shop

HERE = Path(__file__).parent
N_ITEMS = 12


def picture(number: int) -> np.ndarray:
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (3, 3, 3)) // 2 + 40 * (number % 4)
    return np.kron(coarse, np.ones((8, 8, 1))).astype(np.uint8)


def write_table(folder: Path) -> Path:
    rows = ["id,image,price,new,colour"]
    for number in range(N_ITEMS):
        Image.fromarray(picture(number)).save(folder / f"{number}.png")
        colour = "blue" if number % 2 else "red"
        rows.append(f"thing-{number},{number}.png,{number}.5,{number % 2 == 0},{colour}")
    (folder / "items.csv").write_text("\n".join(rows) + "\n")
    return folder / "items.csv"


def main(name: str) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        table = write_table(folder)
        encoder = make_encoder("looks", n_components=6)
        with Shop.create(folder / "shop", Catalogue.read(table), encoder) as shop:
            with suppress(AttributeError):  # the first format had no ratings
                rows = [(f"u{n % 3}", f"thing-{n % 8}", 1 + n % 5, n) for n in range(20)]
                shop.ratings.rate_many(rows)
                shop.ratings.fit("ease")
            answers = {
                i: [
                    (hit.id, round(float(hit.distance), 4)) for hit in shop.similar(i, 3, "price<9")
                ]
                for i in shop.item_ids
            }
        with closing(sqlite3.connect(folder / "shop" / "shop.db")) as database:
            version = database.execute("SELECT format_version FROM shop").fetchone()[0]
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("VACUUM")
        content = (folder / "shop" / "shop.db").read_bytes()
    (HERE / f"{name}.db.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    (HERE / f"{name}.json").write_text(
        json.dumps({"format": version, "similar": answers}, indent=1)
    )


if __name__ == "__main__":
    main(sys.argv[1])
