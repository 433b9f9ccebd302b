"""Write requirements-service.txt: the service's image, each package by version and SHA-256.

``python -m release.pins`` asks pip which files it would install for the image's Python and
processors, at the versions of constraints.txt, and notes their hashes as the index states them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from release.closure import asked_for, normal

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "requirements-service.txt"
EXTRAS = ("serve", "postgres")
BUILD = "setuptools"
PYTHON = "3.12"
MACHINES = ("x86_64", "aarch64")
HEAD = f"""# What the image of the service installs, for Python {PYTHON} on Linux.
# Made by `make pins`; pip install --require-hashes takes nothing else than these files.
"""


def main() -> None:
    """Write the file."""
    hashes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for machine in MACHINES:
        for name, version, digest in files_for(machine):
            hashes[name, version].add(digest)
    lines = [
        " \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{one}" for one in sorted(of))])
        for (name, version), of in sorted(hashes.items())
    ]
    TARGET.write_text(HEAD + "\n".join(lines) + "\n")


def files_for(machine: str) -> list[tuple[str, str, str]]:
    """Return name, version and SHA-256 of every file that pip would install on a machine."""
    asked = {one for extra in EXTRAS for one in asked_for(extra)} | {BUILD}
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in (17, 24, 27, 28, 34)]
    platforms += [f"manylinux2014_{machine}", f"linux_{machine}"]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"),
            *("--report", str(report), "--target", folder, "--only-binary", ":all:"),
            *("--python-version", PYTHON, "--implementation", "cp"),
            *(word for one in platforms for word in ("--platform", one)),
            *("-c", str(ROOT / "constraints.txt"), *sorted(asked)),
        ]
        subprocess.run(command, check=True)  # noqa: S603 - pip, with what pyproject.toml names
        installed = json.loads(report.read_text())["install"]
    return [
        (
            normal(one["metadata"]["name"]),
            one["metadata"]["version"],
            one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in installed
    ]


if __name__ == "__main__":
    main()
