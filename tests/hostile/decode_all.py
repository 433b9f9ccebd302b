"""Decode every file of a folder in this process; say of each what came, how long, how much memory.

Run as ``python -m tests.hostile.decode_all FOLDER``: a process of its own, so that a picture that
takes it down, or all memory, is seen as one that did.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from vitrine.catalogue import PictureRef, decode
from vitrine.errors import PictureError


def memory(what: str) -> float:
    """Return this process's memory in MB: ``VmRSS`` now, ``VmHWM`` the most since `forget`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1e3
    raise LookupError(what)


def forget() -> None:
    """Make the most memory be counted from now on (proc(5), ``clear_refs``)."""
    Path("/proc/self/clear_refs").write_text("5")


def outcome(path: Path) -> dict[str, object]:
    """Decode one file."""
    forget()
    before, started = memory("VmRSS"), time.process_time()
    try:
        said, shape = None, decode(PictureRef(str(path))).shape
    except PictureError as error:
        said, shape = str(error), None
    return {
        "name": path.name,
        "seconds": time.process_time() - started,
        "megabytes": memory("VmHWM") - before,
        "said": said,
        "shape": shape,
    }


if __name__ == "__main__":
    for path in sorted(Path(sys.argv[1]).iterdir()):
        print(json.dumps(outcome(path)), flush=True)
