"""From ten thousand to a million items on one machine: the tables of docs/scale.md.

    python benchmarks/scale.py [--sizes 10000 100000 1000000] [--photos FOLDER --network FILE.onnx]
                               [--real 100000] [--peers] [--keep FOLDER]

Items have 256 numbers, clustered, and seven attributes; they are written straight into the store,
and every step runs in a process of its own (`scale_shop.py`). With photos and a network, by default
those in ``$VITRINE_SHARED_DATA``, the index is also judged on real vectors, and always on vectors
without any clusters, which is the worst case.
`--peers` asks FAISS, hnswlib, usearch, scikit-learn and qdrant-client's local mode the same, those
that are installed (`scale_peers.py`). Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from photos import default_folder
from scale_data import DIMENSIONS, blocks, clustered, photo_vectors, unclustered
from scale_peers import peers
from scale_shop import PAIRS_K, STAGES, K
from vitrine.index import Distance, NearestNeighbours

HERE = Path(__file__).parent
QUERIES, TRUTHS = 300, 100
ELSEWHERE = 20
"""One vector in so many is not in the index but asked for."""
PAIRS = 100_000
"""Items whose similar items are all written down."""


def stage(name: str, shop: Path, n: int) -> dict:
    """Run one step of `scale_shop.py` in a process of its own."""
    assert name in STAGES
    command = [sys.executable, str(HERE / "scale_shop.py"), name, str(shop), str(n)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def measure(folder: Path, n: int) -> dict:
    """Make and measure one shop."""
    shop = folder / f"shop-{n}"
    found = {name: stage(name, shop, n) for name in ("make", "first", "open", "ask")}
    for name, result in found.items():
        print(f"{n:,} {name}: {json.dumps(result)}", file=sys.stderr, flush=True)
    return found


def table(title: str, columns: list[str], rows: list[tuple[str, list[str]]]) -> None:
    """Print a Markdown table."""
    print(f"\n| {title} | {' | '.join(columns)} |")
    print("|---|" + "---:|" * len(columns))
    for name, cells in rows:
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def growth(sizes: list[int], values: list[float]) -> str:
    """Return the exponent e of the growth n^e between the first and the last size."""
    if len(sizes) < 2 or min(values) <= 0:
        return ""
    return f"n^{math.log(values[-1] / values[0]) / math.log(sizes[-1] / sizes[0]):.2f}"


def show(results: dict[int, dict]) -> None:
    """Print what was measured of the shops, a column a size, and what each line grows like."""
    sizes = list(results)

    def line(name: str, get, form: str, wanted: str = "") -> tuple[str, list[str]]:
        values = [get(results[n]) for n in sizes]
        return name, [*(form.format(value) for value in values), growth(sizes, values), wanted]

    rows = [
        line("import, items a second", lambda r: r["make"]["a_second"], "{:,.0f}"),
        line("database, MB", lambda r: r["make"]["disk"], "{:,.0f}"),
        line("snapshot, MB", lambda r: r["first"]["cache"], "{:,.0f}"),
        line("most memory, importing and first opening, MB",
             lambda r: max(r["make"]["peak"], r["first"]["peak"]), "{:,.0f}", "3,000"),
        line("first opening: reading, s", lambda r: r["first"]["read"] or r["first"]["open"],
             "{:.1f}"),
        line("first opening: building the index, s", lambda r: r["first"]["build"], "{:.1f}"),
        line("opening, s", lambda r: r["open"]["open"], "{:.2f}", "3"),
        line("memory after opening, MB", lambda r: r["open"]["resident"], "{:,.0f}"),
        line("of these shared between processes, MB", lambda r: r["open"]["shared"], "{:,.0f}"),
        line("recall@10", lambda r: r["ask"]["recall"], "{:.3f}", "0.98"),
    ]  # fmt: skip
    asked = [("by id", ("by_id",), "1"), ("by vector", ("by_vector",), "1")]
    asked += [(f"filter keeps {name}", ("filters", name), limit)
              for name, limit in (("half", "3"), ("a fifth, whole clusters", ""), ("1 %", "1.5"),
                                  ("0.01 %", "0.5"))]  # fmt: skip
    for name, keys, limit in asked:
        rows += [
            line(f"{name}, {part}, ms", lambda r, k=keys, p=part: _at(r, k)[p], "{:.2f}", wanted)
            for part, wanted in (("p50", limit), ("p99", ""))
        ]
        if keys[0] == "filters":
            rows.append(line(f"{name}, asked for the first time, ms",
                             lambda r, k=keys: _at(r, k)["first"], "{:.2f}"))  # fmt: skip
            if all("recall" in _at(results[n], keys) for n in sizes):
                rows.append(line(f"{name}, recall@10",
                                 lambda r, k=keys: _at(r, k)["recall"], "{:.3f}"))  # fmt: skip
    rows += [
        line("an upsert is seen after, ms", lambda r: r["ask"]["writes"]["one"], "{:.0f}", "1,000"),
        line("1,000 upserts are seen after, ms", lambda r: r["ask"]["writes"]["thousand"], "{:.0f}",
             "1,000"),
        line("meanwhile p50, ms", lambda r: r["ask"]["writes"]["p50"], "{:.2f}"),
        line("meanwhile p99, ms", lambda r: r["ask"]["writes"]["p99"], "{:.2f}"),
    ]  # fmt: skip
    table("items", [*(f"{n:,}" for n in sizes), "grows like", "wanted"], rows)
    rebuilt = [n for n in sizes if results[n]["ask"]["writes"]["rebuilt"]]
    print(f"\nIndexes trained anew while written to: {rebuilt or 'none'}.")


def show_pairs(found: dict) -> None:
    """Print what the similar items of every item took."""
    print(f"\nThe {PAIRS_K} nearest of each of {PAIRS:,}, {found['rows']:,} rows: "
          f"{found['seconds']:.0f} s (wanted: 600), {found['processor']:.0f} s of processors, "
          f"{found['peak']:.0f} MB at most.")  # fmt: skip


def _at(result: dict, keys: tuple[str, ...]) -> dict:
    found = result["ask"]
    for key in keys:
        found = found[key]
    return found


def judge(vectors: np.ndarray) -> list[str]:
    """Return what the index alone says of vectors: build, effort, recall, milliseconds a query.

    The last of the vectors are not in the index, but queries from elsewhere: of the photos, whole
    photos, whose regions are not those of any photo that is there.
    """
    vectors, elsewhere = np.split(vectors, [-(len(vectors) // ELSEWHERE)])
    started = time.perf_counter()
    index = NearestNeighbours(Distance("cosine"), method="faiss").build(vectors)
    built = time.perf_counter() - started
    exact = NearestNeighbours(Distance("cosine"), method="exact").build(vectors)
    rng = np.random.default_rng(7)
    rows = rng.integers(0, len(vectors), (QUERIES, 1))
    others = elsewhere[rng.integers(0, len(elsewhere), (QUERIES, 1))]
    effort = index.effort
    assert effort is not None
    said = [f"{len(vectors):,}", f"{built:.1f}", f"{effort.n_probes} × {effort.n_candidates}",
            f"{effort.recall:.3f}"]  # fmt: skip
    for search, truth, queries in (
        (index.search_rows, exact.search_rows, rows),
        (index.search, exact.search, others),
    ):
        wanted = truth(np.concatenate(queries[:TRUTHS]), K).positions
        found, taken = [], []
        for query in queries:
            started = time.perf_counter()
            found.append(search(query, K).positions[0])
            taken.append(1000 * (time.perf_counter() - started))
        hits = [len(set(a) & set(b)) / K for a, b in zip(wanted, found, strict=False)]
        said += [f"{np.mean(hits):.3f}", f"{np.median(taken):.2f}",
                 f"{np.percentile(taken, 99):.2f}"]  # fmt: skip
    return said


def made(draw, n: int) -> np.ndarray:
    """Return n vectors, drawn block by block."""
    vectors = np.empty((n, DIMENSIONS), np.float32)
    for start in blocks(n):
        block = draw(n, start)
        vectors[start : start + len(block)] = block
    return vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    photos = default_folder()
    network = photos.parent / "weights" / "mobilenet_v2_imagenet.onnx"
    parser.add_argument("--photos", type=Path, default=photos, help="A folder of class folders.")
    parser.add_argument("--network", type=Path, default=network, help="MobileNetV2, ONNX.")
    parser.add_argument("--real", type=int, default=100_000, help="How many real vectors.")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--peer-items", type=int, default=100_000)
    parser.add_argument("--qdrant", help="A Python that has qdrant-client, where this one has not.")
    parser.add_argument("--keep", type=Path, help="Leave the shops and the real vectors here.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if options.sizes:
            show({n: measure(folder, n) for n in options.sizes})
            if PAIRS in options.sizes:
                show_pairs(stage("pairs", folder / f"shop-{PAIRS}", PAIRS))
        kinds = {"without clusters": lambda: made(unclustered, options.real),
                 "clustered": lambda: made(clustered, options.real)}  # fmt: skip
        if options.photos.is_dir() and options.network.is_file():
            kinds["photos and regions of them"] = lambda: real(options, folder)
        rows = [(name, judge(draw())) for name, draw in kinds.items()]
        columns = ["vectors", "build, s", "probes × candidates", "tuned to", "recall@10", "p50, ms",
                   "p99, ms", "from elsewhere: recall@10", "p50, ms", "p99, ms"]  # fmt: skip
        table("the index alone", columns, rows)
        if options.peers:
            vectors = made(clustered, options.peer_items)
            columns = ["build, s", "recall@10", "p50, ms", "p99, ms", "memory, MB"]
            table(f"{len(vectors):,} × {DIMENSIONS}", columns, peers(vectors, options.qdrant))


def real(options: argparse.Namespace, folder: Path) -> np.ndarray:
    """Return the real vectors, made once where a folder is kept."""
    path = folder / f"photos-{options.real}.npy"
    if not path.exists():
        np.save(path, photo_vectors(options.photos, options.network, options.real))
    return np.load(path)


if __name__ == "__main__":
    main()
