"""Write docs/dependencies.md: what is installed with Vitrine, and under which licence.

``python -m release.inventory`` reads it from what is installed here, at the versions of
constraints.txt.
"""

from __future__ import annotations

from importlib.metadata import Distribution
from pathlib import Path

from release.closure import closure, extras

TARGET = Path(__file__).parents[1] / "docs" / "dependencies.md"
HEAD = """# What is installed with Vitrine

Made by `make dependencies` from the metadata of what is installed, at the versions of
`constraints.txt`, on Linux; a test sees that it is up to date. Licences are as the packages state
them. A part that the core or an extra above it in the table brings already is not listed again.

"""


def text() -> str:
    """Return the document."""
    lines = ["| package | version | licence | brought by |", "|---|---|---|---|"]
    listed: set[str] = set()
    for extra in [None, *extras()]:
        for name, there in closure(extra).items():
            if name not in listed:
                listed.add(name)
                version = there.version.partition("+")[0]
                lines.append(f"| {name} | {version} | {licence(there)} | {extra or 'the core'} |")
    return HEAD + "\n".join(lines) + "\n"


def licence(there: Distribution) -> str:
    """Return a distribution's licence, in as few words as its metadata allow."""
    metadata = there.metadata
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License ::")
    ]
    stated = (metadata.get("License") or "").strip().splitlines()
    short = stated[0] if stated and len(stated[0]) <= 60 else ""
    return metadata.get("License-Expression") or short or ", ".join(classifiers) or "not stated"


def main() -> None:
    """Write the document."""
    TARGET.write_text(text())


if __name__ == "__main__":
    main()
