"""Milliseconds for one user's ten recommendations, out of a shop of many items.

``python benchmarks/ratings_serving.py [--items 100000] [--ratings 200000]``

Items have random vectors, ratings the usual long tail, spread evenly over a year. Prints, model by
model, the median of wall and CPU time of `Shop.recommend`: for a user as fitted, for one who has
rated just now, and with a filter; reasons included. Before that, how many ratings a second are
added.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from vitrine.encoders import make_encoder
from vitrine.ratings import Interactions
from vitrine.shop import Shop
from vitrine.store import DATABASE_NAME, Store, StoredItem

MODELS = {
    "popularity": {},
    "biases": {},
    "svd": {"n_epochs": 2},
    "implicit-als": {"n_epochs": 1},
    "bpr": {"n_epochs": 1},
    "mult-vae": {"max_steps": 20},
    "trend-blend": {"personal_params": {"max_steps": 20}},
}
N_CATEGORIES, BATCH, N_DIMENSIONS = 100, 5_000, 16


def made_shop(folder, n_items):
    """Write a shop's database without decoding a picture."""
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(64)]
    encoder = make_encoder("pixels", n_components=N_DIMENSIONS).fit(noise)
    store = Store.create(folder / DATABASE_NAME, {"thumbnails": False, "label": None})
    encoder_id = store.save_encoder(encoder.kind, encoder.to_artifact().to_files())
    store.widen({"price": "number", "category": "text"})
    vectors = rng.normal(size=(n_items, N_DIMENSIONS)).astype(np.float32)
    for start in range(0, n_items, BATCH):
        store.put([made_item(i, vectors[i]) for i in range(start, min(start + BATCH, n_items))],
                  encoder_id)  # fmt: skip
    store.set_ready()
    store.close()


def made_item(i, vector):
    facts = {"price": float(i % 97), "category": f"c{i % N_CATEGORIES}"}
    return StoredItem(f"i{i}", (), "made", facts, vector, None)


def made_ratings(n_items, n_ratings, n_users):
    rng = np.random.default_rng(1)
    popularity = 1 / np.arange(1, n_items + 1) ** 0.8
    items = rng.choice(n_items, n_ratings, p=popularity / popularity.sum())
    users = rng.integers(0, n_users, n_ratings)
    names = np.char.add("i", items.astype(str))
    times = 1_000_000_000 + rng.integers(0, 365 * 86_400, n_ratings)
    return Interactions.from_arrays(users, names, rng.integers(1, 6, n_ratings), times)


def milliseconds(call, n):
    """Return the medians of wall and CPU time of ``call(0)`` to ``call(n - 1)``."""
    times = []
    for i in range(n):
        wall, cpu = time.perf_counter(), time.process_time()
        call(i)
        times.append((time.perf_counter() - wall, time.process_time() - cpu))
    return 1e3 * np.median(times, axis=0)


def rate_and_recommend(shop):
    def call(i):
        return shop.recommend(f"new {i}")

    for i in range(50):
        shop.ratings.rate_many([(f"new {i}", f"i{7 * i + j}", 1 + j % 5, None) for j in range(10)])
    return call


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--ratings", type=int, default=200_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, threadpool_limits(1):
        made_shop(Path(name), options.items)
        with Shop.open(name) as shop:
            data = made_ratings(options.items, options.ratings, options.ratings // 20)
            started = time.process_time()
            shop.ratings.add(data)
            seconds = time.process_time() - started
            print(f"{len(data):,} ratings added, {len(data) / seconds:,.0f} a CPU second\n")
            print(f"| {options.items:,} items | fitted user, ms (CPU) | just rated | filtered |")
            print("|---|---:|---:|---:|")
            for model, params in MODELS.items():
                shop.ratings.fit(model, **params)
                shop.recommend(0)  # the model is read, and its items placed
                cells = [
                    milliseconds(lambda i: shop.recommend(i), 100),
                    milliseconds(rate_and_recommend(shop), 50),
                    milliseconds(lambda i: shop.recommend(i, where="price<10"), 50),
                ]
                told = " | ".join(f"{wall:.1f} ({cpu:.1f})" for wall, cpu in cells)
                print(f"| {model} | {told} |", flush=True)


if __name__ == "__main__":
    main()
