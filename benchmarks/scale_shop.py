"""One shop of `scale.py`, measured in processes of their own; each prints one JSON object.

python scale_shop.py make SHOP N      items straight into the store, no pictures
python scale_shop.py first SHOP N     the first opening: reads every item, builds the index
python scale_shop.py open SHOP N      every later opening
python scale_shop.py ask SHOP N       queries, alone and while another process writes
python scale_shop.py write SHOP N     that other process
python scale_shop.py pairs SHOP N     the similar items of every item
"""

from __future__ import annotations

import json
import logging
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from scale_data import (
    DIMENSIONS,
    FILTERS,
    KEPT,
    SCHEMA,
    attributes,
    blocks,
    clustered,
)
from vitrine import Shop
from vitrine.catalogue.items import PictureRef
from vitrine.encoders import make_encoder
from vitrine.store import DATABASE_NAME, Store, StoredItem

K = 10
PAIRS_K = 20
QUERIES = 400
CHECKED = 200
LONE, MANY, TOGETHER = 20, 4, 1_000


def make(path: Path, n: int) -> dict:
    """Write n items into a new shop, 5,000 a transaction."""
    pictures = np.random.default_rng(0).integers(0, 255, (400, 20, 20), np.uint8)
    encoder = make_encoder("pixels", n_components=DIMENSIONS).fit(list(pictures))
    path.mkdir(parents=True)
    store = Store.create(path / DATABASE_NAME, {"encoder": "pixels", "params": {}, "label": None,
                                                "thumbnails": False})  # fmt: skip
    encoder_id = store.save_encoder(encoder.kind, encoder.to_artifact().to_files())
    store.widen(SCHEMA)
    drawing, started = 0.0, time.perf_counter()
    for start in blocks(n):
        before = time.perf_counter()
        vectors = clustered(n, start)
        rows = attributes(n, start)
        drawing += time.perf_counter() - before
        store.put(
            [stored(f"item-{start + i}", row, vector)
             for i, (row, vector) in enumerate(zip(rows, vectors, strict=True))],
            encoder_id,
        )  # fmt: skip
    store.set_ready()
    seconds = time.perf_counter() - started - drawing
    store.close()
    return {"seconds": seconds, "a_second": n / seconds, "peak": peak(),
            "disk": megabytes(path.glob(f"{DATABASE_NAME}*"))}  # fmt: skip


def stored(item_id: str, row: dict, vector: np.ndarray) -> StoredItem:
    """Return an item as the store takes it; its picture is none."""
    return StoredItem(item_id, (PictureRef("made.jpg"),), "made", row, vector)


