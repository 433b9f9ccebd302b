"""Whether a large array will fit, asked before it is made."""

from __future__ import annotations

import os
from pathlib import Path

from vitrine.errors import InputError

SPARE = 0.9
"""Share of the free memory that one model may take."""
_MEMINFO = Path("/proc/meminfo")


def free_bytes() -> int | None:
    """Return the memory that can still be had, in bytes; None where the system does not tell."""
    try:
        for line in _MEMINFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except OSError:
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def check_fits(needed: int, what: str, instead: str) -> None:
    """Refuse what would not fit into memory.

    Parameters
    ----------
    needed : int
        Bytes.
    what, instead : str
        What needs them, and what to choose instead, for the message.

    Raises
    ------
    InputError
        If fewer are free.
    """
    free = free_bytes()
    if free is not None and needed > SPARE * free:
        raise InputError(
            f"{what} needs {needed / 2**30:.1f} GB of memory and {free / 2**30:.1f} GB are free; "
            f"choose {instead}"
        )
