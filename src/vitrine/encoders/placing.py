"""A plane learned from vectors that are there already, in a process of its own.

What `NeighbourMap` learns from pictures, for a program that has the vectors and wants neither torch
in its memory nor a busy thread: ``python -m vitrine.encoders.placing SECONDS`` reads an npy array
and writes an ONNX file.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np

from vitrine.encoders.base import FloatArray
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.topk import blocked_top_k

LEAST_VECTORS = 200
"""Fewer are not worth a network."""

MOST_VECTORS = 60_000
N_NEIGHBOURS = 15
HIDDEN = (512, 512, 512)
BATCH = 1024
STEPS = 900
SECONDS = 240.0
"""At most; on an idle machine a minute is enough for 10,000 vectors."""


def learned_plane(vectors: FloatArray, seconds: float = SECONDS) -> OnnxModel | None:
    """Learn in another process, with low priority, how to lay vectors out on a plane.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32
        Prepared by their distance, so that Euclidean distances rank them.
    seconds : float
        Time that training may take.

    Returns
    -------
    OnnxModel or None
        Vectors (n, d) → positions (n, 2). None without torch (the extra ``train``), for fewer than
        200 vectors, and where learning fails.
    """
    there = all(find_spec(name) for name in ("torch", "onnx"))
    if not there or len(vectors) < LEAST_VECTORS:
        return None
    sent = io.BytesIO()
    np.save(sent, vectors, allow_pickle=False)
    command = [sys.executable, "-m", "vitrine.encoders.placing", str(seconds)]
    done = subprocess.run(  # noqa: S603 - this program itself
        command, input=sent.getvalue(), capture_output=True, check=False
    )
    return OnnxModel(done.stdout, "the map's network", threads=1) if done.returncode == 0 else None


def learn(vectors: FloatArray, seconds: float, random_state: int = 0) -> bytes:
    """Return a network that lays `vectors` (n, d) out on a plane, as ONNX."""
    from vitrine.encoders._torch.neighbour_map import fit_map
    from vitrine.encoders._torch.training import Plan

    if len(vectors) > MOST_VECTORS:
        rng = np.random.default_rng(random_state)
        vectors = vectors[np.sort(rng.choice(len(vectors), MOST_VECTORS, replace=False))]
    n, itself = len(vectors), np.arange(len(vectors))
    neighbours, _ = blocked_top_k(vectors, vectors, N_NEIGHBOURS, "l2", exclude=itself)
    batches = -(-n // BATCH)
    epochs = max(15, -(-STEPS // batches))
    plan = Plan(epochs, -(-n // batches), one_cycle=True, max_seconds=seconds)
    return fit_map(vectors, neighbours, 2, HIDDEN, plan, random_state).network


def main() -> None:
    """Read vectors from standard input, write the network to standard output."""
    os.nice(10)
    vectors = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    sys.stdout.buffer.write(learn(vectors, float(sys.argv[1])))


if __name__ == "__main__":
    main()