def first(path: Path, _n: int) -> dict:
    """Open the shop as the first process does; say what that took."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    logging.getLogger("vitrine").addHandler(handler)
    logging.getLogger("vitrine").setLevel(logging.INFO)
    result = opened(path)
    found = re.search(r"in ([\d.]+) s and built their index in ([\d.]+) s", " ".join(said))
    read, build = (float(part) for part in found.groups()) if found else (result["open"], 0.0)
    cache = megabytes(file for file in path.rglob("cache/**/*") if file.is_file())
    return result | {"read": read, "build": build, "cache": cache}


def opened(path: Path, _n: int = 0) -> dict:
    """Open the shop; say how long that and the first answer took."""
    started = time.perf_counter()
    with Shop.open(path) as shop:
        opening = time.perf_counter() - started
        shop.similar("item-7", k=K)
        answer = time.perf_counter() - started - opening
        effort = shop._live.current().neighbours.effort
        return {
            "open": opening,
            "first_answer": answer,
            "peak": peak(),
            "resident": resident(),
            "shared": resident("RssFile"),
            "effort": None if effort is None else (effort.n_probes, effort.n_candidates),
        }


def ask(path: Path, n: int) -> dict:
    """Return milliseconds of queries of all kinds, and recall where they go through the index."""
    rng = np.random.default_rng(5)
    rows = rng.integers(0, n, QUERIES)
    ids = [f"item-{row}" for row in rows]
    with Shop.open(path) as shop:
        shop.follow()
        vectors = shop.vectors_of(ids)
        vectors += 0.05 * rng.standard_normal(vectors.shape).astype(np.float32)
        result: dict = {"by_id": timed(lambda i: shop.similar(ids[i], k=K))}
        result["by_vector"] = timed(lambda i: shop.similar(vectors[i], k=K))
        result["recall"] = recall(shop, n, vectors[:CHECKED])
        result["filters"] = {}
        for name, where in FILTERS.items():
            started = time.perf_counter()
            there = len(shop.similar(ids[0], k=K, where=where))
            result["filters"][name] = {
                "first": 1000 * (time.perf_counter() - started),
                "found": there,
                **timed(lambda i, where=where: shop.similar(ids[i], k=K, where=where)),
            }
            if name in KEPT:
                result["filters"][name]["recall"] = recall(shop, n, vectors[:CHECKED], name)
        result["writes"] = while_writing(shop, path, n, ids)
    return result


def timed(query, n: int = QUERIES) -> dict[str, float]:
    """Return the median and the 99th percentile of n calls, in milliseconds."""
    for i in range(20):
        query(i)
    taken = np.empty(n)
    for i in range(n):
        started = time.perf_counter()
        query(i)
        taken[i] = 1000 * (time.perf_counter() - started)
    return {"p50": float(np.median(taken)), "p99": float(np.percentile(taken, 99))}


def recall(shop: Shop, n: int, queries: np.ndarray, name: str | None = None) -> float:
    """Return the share found of the true ten nearest, under the filter of that name."""
    distance, kept = shop.encoder.distance_, None if name is None else FILTERS[name]
    prepared = distance.prepare(queries)
    best, where = np.full((len(queries), K), -np.inf, np.float32), np.zeros((len(queries), K), int)
    for start in blocks(n):
        block = distance.prepare(clustered(n, start))
        scores = prepared @ block.T
        if distance.metric == "l2":
            scores -= 0.5 * np.einsum("nd,nd->n", block, block)
        if name is not None:
            scores[:, [not KEPT[name](item) for item in attributes(n, start)]] = -np.inf
        joined = np.hstack([best, scores])
        places = np.hstack(
            [where, np.broadcast_to(np.arange(start, start + len(block)), scores.shape)]
        )
        chosen = np.argpartition(-joined, K, axis=1)[:, :K]
        best = np.take_along_axis(joined, chosen, axis=1)
        where = np.take_along_axis(places, chosen, axis=1)
    shares = [
        len({f"item-{i}" for i in truth} & {hit.id for hit in shop.similar(query, k=K, where=kept)})
        / K
        for query, truth in zip(queries, where, strict=True)
    ]
    return float(np.mean(shares))


def while_writing(shop: Shop, path: Path, n: int, ids: list[str]) -> dict:
    """Ask on and on while another process writes; return how soon each write was seen."""
    file = shop._live.current().neighbours._file
    command = [sys.executable, __file__, "write", str(path), str(n)]
    seen: dict[str, float] = {}
    taken, i = [], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        while writer.poll() is None or i < 10:
            started = time.perf_counter()
            shop.similar(ids[i % len(ids)], k=K)
            taken.append(1000 * (time.perf_counter() - started))
            i += 1
            for name in [f"new-{len(seen)}"]:
                if name in shop:
                    seen[name] = time.time()
            time.sleep(0.002)
        written = json.loads(writer.stdout.read())
    deadline = time.time() + 5
    while len(seen) < len(written) and time.time() < deadline:
        if f"new-{len(seen)}" in shop:
            seen[f"new-{len(seen)}"] = time.time()
    late = [1000 * max(0.0, seen[name] - at) for name, at in written.items()]
    return {
        "one": float(np.max(late[:LONE])), "thousand": float(np.max(late[LONE:])),
        "p50": float(np.median(taken)), "p99": float(np.percentile(taken, 99)),
        "rebuilt": shop._live.current().neighbours._file is not file,
    }  # fmt: skip


def write(path: Path, n: int) -> dict:
    """Upsert one item, several times over, then 1,000 at once; say when each was committed."""
    rng = np.random.default_rng(6)
    store = Store.open(path / DATABASE_NAME)
    encoder_id = store.state().encoder_id
    done = {}
    for number in range(LONE + MANY):
        many = number >= LONE
        others = rng.choice(n, TOGETHER - 1, replace=False).tolist() if many else []
        vectors = rng.standard_normal((len(others) + 1, DIMENSIONS)).astype(np.float32)
        names = [*[f"item-{other}" for other in others], f"new-{number}"]
        rows = attributes(n, 0)[: len(names)]
        batch = [stored(*each) for each in zip(names, rows, vectors, strict=True)]
        store.put(batch, encoder_id)
        done[f"new-{number}"] = time.time()
        time.sleep(0.5)
    store.remove(list(done))
    store.close()
    return done


def pairs(path: Path, _n: int) -> dict:
    """Write the table of the similar items of every item."""
    started = time.perf_counter()
    with Shop.open(path) as shop:
        made = shop.write_neighbours(path.with_suffix(".parquet"), PAIRS_K)
    return {"seconds": time.perf_counter() - started, "rows": made.rows, "peak": peak(),
            "processor": time.process_time()}  # fmt: skip


def peak() -> float:
    """Return the most memory that this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident(field: str = "VmRSS") -> float:
    """Return this process's memory, or the part of it that is files, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def megabytes(files) -> float:
    """Return what files take on the disk, in MB."""
    return sum(file.stat().st_blocks * 512 for file in files) / 2**20


STAGES = {"make": make, "first": first, "open": opened, "ask": ask, "write": write,
          "pairs": pairs}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(STAGES[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))))
