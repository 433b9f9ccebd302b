"""Build the package and install it into empty environments.

``python -m release.package`` builds wheel and sdist, installs the wheel with its dependencies on
every Python from 3.11 on that is found, and uses it there; it prints a table. It downloads what it
installs, and takes minutes a Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PARTS = ("pyproject.toml", "README.md", "LICENSE", "src")
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
BUILD = "import sys; from setuptools import build_meta as b; getattr(b, sys.argv[1])(sys.argv[2])"
USE = """
import pathlib, sys
import numpy as np
from PIL import Image
folder = pathlib.Path(sys.argv[1])
for n in range(12):
    (folder / f"kind-{n % 3}").mkdir(parents=True, exist_ok=True)
    picture = np.full((32, 32, 3), 60 * (n % 3) + 20, np.uint8)
    picture[n : n + 12, 4:20] = 250
    Image.fromarray(picture).save(folder / f"kind-{n % 3}" / f"{n}.png")
"""


def build(target: Path) -> tuple[Path, Path]:
    """Build wheel and sdist into `target` and return their paths; the tree stays as it is."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        source = Path(made)
        for part in PARTS:
            if (ROOT / part).is_dir():
                ignored = shutil.ignore_patterns("*.egg-info", "__pycache__")
                shutil.copytree(ROOT / part, source / part, ignore=ignored)
            else:
                shutil.copy2(ROOT / part, source / part)
        for kind in ("build_wheel", "build_sdist"):  # a process each: they share state
            run([sys.executable, "-c", BUILD, kind, str(target.resolve())], cwd=source)
    [wheel], [sdist] = target.glob("*.whl"), target.glob("*.tar.gz")
    return wheel, sdist


def run(command: list[str], cwd: Path | None = None) -> str:
    """Run a command and return what it printed; say so where it fails."""
    # The environment's own packages alone: nothing of whoever runs this.
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(  # noqa: S603 - commands of this file
        command, cwd=cwd, env=own, capture_output=True, text=True, check=False
    )
    if ended.returncode != 0:
        said = ended.stdout + ended.stderr
        raise SystemExit(f"{' '.join(command[:6])} …: {ended.returncode}\n{said[-4000:]}")
    return ended.stdout


def use(python: Path, folder: Path) -> int:
    """Use an installed Vitrine as a new user would; return how many similar items came."""
    vitrine = str(python.with_name("vitrine"))
    folder.mkdir()
    run([str(python), "-c", USE, str(folder / "pictures")])
    assert "create" in run([vitrine, "--help"], cwd=folder)  # noqa: S101 - a check
    run([vitrine, "create", "shop", "pictures"], cwd=folder)
    hits = run([vitrine, "similar", "shop", "4", "-k", "3", "--json"], cwd=folder)
    run([vitrine, "report", "shop", "-o", "report.html"], cwd=folder)
    return hits.count('"id"')


def pythons() -> dict[str, Path]:
    """Return the Pythons from 3.11 on that are on the path or among pyenv's, by version."""
    found = {}
    places = [Path(one) for one in os.environ.get("PATH", "").split(os.pathsep)]
    places += sorted((Path.home() / ".pyenv" / "versions").glob("*/bin"))
    for version in VERSIONS:
        for place in places:
            python = place / f"python{version}"
            if python.is_file() and version not in found and _is(python, version):
                found[version] = python
    return found


def _is(python: Path, version: str) -> bool:
    command = [str(python), "-c", "import sys, ensurepip; print(*sys.version_info[:2], sep='.')"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - likewise
    return ended.stdout.strip() == version


def main() -> None:
    """Build, install everywhere, use, and print what came of it."""
    print("| Python | installed in | packages | `--help`, create, similar, report |")
    print("|---|---:|---:|---|")
    with tempfile.TemporaryDirectory() as made:
        wheel, _ = build(Path(made) / "dist")
        for version, python in pythons().items():
            home = Path(made) / version
            run([str(python), "-m", "venv", str(home)])
            inside, started = home / "bin" / "python", time.monotonic()
            run([str(inside), "-m", "pip", "install", "--quiet", str(wheel)])
            seconds = time.monotonic() - started
            listed = run([str(inside), "-m", "pip", "list", "--format", "freeze"])
            hits = use(inside, home / "used")
            worked = "yes" if hits == 3 else f"no: {hits} similar items"
            print(f"| {version} | {seconds:.0f} s | {len(listed.splitlines())} | {worked} |")


if __name__ == "__main__":
    main()
