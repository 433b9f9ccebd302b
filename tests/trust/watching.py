"""What the processes of a service take: memory, file descriptors, threads."""

from __future__ import annotations

import os
import signal
import statistics
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MB = 1e6
AFTER = "after"
CALM = ("at the edge", AFTER)
GETTING_WARM = 0.4
"""The share of a new worker's life in which its memory fills."""


@dataclass(frozen=True)
class Taken:
    """What a process took at one moment."""

    phase: str
    megabytes: float
    files: int
    threads: int


class Watch:
    """Looks at the workers of a service, the children of one process.

    Parameters
    ----------
    pid : int
        Of the process that starts the workers anew.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: dict[int, list[Taken]] = defaultdict(list)
        self.killed: int | None = None
        self.replaced_after: float | None = None
        self._killed_at = 0.0

    def workers(self) -> list[int]:
        """Return the processes that serve; the one that watches over them is none of them."""
        try:
            text = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text()
        except OSError:
            return []
        return [pid for pid in map(int, text.split()) if _megabytes(pid) > 40]

    def wait_for(self, n: int, port: int, seconds: float = 120.0) -> list[str]:
        """Wait until so many workers are there and answer; return what is wrong if not."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if len(self.workers()) >= n and _answers(port):
                return []
            time.sleep(0.2)
        return [f"there are {len(self.workers())} workers, not {n}, after {seconds:.0f} s"]

    def kill_one(self) -> None:
        """Kill a worker as the system does."""
        [self.killed, *_] = sorted(self.workers(), reverse=True)
        self._killed_at = time.monotonic()
        os.kill(self.killed, signal.SIGKILL)

    def look(self, phase: str) -> None:
        """Note what each worker takes now."""
        for pid in self.workers():
            try:
                files = len(os.listdir(f"/proc/{pid}/fd"))
                threads = len(os.listdir(f"/proc/{pid}/task"))
            except OSError:  # it has just ended
                continue
            self._seen[pid].append(Taken(phase, _megabytes(pid), files, threads))
            if self.killed is not None and self.replaced_after is None and pid > self.killed:
                self.replaced_after = time.monotonic() - self._killed_at

    def rows(self) -> list[tuple[int, Taken, Taken]]:
        """Return for each worker what it took when it was warm, and at the end (medians).

        Files are compared after the overload only: how many connections there were at most decides
        how many are kept to the database.
        """
        rows = []
        for pid, seen in self._seen.items():
            calm = [one for one in seen if one.phase in CALM]
            if self.killed is not None and pid > self.killed:
                calm = calm[int(len(calm) * GETTING_WARM) :]
            if len(calm) < 6 or pid == self.killed:
                continue
            part = max(3, len(calm) // 5)
            files = [one.files for one in calm if one.phase == AFTER] or [0]
            third = max(1, len(files) // 3)
            warm = Taken("warm", _middle(one.megabytes for one in calm[:part]),
                         int(_middle(files[:third])), calm[part - 1].threads)  # fmt: skip
            end = Taken("end", _middle(one.megabytes for one in calm[-part:]),
                        int(_middle(files[-third:])), calm[-1].threads)  # fmt: skip
            rows.append((pid, warm, end))
        return rows

    def faults(self, growth: float) -> list[str]:
        found = []
        rows = self.rows()
        if not rows:
            found.append("no worker lived long enough to be judged")
        for pid, warm, end in rows:
            if end.megabytes > warm.megabytes * (1 + growth):
                found.append(f"{pid} grew from {warm.megabytes:.0f} to {end.megabytes:.0f} MB")
            if end.files > warm.files + 3:
                found.append(f"{pid} had {warm.files} files open, then {end.files}")
        if self.killed is not None and self.replaced_after is None:
            found.append("the worker that was killed was not replaced")
        return found

    def table(self) -> list[str]:
        lines = ["| worker | MB, warm | MB, end | growth | files open, warm · end | threads |",
                 "|---|---:|---:|---:|---:|---:|"]  # fmt: skip
        for number, (_, warm, end) in enumerate(self.rows(), 1):
            growth = f"{end.megabytes / warm.megabytes - 1:+.1%}"
            lines.append(
                f"| {number} | {warm.megabytes:.0f} | {end.megabytes:.0f} | {growth} | "
                f"{warm.files} · {end.files} | {end.threads} |"
            )
        if self.replaced_after is not None:
            after = f"{self.replaced_after:.1f} s"
            lines += ["", f"one worker was killed; another was there after {after}"]
        return lines


def _middle(values: Iterable[float]) -> float:
    return float(statistics.median(values))


def _megabytes(pid: int) -> float:
    """Return the memory that a process alone has, without what it shares with its parent."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Private_"):
                total += int(line.split()[1])
    except OSError:
        return 0.0
    return total * 1024 / MB


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except OSError:
        return False
