"""A service with two workers, asked as much as the machine can do, then more, then less again.

``python -m tests.trust.soak --seconds 600`` prints a table; it ends with 1 where an answer was an
error other than 503, memory or file descriptors grew, or latency did not come back after an
overload. In the middle one worker is killed.
"""

from __future__ import annotations

import argparse
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.trust.asking import Asked, crowd, gather
from tests.trust.forks import in_child
from tests.trust.made import encoder_a, item_id, png_of, write_catalogue
from tests.trust.watching import Watch
from vitrine.catalogue import Catalogue
from vitrine.service.keys import line_of
from vitrine.shop import Shop

KEY = "vitrine_writer"
WORKERS, N_ITEMS = 2, 300
EDGE, OVERLOAD = 6, 64
"""Clients at once that keep two workers on two cores busy, and far too many."""

MAX_REQUESTS = 16
"""At once in each worker; what comes beyond is told to come again."""

GROWTH, BACK_TO_NORMAL = 0.05, 2.0
PHASES = {"warm-up": 0.25, "at the edge": 0.3, "overload": 0.1, "rest": 0.05, "after": 0.3}
KILL_AT = 0.4
"""The share of the time after which one worker is killed."""


@dataclass
class Soak:
    """What came of it."""

    asked: dict[str, list[Asked]] = field(default_factory=dict)
    watch: Watch | None = None
    faults: list[str] = field(default_factory=list)


def make(folder: Path) -> str:
    table = write_catalogue(folder / "catalogue", 0, range(N_ITEMS))
    with Shop.create(folder / "shop", Catalogue.read(table), encoder_a()) as shop:
        rows = [(f"user-{n % 40}", item_id(n % N_ITEMS), 1 + n % 5, n) for n in range(1500)]
        shop.ratings.rate_many(rows)
        shop.ratings.fit("ease")
    (folder / "photo.png").write_bytes(png_of(1, 0))
    return "made"


def serve(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Start `vitrine serve` in a process of its own; return it and the port."""
    (folder / "keys").write_text(line_of(KEY, "write") + "\n")
    command = [sys.executable, "-c", "from vitrine.cli import main; main()", "serve"]
    options = ["--port", "0", "--workers", str(WORKERS), "--keys", str(folder / "keys")]
    options += ["--limit", f"max_requests={MAX_REQUESTS}", "--log-level", "error"]
    with (folder / "log").open("w") as log:
        service = subprocess.Popen([*command, str(folder / "shop"), *options], stderr=log)
    until = time.monotonic() + 60
    while not (said := (folder / "log").read_text()).startswith("http"):
        if service.poll() is not None or time.monotonic() > until:
            raise AssertionError(said)
        time.sleep(0.1)
    return service, int(said.split()[0].rstrip("/").rpartition(":")[2])


def run(folder: Path, seconds: float) -> Soak:
    in_child(folder, make, folder)
    service, port = serve(folder)
    soak = Soak(watch=Watch(service.pid))
    try:
        soak.watch.wait_for(WORKERS, port)
        began = time.monotonic()
        kill_at = began + KILL_AT * seconds
        for phase, share in PHASES.items():
            until = time.monotonic() + share * seconds
            clients = {"overload": OVERLOAD, "rest": 1}.get(phase, EDGE)
            children = crowd(folder, phase, port, clients, until)
            while time.monotonic() < until:
                if kill_at and time.monotonic() > kill_at:
                    soak.watch.kill_one()
                    kill_at = 0.0
                soak.watch.look(phase)
                time.sleep(0.5)
            soak.asked[phase] = gather(children)
        soak.faults += soak.watch.wait_for(WORKERS, port)
    finally:
        service.send_signal(signal.SIGTERM)
        code = service.wait(60)
    if code != 0:
        soak.faults.append(f"the service ended with {code}: {(folder / 'log').read_text()[-2000:]}")
    judge(soak)
    return soak


def judge(soak: Soak) -> None:
    """Add what was not as promised."""
    for phase, asked in soak.asked.items():
        wrong = {one.status for one in asked} - {200, 201, 204, 503}
        # Who was answered by the worker that is killed loses the connection, once each.
        if gone := [one for one in asked if one.status == 0]:
            wrong -= {0} if len(gone) <= OVERLOAD and phase == "at the edge" else set()
        for status in wrong:
            said = next(one for one in asked if one.status == status)
            soak.faults.append(f"{phase}: {said.kind} was answered {status}: {said.text}")
    # Other work on the same cores may come and go: one calm stretch afterwards is back to normal.
    before = median(soak.asked["at the edge"])
    after = min(map(median, stretches(soak.asked["after"])))
    if after > BACK_TO_NORMAL * before:
        soak.faults.append(f"{after:.0f} ms after the overload, {before:.0f} ms before")
    if not any(one.status == 503 for one in soak.asked["overload"]):
        soak.faults.append("the overload was none: nobody was told to come again")
    assert soak.watch is not None
    soak.faults += soak.watch.faults(GROWTH)


def stretches(asked: list[Asked], n: int = 3) -> list[list[Asked]]:
    """Return what was asked in each of `n` parts of the time, one after the other."""
    ordered = sorted(asked, key=lambda one: one.at)
    return [ordered[i * len(ordered) // n : (i + 1) * len(ordered) // n] for i in range(n)]


def median(asked: list[Asked]) -> float:
    fine = [one.ms for one in asked if one.status in (200, 201, 204)]
    return statistics.median(fine) if fine else float("inf")


def table(soak: Soak) -> list[str]:
    lines = ["| phase | clients | answered | a second | 503 | other errors | p50 ms | p99 ms |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for phase, asked in soak.asked.items():
        fine = sorted(one.ms for one in asked if one.status in (200, 201, 204))
        busy = sum(one.status == 503 for one in asked)
        seconds = max((one.at for one in asked), default=0) - min(
            (one.at for one in asked), default=0
        )
        other = len(asked) - len(fine) - busy
        clients = {"overload": OVERLOAD, "rest": 1}.get(phase, EDGE)
        p50, p99 = fine[len(fine) // 2], fine[int(len(fine) * 0.99)]
        lines.append(
            f"| {phase} | {clients} | {len(fine):,} | {len(fine) / max(seconds, 0.1):.0f} | "
            f"{busy:,} | {other} | {p50:.0f} | {p99:.0f} |"
        )
    assert soak.watch is not None
    return [*lines, "", *soak.watch.table()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vitrine-soak-") as folder:
        soak = run(Path(folder), options.seconds)
    print("\n".join(table(soak)))
    print("\n".join(["", *soak.faults]))
    sys.exit(1 if soak.faults else 0)


if __name__ == "__main__":
    main()
