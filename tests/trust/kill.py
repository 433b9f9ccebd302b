"""Kill real processes at hundreds of random moments, and see that nothing acknowledged is lost.

``python -m tests.trust.kill --moments 300`` prints a table; it ends with 1 where anything was lost,
half there or unsound. The moments of one kind of work are spread evenly over the time that it takes
undisturbed, each drawn at random within its share.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.trust.acts import ACTS, Act, Serve
from tests.trust.forks import Child, in_child
from tests.trust.made import World
from tests.trust.web import ask_until_it_is_gone

SERVED_SECONDS = 0.8
"""How long the service is written to before it is killed, at most."""


@dataclass
class Row:
    """What came of the kills of one kind of work."""

    name: str
    moments: int = 0
    in_the_middle: int = 0
    acknowledged: int = 0
    lost: int = 0
    half: int = 0
    unsound: int = 0
    faults: list[str] = field(default_factory=list)


class Trials:
    """Kills one act again and again."""

    def __init__(self, folder: Path, world: World, act: Act) -> None:
        self._folder, self._world, self._act = folder, world, act
        self._number = 0
        self.row = Row(act.name)

    def run(self, moments: int, rng: random.Random) -> Row:
        seconds = self._undisturbed()
        for share in range(moments):
            self._kill_after(seconds * (share + rng.random()) / moments)
        return self.row

    def _undisturbed(self) -> float:
        if isinstance(self._act, Serve):
            return SERVED_SECONDS
        place = self._place()
        child = Child(place / "log", self._begin, place / "shop")
        began = self._wait_for_words(child)
        if child.wait() != 0:
            raise AssertionError((place / "log.err").read_text())
        return time.monotonic() - began

    def _kill_after(self, seconds: float) -> None:
        place = self._place()
        child = Child(place / "log", self._begin, place / "shop")
        self._wait_for_words(child)
        clients = self._clients(child, place)
        time.sleep(seconds)
        self.row.in_the_middle += child.running
        if child.running:
            child.kill()
        said = child.said()[1:]
        for client in clients:
            client.wait()
            said += client.said()
        self.row.moments += 1
        self._judge(place, [one for one in said if not isinstance(one, dict)])
        shutil.rmtree(place)

    def _judge(self, place: Path, said: list[Any]) -> None:
        found = in_child(place, self._judged, place / "shop", said)
        self.row.acknowledged += found["acknowledged"]
        for name in ("lost", "half", "unsound"):
            setattr(self.row, name, getattr(self.row, name) + len(found[name]))
            self.row.faults += [f"{name}: {one}" for one in found[name]]

    def _judged(self, path: Path, said: list[Any]) -> dict[str, Any]:
        """Judge what is there, then what is there once the same was done again."""
        verdict = self._act.judge(path, said)
        found = {"acknowledged": verdict.acknowledged, "lost": verdict.lost,
                 "half": verdict.half, "unsound": verdict.unsound}  # fmt: skip
        if not (self._act.name == "create" and said):
            self._act.again(path)
        return found

    def _begin(self, say: Any, path: Path) -> None:
        say("begun")
        self._act.do(say, path)

    def _wait_for_words(self, child: Child) -> float:
        words = 2 if isinstance(self._act, Serve) else 1  # the service says its port, too
        until = time.monotonic() + 60
        while len(child.said()) < words:
            if not child.running or time.monotonic() > until:
                raise AssertionError(child.log.with_suffix(".err").read_text())
            time.sleep(0.001)
        return time.monotonic()

    def _clients(self, child: Child, place: Path) -> list[Child]:
        if not isinstance(self._act, Serve):
            return []
        port = child.said()[1]["port"]
        clients = [
            Child(place / kind, ask_until_it_is_gone, port, kind) for kind in ("rate", "item")
        ]
        until = time.monotonic() + 60
        while not all(client.said() for client in clients) and time.monotonic() < until:
            time.sleep(0.002)  # it reads its shop before it answers
        return clients

    def _place(self) -> Path:
        self._number += 1
        place = self._folder / f"{type(self._act).__name__.lower()}-{self._number}"
        place.mkdir()
        if self._act.starts_with_a_shop:
            self._world.copy(place / "shop")
        return place


def run(folder: Path, moments: int, seed: int, names: list[str]) -> list[Row]:
    """Kill every act, or those named, and return what came of it."""
    rng = random.Random(seed)  # noqa: S311 - moments, not secrets
    world = World(folder)
    truth = in_child(folder, world.make)
    chosen = [kind for kind in ACTS if not names or kind.__name__.lower() in names]
    share, more = divmod(moments, len(chosen))
    rows = []
    for number, kind in enumerate(chosen):
        rows.append(Trials(folder, world, kind(world, truth)).run(share + (number < more), rng))
        print(table(rows[-1:])[-1], flush=True)
    return rows


def table(rows: list[Row]) -> list[str]:
    head = (
        "| killed while it would | kills | in the middle | acknowledged | lost | half | unsound |"
    )
    lines = [head, "|---|---:|---:|---:|---:|---:|---:|"]
    for row in rows:
        numbers = (row.moments, row.in_the_middle, row.acknowledged, row.lost, row.half)
        shown = " | ".join(f"{number:,}" for number in (*numbers, row.unsound))
        lines.append(f"| {row.name} | {shown} |")
    return lines


def total(rows: list[Row]) -> Row:
    summed = Row("all")
    for row in rows:
        for name in ("moments", "in_the_middle", "acknowledged", "lost", "half", "unsound"):
            setattr(summed, name, getattr(summed, name) + getattr(row, name))
    return summed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--acts", nargs="*", default=[])
    options = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vitrine-kill-") as folder:
        rows = run(Path(folder), options.moments, options.seed, options.acts)
    print("\n".join(["", *table([*rows, total(rows)])]))
    print(f"\nseed {options.seed}, {time.monotonic() - started:.0f} s")
    faults = [f"{row.name}: {fault}" for row in rows for fault in row.faults]
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
