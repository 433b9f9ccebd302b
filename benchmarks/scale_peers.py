"""Other libraries on the same vectors, each built, asked one query at a time, and judged.

Each runs in a process of its own, so that its memory can be told; what is not installed is left
out:

    python scale_peers.py NAME VECTORS.npy
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

K = 10
QUERIES = 200
FEW = 20
"""Queries for what takes long over each."""

NAMES = {
    "vitrine": "Vitrine",
    "faiss-flat": "FAISS flat (exact)",
    "faiss-hnsw": "FAISS HNSW (M 32, ef 64)",
    "hnswlib": "hnswlib (M 16, ef 64)",
    "usearch": "usearch (HNSW)",
    "sklearn": "scikit-learn NearestNeighbors",
    "qdrant": "qdrant-client, local mode",
}


def peers(vectors: np.ndarray, qdrant: str | None) -> list[tuple[str, list[str]]]:
    """Return a row of a table for each library that is installed."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        np.save(path, vectors)
        for name, title in NAMES.items():
            python = qdrant if name == "qdrant" and qdrant else sys.executable
            command = [python, __file__, name, str(path)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            if found is not None:
                rows.append((title, [f"{found['build']:.1f}", f"{found['recall']:.3f}",
                                     f"{found['p50']:.2f}", f"{found['p99']:.2f}",
                                     f"{found['memory']:,.0f}"]))  # fmt: skip
    return rows


def vitrine(units: np.ndarray):
    from vitrine.index import Distance, NearestNeighbours

    index = NearestNeighbours(Distance("cosine"), method="faiss").build(units)
    return lambda query: index.search(query[None], K).positions[0], QUERIES


def faiss_flat(units: np.ndarray):
    import faiss

    index = faiss.IndexFlatIP(units.shape[1])
    index.add(units)
    return lambda query: index.search(query[None], K)[1][0], QUERIES


def faiss_hnsw(units: np.ndarray):
    import faiss

    index = faiss.IndexHNSWFlat(units.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    index.add(units)
    index.hnsw.efSearch = 64
    return lambda query: index.search(query[None], K)[1][0], QUERIES


def hnswlib(units: np.ndarray):
    import hnswlib

    index = hnswlib.Index(space="ip", dim=units.shape[1])
    index.init_index(max_elements=len(units), M=16, ef_construction=200)
    index.add_items(units)
    index.set_ef(64)
    return lambda query: index.knn_query(query, k=K)[0][0], QUERIES


def usearch(units: np.ndarray):
    from usearch.index import Index

    index = Index(ndim=units.shape[1], metric="ip")
    index.add(np.arange(len(units)), units)
    return lambda query: index.search(query, K).keys, QUERIES


def sklearn(units: np.ndarray):
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=K, algorithm="brute").fit(units)
    return lambda query: index.kneighbors(query[None], return_distance=False)[0], FEW


def qdrant(units: np.ndarray):
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    vectors = models.VectorParams(size=units.shape[1], distance=models.Distance.COSINE)
    client.create_collection("items", vectors_config=vectors)
    for start in range(0, len(units), 5_000):
        block = units[start : start + 5_000]
        ids = list(range(start, start + len(block)))
        client.upsert("items", models.Batch(ids=ids, vectors=block.tolist()))

    def ask(query: np.ndarray) -> list[int]:
        return [hit.id for hit in client.query_points("items", query.tolist(), limit=K).points]

    return ask, FEW


BUILDERS = {
    "vitrine": vitrine,
    "faiss-flat": faiss_flat,
    "faiss-hnsw": faiss_hnsw,
    "hnswlib": hnswlib,
    "usearch": usearch,
    "sklearn": sklearn,
    "qdrant": qdrant,
}


def measure(name: str, path: Path) -> dict | None:
    """Build one, ask it, and compare with the truth; None where it is not installed."""
    units = np.load(path)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    build = BUILDERS[name]
    rng = np.random.default_rng(8)
    queries = units[rng.integers(0, len(units), QUERIES)]
    queries = queries + np.float32(0.01) * rng.standard_normal(queries.shape, np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    before, started = resident(), time.perf_counter()
    try:
        ask, n = build(units)
    except ImportError:
        return None
    built, memory = time.perf_counter() - started, resident() - before
    found, taken = [], []
    for query in [queries[0], *queries[:n]]:  # the first one warms it up
        started = time.perf_counter()
        found.append(ask(query))
        taken.append(1000 * (time.perf_counter() - started))
    truth = np.argpartition(-(queries[:n] @ units.T), K, axis=1)[:, :K]
    hits = [len({*map(int, a)} & {*b.tolist()}) / K for a, b in zip(found[1:], truth, strict=True)]
    return {
        "build": built,
        "memory": memory,
        "recall": float(np.mean(hits)),
        "p50": float(np.median(taken[1:])),
        "p99": float(np.percentile(taken[1:], 99)),
    }


def resident() -> float:
    """Return this process's memory in MB; the most it had where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().split("VmRSS:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
