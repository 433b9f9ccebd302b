"""IDX files, the format of MNIST and its relatives, gzip-compressed or not.

The format: two zero bytes, a type code, the number of dimensions, each dimension as a big-endian
32-bit integer, then the data (http://yann.lecun.com/exdb/mnist/, "The IDX file format"). Only
unsigned bytes (code 8) are read: pictures and class labels need no other.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import SourceError

_UNSIGNED_BYTE = 8
_MAX_BYTES = 8 * 2**30


def read_idx(path: str | Path) -> NDArray[np.uint8]:
    """Return an IDX file's array, read-only.

    A file that is not compressed is mapped, not read. The arrays of the last few files are kept,
    for as long as the files do not change.

    Parameters
    ----------
    path : str or Path
        With or without ``.gz``; what decides is how the file begins.

    Raises
    ------
    SourceError
        If the file is missing, is not IDX, holds something other than bytes, or is truncated.
    """
    try:
        facts = os.stat(path)
        return _read(str(path), facts.st_size, facts.st_mtime_ns)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path}: cannot be read ({error}); fetch the file again") from error


def read_idx_bytes(path: str | Path) -> tuple[bytes, memoryview]:
    """Return what the file is when not compressed: its header, and its data.

    Raises
    ------
    SourceError
        As `read_idx`.
    """
    array = read_idx(path)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    return header, array.reshape(-1).data


def is_idx(path: str | Path) -> bool:
    """Tell whether a file begins as an IDX file of bytes does."""
    try:
        with _open(str(path)) as file:
            head = file.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(head) == 4 and head[:3] == bytes([0, 0, _UNSIGNED_BYTE]) and 1 <= head[3] <= 4


def _open(path: str) -> BinaryIO:
    with open(path, "rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path, "rb") if compressed else open(path, "rb"))


@lru_cache(maxsize=8)
def _read(path: str, size: int, changed: int) -> NDArray[np.uint8]:
    with _open(path) as file:
        shape = _shape(file, path)
        count = math.prod(shape)
        if isinstance(file, gzip.GzipFile):
            content = file.read(count + 1)
            array = np.frombuffer(content, np.uint8)
            found = len(content)
        else:
            found = size - 4 - 4 * len(shape)
            array = (
                np.memmap(path, np.uint8, "r", 4 + 4 * len(shape)) if found else np.empty(0, "u1")
            )
    if found != count:
        many = "more" if found > count else "fewer"
        raise SourceError(
            f"{path}: its header says {count} bytes of data, there are {many}; fetch it again"
        )
    return array.reshape(shape)


def _shape(file: BinaryIO, path: str) -> tuple[int, ...]:
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or not 1 <= head[3] <= 4:
        raise SourceError(f"{path}: this is not an IDX file (see yann.lecun.com/exdb/mnist)")
    if head[2] != _UNSIGNED_BYTE:
        raise SourceError(f"{path}: its values are not unsigned bytes (type code {head[2]})")
    sizes = file.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise SourceError(f"{path}: it ends inside its header; fetch it again")
    shape = struct.unpack(f">{head[3]}I", sizes)
    if math.prod(shape) > _MAX_BYTES:
        raise SourceError(f"{path}: its header says {shape}, over {_MAX_BYTES >> 30} GiB")
    return shape
