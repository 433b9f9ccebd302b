"""The HTTP service under load: latency, requests a second, memory, photos, filters.

    python benchmarks/service.py [PHOTOS] [--items 100000] [--encoder SPEC] [--rounds 5]
                                 [--keep FOLDER]

PHOTOS is a folder of class folders, by default clothing photos (``$VITRINE_SHARED_DATA/clothing``,
or ``../shared/data/clothing`` beside the checkout). A shop of 100,000 items is made of them
(`service_shop.py`), served by `vitrine serve` with one worker, and asked from a second process
(`service_load.py`). Beside it stands the usual hand-made service (`service_plain.py`): FastAPI and
brute force in NumPy over the same vectors, in one process. The two are asked by turns, and of each
figure the median of the rounds is shown. Photos are sent by a plain socket: Python's own HTTP
client takes 0.4 ms a photo, which would count as the service's; and both processes stay on one core
meanwhile, as two virtual cores differ by a third from minute to minute. Nothing else should run.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from photos import default_folder, enlarge
from service_load import LENGTH
from service_shop import ENCODER, make_shop
from vitrine.catalogue import decode_bytes
from vitrine.shop import Shop

HERE = Path(__file__).parent
K = 10
PORT = 8740
N_PHOTOS = 100
N_LARGE, LARGE_SIDE = 20, 3_000
READY_SECONDS = 900  # the first opening of a large shop trains its index

Photos = tuple[Path, list[Path], list[Path]]
"""A shop whose encoder is asked alone, photos as they are, and some enlarged."""


@contextmanager
def running(command: list[str], port: int, path: str):
    """Run a server until the context closes; wait until it answers."""
    process = subprocess.Popen(command)
    try:
        until = time.monotonic() + READY_SECONDS
        while True:
            if time.monotonic() > until:
                raise SystemExit(f"{command} does not answer")
            time.sleep(0.1)
            try:
                if get(port, path)[0] == 200:
                    break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit(f"{command} has ended") from None
        yield process
    finally:
        process.terminate()
        process.wait()


def serving(shop: Path, port: int):
    command = [sys.executable, "-c", "from vitrine.cli import main; main()", "serve", str(shop)]
    options = ["--port", str(port), "--log-level", "warning"]
    return running([*command, *options], port, "/readyz")


def get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def load(port: int, paths: list[str], seconds: float, *options: str) -> dict:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(paths))
        file.flush()
        command = [sys.executable, str(HERE / "service_load.py"), str(port), file.name]
        command += ["--seconds", str(seconds), *options]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout)
    assert not result["failed"], result
    return result


def memory(process: subprocess.Popen) -> float:
    """Return a process's resident memory in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def recall(port: int, vectors: np.ndarray, rows: np.ndarray) -> float:
    """Return the share of the true ten nearest that the service finds."""
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    shares = []
    for row in rows:
        scores = units @ units[row]
        scores[row] = -np.inf
        truth = {f"item-{i}" for i in np.argpartition(-scores, K)[:K]}
        content = get(port, f"/api/items/item-{row}/similar?k={K}")[1]
        found = {name for hit in json.loads(content)["hits"] for name in [hit["id"], *hit["same"]]}
        shares.append(len(truth & found) / K)
    return float(np.mean(shares))


@contextmanager
def on_one_core(process: subprocess.Popen):
    """Keep this process and another, all their threads, on one core inside the context."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)

    def keep_to(chosen: set[int]) -> None:
        for pid in (os.getpid(), process.pid):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with suppress(ProcessLookupError):  # it may have ended just now
                    os.sched_setaffinity(int(thread.name), chosen)

    keep_to({max(cores)})
    try:
        yield
    finally:
        keep_to(cores)


class PhotoClient:
    """One connection that searches by photo, with hardly any time of its own."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def search(self, content: bytes) -> None:
        """Send one photo, and read the answer to its end."""
        body = (b'--b\r\nContent-Disposition: form-data; name="picture"; filename="p"\r\n\r\n'
                + content + b"\r\n--b--\r\n")  # fmt: skip
        head = (b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                b"multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n")  # fmt: skip
        self._socket.sendall(head % len(body) + body)
        answer, end = b"", -1
        while end < 0 or len(answer) < end:
            more = self._socket.recv(2**16)
            if not more:
                raise SystemExit(f"the connection was closed after {answer!r}")
            answer += more
            head_end = answer.find(b"\r\n\r\n")
            if head_end >= 0:
                end = head_end + 4 + int(LENGTH.search(answer[:head_end])[1])
        assert answer.startswith(b"HTTP/1.1 200"), answer


def photo_times(port: int, shop_path: Path, photos: list[Path]) -> tuple[float, float]:
    """Return the median milliseconds of a search by photo, and of decoding and encoding alone."""
    client = PhotoClient(port)
    over_http, alone = [], []
    # One BLAS thread here as in the service: a second one would go on waiting busily while the
    # service works. Alone it brings nothing.
    with Shop.open(shop_path) as shop, threadpool_limits(1, user_api="blas"):
        encoder, cover = shop.encoder, shop.encoder.preprocessing_.cover
        for path in photos[:3] + photos:  # the first three warm both up
            content = path.read_bytes()
            started = time.perf_counter()
            encoder.transform([decode_bytes(content, cover=cover)])
            alone.append(time.perf_counter() - started)
            started = time.perf_counter()
            client.search(content)
            over_http.append(time.perf_counter() - started)
    return 1000 * float(np.median(over_http[3:])), 1000 * float(np.median(alone[3:]))


