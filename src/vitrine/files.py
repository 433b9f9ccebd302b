"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vitrine.errors import DiskFullError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Libraries that write by themselves (HDF5, NumPy) say it in words, without the number.
_NO_ROOM_WORDS = ("No space left", "File too large", "quota exceeded", "requested and")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give another name to write to, beside `path`, which becomes `path` if all goes well.

    It is on the disk, not only in the system's memory, before it gets its name. What was at `path`
    before stays there until then, and for good where writing fails.

    Raises
    ------
    DiskFullError
        If there is no room for it.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part{path.suffix}")
    try:
        with room_for(path):
            yield part
            flush_to_disk(part)
            os.replace(part, path)
            flush_to_disk(path.parent)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Turn what the system says when a disk is full into an error that says what to do.

    Raises
    ------
    DiskFullError
        If there is no room to write `path`.
    """
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise no_room(path) from error


def is_disk_full(error: OSError) -> bool:
    """Tell whether an error means that there is no room: a full disk, a quota, a size limit."""
    if error.errno in _NO_ROOM:
        return True
    return any(words in str(error) for words in _NO_ROOM_WORDS)


def no_room(where: str | Path) -> DiskFullError:
    """Return the error that says so of `where`, and what to do."""
    return DiskFullError(
        f"{where}: there is no room left on the disk; what was stored before is kept: make room, "
        "then run the same command again"
    )


def reserve(beside: Path, n_bytes: int, after: int = 0) -> None:
    """See that `n_bytes` can be written beside a file; for libraries that do not survive it if not.

    Parameters
    ----------
    beside : Path
    n_bytes : int
    after : int
        How large the file is that will grow by so much: a limit on the size of files counts both.

    Raises
    ------
    OSError
        If there is no room; see `is_disk_full`.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    tried = beside.with_name(f".{beside.name}.room")
    descriptor = os.open(tried, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        os.posix_fallocate(descriptor, after, n_bytes)
    finally:
        os.close(descriptor)
        tried.unlink()


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or the names in a directory, would survive a power cut."""
    if os.name == "nt" and path.is_dir():  # Windows opens no directory
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
