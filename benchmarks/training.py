"""Training the classic 784-2-784 autoencoder: Vitrine against Keras and a plain PyTorch loop.

Same pictures (Fashion-MNIST, 60,000), same model, initial weights of the same kind, batches of
256, Adam at 1e-3, binary cross-entropy. Every framework runs in processes of its own, one after
another and again, so that a busy moment of the machine hits all of them alike; an epoch's time is
the median over all epochs but the first of each process, which compiles.

The peers are not installed with Vitrine. Give the Python of an environment that has them::

    python -m venv peers && peers/bin/pip install keras tensorflow-cpu "jax[cpu]" torch
    python benchmarks/training.py --peers peers/bin/python
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

BATCH = 256
BACKENDS = {
    "vitrine": "Vitrine",
    "plain": "PyTorch, plain loop",
    "jax": "Keras 3 on JAX",
    "torch": "Keras 3 on PyTorch",
    "tensorflow": "Keras 3 on TensorFlow",
}


def train_vitrine(pictures: NDArray[np.uint8], epochs: int) -> tuple[list[float], list[float]]:
    from vitrine.encoders.autoencoder import DenseAutoencoder

    history = DenseAutoencoder(epochs=epochs, batch_size=BATCH).fit(pictures).history_
    return history["seconds"], history["loss"]


def train_plain(pictures: NDArray[np.uint8], epochs: int) -> tuple[list[float], list[float]]:
    """Write the model as PyTorch's tutorials do, the data in memory as floats."""
    import torch
    from torch import nn

    x = torch.from_numpy(pictures.reshape(-1, 784).astype(np.float32) / 255)
    network = nn.Sequential(nn.Linear(784, 2), nn.ReLU(), nn.Linear(2, 784))
    for layer in (network[0], network[2]):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    measure = nn.BCEWithLogitsLoss()
    seconds, losses = [], []
    for _ in range(epochs):
        started, total = time.perf_counter(), 0.0
        for rows in torch.randperm(len(x)).split(BATCH):
            batch = x[rows]
            loss = measure(network(batch), batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        seconds.append(time.perf_counter() - started)
        losses.append(total / len(x))
    return seconds, losses


def train_keras(pictures: NDArray[np.uint8], epochs: int) -> tuple[list[float], list[float]]:
    """Write the model as its authors do, on the backend that $KERAS_BACKEND names."""
    import keras

    class Clock(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.seconds: list[float] = []

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.started = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.seconds.append(time.perf_counter() - self.started)

    x = pictures.reshape(-1, 784).astype(np.float32) / 255
    code = [keras.Input((784,)), keras.layers.Dense(2, activation="relu")]
    model = keras.Sequential([*code, keras.layers.Dense(784, activation="sigmoid")])
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy")
    clock = Clock()
    history = model.fit(
        x, x, batch_size=BATCH, epochs=epochs, shuffle=True, verbose=0, callbacks=[clock]
    )
    return clock.seconds, [float(loss) for loss in history.history["loss"]]


def work(backend: str, data: Path, epochs: int) -> None:
    """Train on one backend and print the epochs' seconds and losses as JSON."""
    train = {"vitrine": train_vitrine, "plain": train_plain}.get(backend, train_keras)
    seconds, losses = train(np.load(data), epochs)
    print(json.dumps({"seconds": seconds, "losses": losses}))


def measure(backend: str, python: str, data: Path, epochs: int) -> dict[str, list[float]] | None:
    """Run `work` in a process of its own; None, with a line that says why, where it fails."""
    command = [python, __file__, "--backend", backend, "--data", str(data), "--epochs", str(epochs)]
    environment = os.environ | {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["no message"]
        print(f"{BACKENDS[backend]}: left out ({reason[-1]})", file=sys.stderr)
        return None
    result: dict[str, list[float]] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def compare(backends: list[str], peers: str, epochs: int, rounds: int) -> None:
    """Measure every backend in turn, `rounds` times, and print the table."""
    from vitrine.catalogue import Catalogue

    seconds: dict[str, list[float]] = {backend: [] for backend in backends}
    losses: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "pictures.npy"
        np.save(data, Catalogue.read("fashion-mnist").part("train").pictures()[:])
        for number in range(rounds):
            for backend in backends:
                print(f"round {number + 1}: {BACKENDS[backend]}", file=sys.stderr)
                python = sys.executable if backend in ("vitrine", "plain") else peers
                result = measure(backend, python, data, epochs)
                if result is not None:
                    seconds[backend] += result["seconds"][1:]
                    losses[backend] = result["losses"][-1]
    print_table({name: times for name, times in seconds.items() if times}, losses, epochs)


def print_table(seconds: dict[str, list[float]], losses: dict[str, float], epochs: int) -> None:
    print("| framework | seconds an epoch | fastest epoch | Vitrine is × as fast | loss |")
    print("|---|---|---|---|---|")
    ours = median(seconds["vitrine"])
    for backend, times in sorted(seconds.items(), key=lambda entry: median(entry[1])):
        ratio = f"{median(times) / ours:.1f}" if backend != "vitrine" else ""
        print(
            f"| {BACKENDS[backend]} | {median(times):.2f} | {min(times):.2f} | {ratio} "
            f"| {losses[backend]:.4f} (epoch {epochs}) |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peers", default=sys.executable, help="a Python that has Keras")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--backend", choices=BACKENDS, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.backend:
        work(arguments.backend, arguments.data, arguments.epochs)
    else:
        only = [name for name in BACKENDS if name in {"vitrine", *arguments.only}]
        compare(only, arguments.peers, arguments.epochs, arguments.rounds)


if __name__ == "__main__":
    main()
