"""One shop in PostgreSQL: how long a machine takes to be ready, and a write to be seen.

A server of its own is started, with its usual settings (fsync on), and is gone afterwards; a
directory with the same items is measured beside it.

    python benchmarks/postgres.py --items 100000
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.postgres import PostgresServer

from vitrine.catalogue.items import PictureRef
from vitrine.encoders import make_encoder
from vitrine.shop import Shop
from vitrine.store import Folder, Store, StoredItem, place_of
from vitrine.store.moving import copy_shop

DIMENSIONS, BATCH, WRITES = 256, 5_000, 100
VITRINE = [sys.executable, "-c", "from vitrine.cli import main; main()"]


def make_shop(where: Folder, n_items: int) -> None:
    """Make a shop of clustered vectors and two attributes; nobody looks at its pictures."""
    rng = np.random.default_rng(0)
    noise = list(rng.integers(0, 256, (2 * DIMENSIONS, 32, 32, 3), np.uint8))
    encoder = make_encoder("pixels", n_components=DIMENSIONS).fit(noise)
    centres = rng.normal(size=(500, DIMENSIONS))
    store = Store.create(where, {"encoder": "pixels", "params": {}, "label": None,
                                 "thumbnails": False})  # fmt: skip
    encoder_id = store.save_encoder(encoder.kind, encoder.to_artifact().to_files())
    store.widen({"category": "text", "price": "number"})
    for start in range(0, n_items, BATCH):
        codes = np.arange(start, min(start + BATCH, n_items))
        vectors = centres[codes % 500] + 0.4 * rng.normal(size=(len(codes), DIMENSIONS))
        store.put([made(f"item-{i}", vector) for i, vector in zip(codes, vectors, strict=True)],
                  encoder_id)  # fmt: skip
    store.set_ready()
    store.close()


def made(item_id: str, vector: np.ndarray) -> StoredItem:
    values = {"category": f"class {len(item_id)}", "price": float(abs(vector[0]))}
    return StoredItem(item_id, (PictureRef("/no/picture.jpg"),), "made", values, vector)


def timed(function, *arguments) -> float:
    started = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - started


def open_once(where: str) -> None:
    """Open a shop in a process of its own and ask it once."""
    code = (
        "import sys; from vitrine.shop import Shop\n"
        "with Shop.open(sys.argv[1]) as shop: shop.similar('item-1', 10)"
    )
    subprocess.run([sys.executable, "-c", code, where], check=True)


class Service:
    """`vitrine serve`, and how long it took until it was ready."""

    def __init__(self, where: str, host: str, cache: Path) -> None:
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [*VITRINE, "serve", where, "--host", host, "--port", "0", "--log-level", "warning"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        )
        self.client = httpx.Client(base_url=self.process.stderr.readline().split()[0])
        while not self._ready():
            time.sleep(0.05)
        self.seconds = time.perf_counter() - started

    def first_seen(self, names: list[str], seen: dict[str, float]) -> None:
        """Note when each item is there, asking for one after the other."""
        for name in names:
            while self.client.get(f"/api/items/{name}/similar?k=1").status_code != 200:
                time.sleep(0.002)
            seen[name] = time.perf_counter()

    def stop(self) -> None:
        """End it."""
        self.client.close()
        self.process.terminate()
        self.process.wait()

    def _ready(self) -> bool:
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False


def delays(where: str, services: list[Service]) -> tuple[np.ndarray, np.ndarray]:
    """Write items one by one; return the seconds each took, and until each machine had each."""
    names = [f"new-{i}" for i in range(WRITES)]
    seen: list[dict[str, float]] = [{} for _ in services]
    threads = [
        threading.Thread(target=service.first_seen, args=(names, found))
        for service, found in zip(services, seen, strict=True)
    ]
    for thread in threads:
        thread.start()
    store, rng, written = Store.open(place_of(where)), np.random.default_rng(1), {}
    encoder_id, took = store.state().encoder_id, []
    for name in names:
        item = made(name, rng.normal(size=DIMENSIONS))
        took.append(timed(store.put, [item], encoder_id))
        written[name] = time.perf_counter()
        time.sleep(rng.random() / 5)
    for thread in threads:
        thread.join()
    store.close()
    return np.array(took), np.array([f[name] - written[name] for f in seen for name in names])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    n_items = parser.parse_args().items
    work = Path(tempfile.mkdtemp(prefix="vitrine-bench-"))
    os.environ["XDG_CACHE_HOME"] = str(work / "cache")
    server = PostgresServer(fsync="on")
    services: list[Service] = []
    rows: list[tuple[str, str]] = []
    try:
        folder, url = Folder(work / "shop"), server.new_shop()
        make_shop(folder, n_items)
        seconds = timed(copy_shop, folder, place_of(url))
        rows.append(("vitrine copy, directory to PostgreSQL, compared", f"{seconds:.1f} s"))
        seconds = timed(copy_shop, place_of(url), Folder(work / "back"))
        rows.append(("vitrine copy, PostgreSQL to directory, compared", f"{seconds:.1f} s"))
        for name, where in (("a directory", str(folder)), ("PostgreSQL", url)):
            rows.append(
                (f"open in a new process and ask, {name}", f"{timed(open_once, where):.1f} s")
            )
        services = [Service(url, f"127.0.0.{n}", work / f"cache-{n}") for n in (2, 3)]
        seconds = services[0].seconds
        rows.append(("vitrine serve to ready, on a new machine", f"{seconds:.1f} s"))
        took, waited = delays(url, services)
        rows.append(("one item written and acknowledged, p50", f"{np.median(took) * 1000:.0f} ms"))
        p50, p99 = np.quantile(waited, [0.5, 0.99])
        said = f"{p50:.2f} s · {p99:.2f} s · {waited.max():.2f} s"
        rows.append((f"{WRITES} writes seen on both machines, p50 · p99 · longest", said))
        services[0].stop()  # its index is trained and its snapshot written by now
        services[0] = Service(url, "127.0.0.2", work / "cache-2")
        seconds = services[0].seconds
        rows.append(("vitrine serve to ready, again on that machine", f"{seconds:.1f} s"))
        with Shop.open(url) as shop:
            rows.append(("size of the database", f"{shop.info().bytes_on_disk / 1e6:,.0f} MB"))
    finally:
        for service in services:
            service.stop()
        server.stop()
        shutil.rmtree(work)
    print(f"| {n_items:,} items × {DIMENSIONS} | |\n|---|---:|")
    for name, value in rows:
        print(f"| {name} | {value} |")


if __name__ == "__main__":
    main()
