"""Run the benchmarks of the README one after another; `make bench` calls this.

The peers (Keras on TensorFlow, JAX and PyTorch) get an environment of their own, `.venv-peers`,
made on first use. Nothing else should run meanwhile: quote ratios, not seconds.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
PEERS = HERE.parent / ".venv-peers"
PEER_PACKAGES = ("keras==3.*", "tensorflow-cpu", "jax[cpu]", "torch==2.13.0")


def peers_python() -> Path:
    """Return the Python of the peers' environment, making it where it is missing."""
    python, done = PEERS / "bin" / "python", PEERS / "installed"
    if not done.exists():
        print(f"installing {', '.join(PEER_PACKAGES)} into {PEERS.name} …", flush=True)
        venv.create(PEERS, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        # PyTorch first and alone, or another package's wish brings a larger build of it.
        subprocess.run([*pip, PEER_PACKAGES[-1]], check=True)
        subprocess.run([*pip, *PEER_PACKAGES[:-1]], check=True)
        done.touch()
    return python


def run(title: str, script: str, *arguments: str) -> None:
    """Run one benchmark in a process of its own, under its title."""
    print(f"\n## {title}\n", flush=True)
    subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)


def main() -> None:
    """Run them all."""
    peers = str(peers_python())
    run("Training the classic 784-2-784 autoencoder", "training.py", "--peers", peers)
    run("Nearest neighbour of each of 10,000 items", "neighbours.py")
    run("Reading photos into 224×224 arrays", "reading.py")


if __name__ == "__main__":
    main()
