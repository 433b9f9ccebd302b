"""An index as files: written while it is searched, mapped into memory where it is wanted again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import write_array_header_2_0
from numpy.typing import NDArray

from vitrine.index.inverted_file import InvertedFile
from vitrine.index.rows import Rows
from vitrine.topk import Metric

VECTORS, NORMS, LIVE, FILE = "vectors.npy", "norms.npy", "live.npy", "lists.faiss"

_BLOCK = 16_384
"""Rows written at once."""


@dataclass(frozen=True)
class KeptIndex:
    """What `keep` has written, and what it has not yet.

    Attributes
    ----------
    notes : dict
        What `load` needs beside the files, as JSON can hold it.
    write_vectors : callable
        Writes the largest of the files. Rows may be upserted meanwhile: those are then written as
        they were or as they are, so whoever loads the files must upsert them again.
    """

    notes: dict[str, Any]
    write_vectors: Callable[[], None]


def keep(rows: Rows, file: InvertedFile | None, folder: Path) -> KeptIndex:
    """Write all of an index but its vectors to `folder`; nothing may change meanwhile."""
    np.save(folder / NORMS, rows.squared_norms)
    np.save(folder / LIVE, rows.live)
    notes = {"file": None if file is None else file.save(folder / FILE)}
    vectors = rows.vectors
    return KeptIndex(notes, lambda: _write_with_room(folder / VECTORS, vectors))


def load(folder: Path, metric: Metric, notes: dict[str, Any]) -> tuple[Rows, InvertedFile | None]:
    """Rebuild what `keep` wrote, the vectors mapped.

    Processes that load the same files share their pages. A row that is written to becomes a page
    of the process's own; the files never change.
    """
    room = np.load(folder / VECTORS, mmap_mode="c", allow_pickle=False)
    norms, live = (np.load(folder / name, allow_pickle=False) for name in (NORMS, LIVE))
    # A plain array over the mapping: numpy's own class makes every slice slower.
    rows = Rows.over(room.view(np.ndarray), norms, live)
    file = notes["file"]
    if file is None:
        return rows, None
    return rows, InvertedFile.load(folder / FILE, rows, metric, file)


def bytes_that_count(path: Path) -> int:
    """Return how many of a kept file's bytes mean anything: the rest is room for more rows."""
    if path.name != VECTORS:
        return path.stat().st_size
    live = np.load(path.with_name(LIVE), mmap_mode="r", allow_pickle=False)
    room = np.load(path, mmap_mode="r", allow_pickle=False)
    counting: int = room.offset + len(live) * room.shape[1] * room.itemsize
    return counting


def _write_with_room(path: Path, vectors: NDArray[np.float32]) -> None:
    """Write vectors (n, d) as the beginning of a larger array, whose rest takes no disk.

    So rows can be appended to the mapped array without copying all of it. Plain writes: where the
    disk is full they fail, while storing to a mapped file would end the process.
    """
    n, d = vectors.shape
    shape = (n + n // 4 + 1024, d)
    with path.open("wb") as out:
        write_array_header_2_0(out, {"descr": "<f4", "fortran_order": False, "shape": shape})
        start = out.tell()
        for first in range(0, n, _BLOCK):
            out.write(np.ascontiguousarray(vectors[first : first + _BLOCK]).data)
        out.truncate(start + shape[0] * d * 4)