def one_round(
    server: subprocess.Popen, paths: list[str], filtered: list[str], photos: Photos, seconds: float
) -> dict:
    """Measure everything that takes time once; the hand-made service right after Vitrine's."""
    at_rate = load(PORT, paths, seconds, "--rate", "50")
    some = load(PORT, filtered, seconds / 2, "--rate", "50")
    all_items = load(PORT, paths, seconds / 2, "--rate", "50")
    ours, theirs = load(PORT, paths, seconds), load(PORT + 2, paths, seconds)
    shop, small, large = photos
    with on_one_core(server):
        by_photo, alone = photo_times(PORT, shop, small)
        by_large, large_alone = photo_times(PORT, shop, large)
    return {
        "p50": at_rate["p50"],
        "p99": at_rate["p99"],
        "a second": ours["a_second"],
        "by hand, a second": theirs["a_second"],
        "× by hand": ours["a_second"] / theirs["a_second"],
        "by photo": by_photo,
        "decoding and encoding": alone,
        "× decoding and encoding": by_photo / alone,
        "by enlarged photo": by_large,
        "decoding and encoding it": large_alone,
        "× decoding and encoding it": by_large / large_alone,
        "filtered": some["p50"],
        "unfiltered": all_items["p50"],
        "× unfiltered": some["p50"] / all_items["p50"],
    }


def measure(options: argparse.Namespace, folder: Path) -> None:
    n_items = options.items
    vectors = made(folder / "shop", options, n_items)
    made(folder / "small", options, 1_000)
    rows = np.random.default_rng(2).integers(0, n_items, 2_000)
    paths = [f"/api/items/item-{row}/similar?k={K}" for row in rows]
    filtered = [f"{path}&where=shelf=7" for path in paths]
    files = sorted(options.photos.rglob("*.jpg"))
    files = files[:: max(1, len(files) // N_PHOTOS)][:N_PHOTOS]
    large = enlarge(files[:: N_PHOTOS // N_LARGE], folder, (LARGE_SIDE, LARGE_SIDE))
    with serving(folder / "small", PORT + 1) as small:
        load(PORT + 1, [f"/api/items/item-7/similar?k={K}"], 1)
        for some in (files, large):  # the same work: only the shop differs
            photo_times(PORT + 1, folder / "small", some)
        base = memory(small)
    script = [sys.executable, str(HERE / "service_plain.py"), str(folder / "shop.npy")]
    with (
        serving(folder / "shop", PORT) as server,
        running([*script, str(PORT + 2)], PORT + 2, paths[0]),
    ):
        load(PORT, paths, 1)
        rounds = []
        for number in range(options.rounds):
            photos = folder / "shop", files, large
            rounds.append(one_round(server, paths, filtered, photos, options.seconds))
            print(f"round {number + 1} of {options.rounds}:", told(rounds[-1]), flush=True)
        found = recall(PORT, vectors, rows[:200])
        used = memory(server) - base
    show(rounds, vectors, found, used)


def told(measured: dict) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in measured.items())


def show(rounds: list[dict], vectors: np.ndarray, found: float, used: float) -> None:
    """Print the table: of each figure the median of the rounds."""
    (n_items, dimensions), size = vectors.shape, vectors.nbytes / 2**20
    m = {name: float(np.median([one[name] for one in rounds])) for name in rounds[0]}
    print(f"{n_items:,} items × {dimensions}; answers of {K} hits; one worker; "
          f"medians of {len(rounds)} rounds")  # fmt: skip
    print("| | measured | wanted |\n|---|---|---|")
    print(f"| `similar` by id at 50 a second, p50 | {m['p50']:.1f} ms | under 5 ms |")
    print(f"| the same, p99 | {m['p99']:.1f} ms | under 30 ms |")
    print(f"| requests a second, as fast as it goes | {m['a second']:,.0f} | |")
    print(f"| FastAPI + NumPy, requests a second | {m['by hand, a second']:,.0f} | |")
    print(f"| × as many | {m['× by hand']:.1f} | 8 |")
    print(f"| recall@{K} | {found:.3f} | 0.98 |")
    print(f"| by photos enlarged to {LARGE_SIDE:,} × 4,000 / decoding + encoding alone | "
          f"{m['by enlarged photo']:.1f} / {m['decoding and encoding it']:.1f} ms = "
          f"{m['× decoding and encoding it']:.2f} | 1.3 |")  # fmt: skip
    print(f"| by one of the shop's photos (240 × 320) / decoding + encoding alone | "
          f"{m['by photo']:.1f} / {m['decoding and encoding']:.1f} ms = "
          f"{m['× decoding and encoding']:.2f} | 1.3 |")  # fmt: skip
    print(f"| 1 % filter / no filter, p50 | {m['filtered']:.1f} / {m['unfiltered']:.1f} ms = "
          f"{m['× unfiltered']:.2f} | 2 |")  # fmt: skip
    print(f"| memory beyond a shop of 1,000 items / the vectors | {used:.0f} / {size:.0f} MB = "
          f"{used / size:.2f} | 1.5 |")  # fmt: skip


def made(shop: Path, options: argparse.Namespace, n_items: int) -> np.ndarray:
    kept = shop.with_suffix(".npy")
    if not kept.exists():
        np.save(kept, make_shop(shop, options.photos, n_items, options.encoder))
    return np.load(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="?", type=Path, default=default_folder())
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--encoder", default=ENCODER, help="Such as onnx:FILE:mean=0.5:std=0.5.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="Of each load in a round.")
    parser.add_argument("--keep", type=Path, help="Make the shops here, and use them again.")
    options = parser.parse_args()
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
        measure(options, options.keep)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(options, Path(folder))


if __name__ == "__main__":
    main()
