"""Replays what was acknowledged, and holds what was read and what is left against it."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Write:
    """A write that was acknowledged. `picture` is the rating where that is what was written."""

    writer: int
    item: int
    kind: str
    version: int
    picture: int
    began: float
    ended: float


@dataclass(frozen=True)
class Read:
    """What a reader saw of an item; a version of -1: it was not there."""

    reader: int
    item: int
    version: int
    torn: bool
    anew: bool
    began: float
    ended: float


@dataclass
class Replay:
    """What the replay found."""

    writes: int = 0
    reads: int = 0
    lag: str = ""
    lost: int = 0
    torn: int = 0
    back: int = 0
    faults: list[str] = field(default_factory=list)

    def counts(self) -> str:
        return f"{self.lost} · {self.torn} · {self.back}"


def replay(
    writes: Sequence[Write], reads: Sequence[Read], final: dict[str, Any], fresh: float
) -> Replay:
    """Return every way in which reads and final state contradict the log of writes.

    Parameters
    ----------
    writes, reads : sequence
        Of all processes, with times of one clock.
    final : dict
        The ``versions`` and ``ratings`` that are there in the end, and the shop's ``problems``.
    fresh : float
        Seconds after which a following reader must have seen a write.
    """
    found = Replay(writes=len(writes), reads=len(reads))
    found.faults += final["problems"]
    of_item = defaultdict(list)
    rated = defaultdict(list)
    for write in sorted(writes, key=lambda one: one.ended):
        (rated if write.kind == "rating" else of_item)[write.item].append(write)
    _judge_end(of_item, rated, final, found)
    _judge_reads(of_item, reads, fresh, found)
    return found


def _judge_end(of_item: Any, rated: Any, final: dict[str, Any], found: Replay) -> None:
    for item, log in of_item.items():
        left = final["versions"].get(str(item), -1)
        possible = {_seen_as(one) for one in log if not _overwritten(one, log)}
        if left not in possible:
            found.lost += 1
            found.faults.append(f"item {item} ends as {left}, not as one of {sorted(possible)}")
    for item, log in rated.items():
        if final["ratings"][str(item)] != [log[-1].picture]:
            found.lost += 1
            found.faults.append(f"the rating of {item} is {final['ratings'][str(item)]}")


def _overwritten(write: Write, log: Sequence[Write]) -> bool:
    """Tell whether another write of the item began when this one was done already."""
    return any(other.began > write.ended for other in log)


def _judge_reads(of_item: Any, reads: Sequence[Read], fresh: float, found: Replay) -> None:
    last: dict[tuple[int, int], int] = {}
    writers = {item: {one.writer for one in log} for item, log in of_item.items()}
    lags = []
    for read in sorted(reads, key=lambda one: one.ended):
        log = of_item.get(read.item, [])
        if read.torn:
            found.torn += 1
            found.faults.append(f"reader {read.reader}: item {read.item} is torn: {read}")
        if len(writers.get(read.item, ())) > 1:  # their versions are in no order
            if not any(_possible(read, one, log, fresh) for one in [None, *log]):
                found.lost += 1
                found.faults.append(f"nobody can have seen this: {read}")
            continue
        before = last.get((read.reader, read.item), 0)
        if -1 < read.version < before:
            found.back += 1
            found.faults.append(
                f"reader {read.reader}: item {read.item} fell from {before}: {read}"
            )
        last[read.reader, read.item] = max(before, read.version)
        _judge_freshness(read, log, fresh, lags, found)
    lags.sort()
    if lags:
        found.lag = f"{lags[len(lags) // 2]:.2f} · {lags[-1]:.2f}"


def _judge_freshness(
    read: Read, log: Sequence[Write], fresh: float, lags: list[float], found: Replay
) -> None:
    """See that a read of an item with one writer is of a write that was, and not of an old one."""
    seen = [n for n, one in enumerate(log) if _seen_as(one) == read.version]
    # The initial state is version 0; `log` holds what came after it.
    position = max((n for n in seen if log[n].began <= read.ended), default=-1)
    if position == -1 and read.version != 0:
        found.lost += 1
        found.faults.append(f"nobody had written this yet: {read}")
        return
    done = bisect_right([one.ended for one in log], read.began) - 1
    if position >= done:
        return
    late = read.began - log[position + 1].ended
    lags.append(late)
    if late > (0.0 if read.anew else fresh):
        found.lost += 1
        found.faults.append(f"{late:.2f} s after another write it still is as before: {read}")


def _possible(read: Read, write: Write | None, log: Sequence[Write], fresh: float) -> bool:
    """Tell whether a read of an item with several writers can be of this write (None: of none)."""
    limit = read.began - (0.0 if read.anew else fresh)
    if write is None:
        return read.version == 0 and all(one.ended > limit for one in log)
    if _seen_as(write) != read.version or write.began > read.ended:
        return False
    return not any(other.began > write.ended and other.ended < limit for other in log)


def _seen_as(write: Write) -> int:
    return -1 if write.kind == "remove" else write.version
