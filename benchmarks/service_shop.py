"""The shop that `service.py` measures: 100,000 items made of a folder of photos.

The encoder is fitted on the photos. An item's vector lies between those of two photos of one class,
with a little noise, as one more photo of that class would; its attributes are drawn at random.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitrine.catalogue import Catalogue
from vitrine.encoders.specifications import read_encoder
from vitrine.store import DATABASE_NAME, Store, StoredItem

ENCODER = "looks:n_components=256"
BATCH = 5_000


def make_shop(path: Path, photos: Path, n_items: int, encoded_by: str) -> np.ndarray:
    """Make the shop and return its vectors, float32 (n, d)."""
    catalogue = Catalogue.read(photos)
    encoder = read_encoder(encoded_by).fit(catalogue.pictures())
    vectors = between(
        encoder.transform(catalogue.pictures()), catalogue.values("category"), n_items
    )
    path.mkdir(parents=True)
    settings = {"encoder": encoder.kind, "params": {}, "label": None, "thumbnails": False}
    store = Store.create(path / DATABASE_NAME, settings)
    encoder_id = store.save_encoder(encoder.kind, encoder.to_artifact().to_files())
    store.widen({"category": "text", "brand": "text", "price": "number", "shelf": "integer"})
    rng = np.random.default_rng(1)
    shelves = rng.integers(0, 100, n_items)
    refs = catalogue[0].pictures
    for start in range(0, n_items, BATCH):
        store.put(
            [
                StoredItem(
                    f"item-{i}",
                    refs,
                    "made",
                    {
                        "category": f"class {i % 10}",
                        "brand": f"brand {i % 97}",
                        "price": round(5 + i % 1000 / 10, 2),
                        "shelf": int(shelves[i]),
                    },
                    vectors[i],
                )
                for i in range(start, min(start + BATCH, n_items))
            ],
            encoder_id,
        )
    store.set_ready()
    store.close()
    return vectors


def between(vectors: np.ndarray, classes: list, n: int) -> np.ndarray:
    """Return n vectors that lie between two of one class."""
    rng = np.random.default_rng(0)
    labels = np.unique(np.array(classes, str), return_inverse=True)[1]
    first = rng.integers(0, len(vectors), n)
    second = np.empty(n, np.int64)
    for label in range(labels.max() + 1):
        mine = np.flatnonzero(labels[first] == label)
        second[mine] = rng.choice(np.flatnonzero(labels == label), len(mine))
    share = rng.random((n, 1), np.float32)
    spread = 0.1 * vectors.std(axis=0)
    noise = rng.standard_normal((n, vectors.shape[1]), np.float32) * spread
    return (share * vectors[first] + (1 - share) * vectors[second] + noise).astype(np.float32)
