"""Nearest neighbour of each of 10,000 items: Vitrine against SciPy's pdist and argmin.

Run: python benchmarks/neighbours.py [--n 10000]

Each run has a process of its own, so that the peak of its memory is its own; what the process held
before (the interpreter, the libraries, the vectors) is taken off both.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
from rich.console import Console
from rich.table import Table

DIMENSIONS = (2, 64, 784)


def with_scipy(vectors: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import pdist, squareform

    distances = squareform(pdist(vectors))
    np.fill_diagonal(distances, np.inf)
    return distances.argmin(axis=1)


def with_vitrine(vectors: np.ndarray) -> np.ndarray:
    from vitrine.topk import blocked_top_k

    return blocked_top_k(vectors, vectors, 1, "l2", exclude=np.arange(len(vectors)))[0][:, 0]


WAYS = {"scipy": with_scipy, "vitrine": with_vitrine}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_run(way: str, n: int, d: int) -> None:
    """Print what a run took as JSON; the answer's sum shows whether two ways agree."""
    rng = np.random.default_rng(d)
    vectors = rng.standard_normal((n, d), np.float32)
    WAYS[way](vectors[:20])  # loads the libraries
    before, started = peak_mb(), time.perf_counter()
    nearest = WAYS[way](vectors)
    seconds = time.perf_counter() - started
    facts = {"seconds": seconds, "mb": peak_mb() - before, "answer": nearest.tolist()}
    print(json.dumps(facts))


def run(way: str, n: int, d: int, repeats: int) -> dict:
    """Return the fastest of some runs."""
    command = [sys.executable, __file__, "--run", way, "--n", str(n), "--d", str(d)]
    runs = []
    for _ in range(repeats):
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout))
    return min(runs, key=lambda facts: facts["seconds"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--d", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--run", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    if options.run:
        one_run(options.run, options.n, options.d)
        return
    table = Table(
        "dimensions", "SciPy", "Vitrine", "times as fast", "of the memory", "same answers"
    )
    for d in DIMENSIONS:
        theirs, ours = (run(way, options.n, d, options.repeats) for way in WAYS)
        same = np.mean(np.equal(theirs["answer"], ours["answer"]))
        table.add_row(
            str(d),
            f"{theirs['seconds']:.2f} s, {theirs['mb']:,.0f} MB",
            f"{ours['seconds']:.2f} s, {ours['mb']:,.0f} MB",
            f"{theirs['seconds'] / ours['seconds']:.0f}",
            f"1/{theirs['mb'] / max(ours['mb'], 0.1):.0f}",
            f"{same:.2%}",
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
