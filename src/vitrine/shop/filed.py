"""A folder of arrays that says by itself whether it is whole."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from vitrine.files import flush_to_disk, written_whole

_BLOCK = 2**26
"""Bytes a checksum stands for."""

_PIECE = 2**20


@dataclass(frozen=True)
class Filed:
    """What lies in a `FiledFolder`.

    Attributes
    ----------
    folder : Path
    notes : dict
        What was noted beside the files.
    files : dict
        Size and checksums of each.
    """

    folder: Path
    notes: dict[str, Any]
    files: dict[str, Any] = field(repr=False)

    def whole(self) -> bool:
        """Tell whether every file is there as it was written."""
        try:
            return all(
                (self.folder / name).stat().st_size == file["size"]
                and _checksums(self.folder / name, file["counting"]) == file["checksums"]
                for name, file in self.files.items()
            )
        except OSError:
            return False


class FiledFolder:
    """One folder of files at a time, named by a manifest that is replaced in one step.

    Whoever reads finds the files that belong together, or none. Files that a process has mapped
    stay for as long as it has them, also when others have taken their place.

    Parameters
    ----------
    home : Path
        Where folders and manifest lie; made when something is written.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._manifest = home / "manifest.json"

    def draft(self) -> Path:
        """Make a folder to write files to, for `publish`."""
        draft = self._home / uuid4().hex
        draft.mkdir(parents=True)
        return draft

    def publish(self, draft: Path, notes: Mapping[str, Any], sizes: Mapping[str, int]) -> None:
        """Let a draft be what is read from now on, and remove all other folders.

        Parameters
        ----------
        draft : Path
        notes : mapping
            What is to be known beside the files, as JSON can hold it.
        sizes : mapping
            How many bytes of a file count, where not all of them do.
        """
        files = {}
        for path in sorted(draft.iterdir()):
            flush_to_disk(path)
            counting = sizes.get(path.name, path.stat().st_size)
            files[path.name] = {"size": path.stat().st_size, "counting": counting,
                                "checksums": _checksums(path, counting)}  # fmt: skip
        flush_to_disk(draft)
        content = json.dumps({"folder": draft.name, "files": files, "notes": notes})
        with written_whole(self._manifest) as part:
            part.write_text(f"{zlib.crc32(content.encode()):08x}\n{content}")
        for other in self._home.iterdir():
            if other.is_dir() and other != draft:
                shutil.rmtree(other, ignore_errors=True)

    def find(self) -> Filed | None:
        """Return what lies there; None if there is nothing or its manifest is damaged."""
        try:
            checksum, _, content = self._manifest.read_bytes().partition(b"\n")
        except OSError:
            return None
        if checksum != b"%08x" % zlib.crc32(content):
            return None
        manifest = json.loads(content)
        return Filed(self._home / manifest["folder"], manifest["notes"], manifest["files"])


def _checksums(path: Path, size: int) -> list[int]:
    """Return a checksum for each 64 MB of a file's first `size` bytes, two at a time."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda start: _checksum(path, start, size), range(0, size, _BLOCK)))


def _checksum(path: Path, start: int, size: int) -> int:
    checksum, left = 0, min(_BLOCK, size - start)
    # Read, not mapped: pages that only the check touches need not count as the process's.
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        piece = memoryview(bytearray(_PIECE))
        while left > 0:
            n = file.readinto(piece[: min(left, _PIECE)])
            if not n:
                raise OSError(f"{path}: ends too early")
            checksum, left = zlib.crc32(piece[:n], checksum), left - n
    return checksum
