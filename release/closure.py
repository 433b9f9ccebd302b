"""What an installation brings along: the distributions behind the core and each extra."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
DEVELOPMENT = "dev"


def extras() -> list[str]:
    """Return the extras that users install."""
    return sorted(name for name in _project()["optional-dependencies"] if name != DEVELOPMENT)


def asked_for(extra: str | None = None) -> list[str]:
    """Return what ``vitrine`` asks for itself, and its extra."""
    project = _project()
    more = project["optional-dependencies"][extra] if extra else []
    return [*project["dependencies"], *more]


def closure(extra: str | None = None) -> dict[str, Distribution]:
    """Return by name what ``vitrine`` or ``vitrine[extra]`` needs here, all that is installed."""
    found: dict[str, Distribution] = {}
    waiting = [(normal(one.name), set(one.extras)) for one in _needed(asked_for(extra), set())]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, frozenset(wanted)) in done:
            continue
        done.add((name, frozenset(wanted)))
        there = distribution(name)
        found[normal(there.metadata["Name"])] = there
        waiting += [
            (normal(one.name), set(one.extras)) for one in _needed(there.requires or [], wanted)
        ]
    return dict(sorted(found.items()))


def normal(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return name.lower().replace("_", "-").replace(".", "-")


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads(PROJECT.read_text())["project"]
    return project


def _needed(requires: Iterable[str], wanted: set[str]) -> Iterable[Requirement]:
    for line in requires:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": one}) for one in wanted | {""}):
            yield requirement
