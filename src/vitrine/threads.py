"""How many threads this process may use for its work: all its cores, unless it is told fewer.

Several workers on one machine, as a cluster's executors are, would otherwise each take all of them.
"""

from __future__ import annotations

import os

_limit: int | None = None


def limit_threads(n: int) -> None:
    """Let this process use at most `n` threads at once from now on, 1 or more.

    Sessions and pools that are there already keep theirs.
    """
    global _limit
    _limit = max(1, n)


def thread_limit() -> int | None:
    """Return what `limit_threads` has set; None where nothing has."""
    return _limit


def available_threads() -> int:
    """Return how many cores this process may run on, or what it is limited to, if that is less."""
    affinity = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if affinity else os.cpu_count() or 1
    return cores if _limit is None else min(cores, _limit)
