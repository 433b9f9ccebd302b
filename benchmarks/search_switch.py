"""Where FAISS overtakes exact search: one query's time by size, dimensions and filter.

Run: python benchmarks/search_switch.py [--sizes 1000 10000 ...] [--dims 128 256]

Vectors lie in clusters, as catalogues do; queries are rows with a little noise. A `category` filter
allows one cluster, so that what is allowed lies together, and not where the query is.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from vitrine.index import Distance, NearestNeighbours

K = 10
N_QUERIES = 50
SHARES = {"50 %": 0.5, "10 %": 0.1, "1 %": 0.01, "0.01 %": 0.0001}


def made_vectors(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors (n, d) float32 and the cluster (n,) of each, 50 clusters."""
    rng = np.random.default_rng(0)
    centres = 0.6 * rng.standard_normal((50, d), np.float32)
    clusters = rng.integers(0, len(centres), n)
    return rng.standard_normal((n, d), np.float32) + centres[clusters], clusters


def measure(index: NearestNeighbours, queries: np.ndarray, allowed: np.ndarray | None):
    """Return the median milliseconds of one query, and all positions found."""
    index.search(queries[:1], K, allowed)
    seconds, found = [], []
    for query in queries:
        started = time.perf_counter()
        found.append(index.search(query[None], K, allowed).positions[0])
        seconds.append(time.perf_counter() - started)
    return 1000 * float(np.median(seconds)), np.array(found)


def row(n: int, d: int) -> list[str]:
    vectors, clusters = made_vectors(n, d)
    rng = np.random.default_rng(1)
    queries = vectors[rng.integers(0, n, N_QUERIES)]
    queries = queries + 0.1 * rng.standard_normal(queries.shape, np.float32)
    filters = {"none": None, "category": clusters == 0}
    filters |= {name: rng.random(n) < share for name, share in SHARES.items()}
    indexes, built = {}, []
    for method in ("exact", "faiss"):
        started = time.perf_counter()
        indexes[method] = NearestNeighbours(Distance("cosine"), method=method).build(vectors)
        built.append(time.perf_counter() - started)
    cells = [f"{n:,} × {d}", f"{built[0]:.2f} / {built[1]:.2f}"]
    for allowed in filters.values():
        exact_ms, truth = measure(indexes["exact"], queries, allowed)
        faiss_ms, found = measure(indexes["faiss"], queries, allowed)
        recall = np.mean(
            [len(set(a) & set(b)) / len(set(a)) for a, b in zip(truth, found, strict=True)]
        )
        cells.append(f"{exact_ms:.2f} / {faiss_ms:.2f} ({recall:.3f})")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = [1_000, 10_000, 30_000, 100_000, 300_000]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes)
    parser.add_argument("--dims", type=int, nargs="+", default=[128, 256])
    options = parser.parse_args()
    table = Table("n × d", "build s", "no filter", "category", *SHARES)
    table.title = "exact / FAISS: milliseconds of one query, median (recall@10 of FAISS)"
    for d in options.dims:
        for n in options.sizes:
            table.add_row(*row(n, d))
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
