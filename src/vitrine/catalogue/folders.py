"""A folder of pictures, or of class folders, with or without train/validation/test above them.

::

    pictures/a.jpg                  a flat folder
    clothes/shoes/a.jpg             class folders: the attribute `category` is "shoes"
    clothes/train/shoes/a.jpg       parts, each a flat folder or class folders

An item's id is the file's name without its suffix (``a``) where no other file of the source has
that name; where several have it, each is known by its path in the source (``shoes/a.jpg``).
Where single pictures lie beside class folders, the larger group is read and the other is refused.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from vitrine.catalogue.items import Rejection
from vitrine.catalogue.records import Records, attribute_table, single_paths
from vitrine.errors import SourceError

SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .tif .tiff .avif".split()  # noqa: SIM905 - reads better
)
PARTS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
_JUNK = frozenset({"thumbs.db", "desktop.ini", "rejected.csv", "__macosx"})
_PAPERS = ("license", "licence", "copying", "readme", "notice")
_TABLES = (".csv", ".tsv", ".parquet", ".jsonl", ".ndjson")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")


@dataclass
class _Level:
    """What lies directly in one folder."""

    path: str  # relative to the source; "" for the source itself
    pictures: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


@dataclass
class _Found:
    """One picture that will be an item."""

    path: str
    category: str | None
    part: str | None


class _Reader:
    def __init__(self, root: Path) -> None:
        self.root = os.path.realpath(root)
        self.rejected: list[Rejection] = []
        self._levels: dict[str, _Level] = {}

    def refuse(self, path: str, reason: str) -> None:
        self.rejected.append(Rejection(os.path.join(self.root, path), None, None, path, reason))

    def level(self, path: str) -> _Level:
        """List one folder once; refuse what cannot be read."""
        if path in self._levels:
            return self._levels[path]
        level = self._levels[path] = _Level(path)
        try:
            with os.scandir(os.path.join(self.root, path)) as entries:
                for entry in sorted(entries, key=lambda entry: entry.name):
                    if not _is_junk(entry.name):
                        self._sort_in(entry, level)
        except OSError as error:
            self.refuse(path, f"the folder cannot be read ({error.strerror})")
        return level

    def _sort_in(self, entry: os.DirEntry[str], level: _Level) -> None:
        path = os.path.join(level.path, entry.name)
        if (reason := self._reason_against(entry)) is not None:
            self.refuse(path, reason)
        elif entry.is_dir():
            level.folders.append(path)
        else:
            level.pictures.append(path)

    def _reason_against(self, entry: os.DirEntry[str]) -> str | None:
        if any("\ud800" <= letter <= "\udfff" for letter in entry.name):
            return "its name is not valid UTF-8; rename it"
        if entry.is_symlink():
            target = os.path.realpath(entry.path)
            if os.path.commonpath([target, self.root]) != self.root:
                return "a link that leads out of the folder; copy the file itself"
            if not os.path.exists(target):
                return "a link that leads nowhere"
        if entry.is_dir():
            return None
        if not entry.is_file():
            return "not a file"
        return _reason_against_name(entry)

    def below(self, level: _Level, part: str | None) -> Iterator[_Found]:
        """Yield the pictures of a flat folder or of class folders, whichever holds more."""
        classes = [self.level(folder) for folder in level.folders]
        n_in_classes = sum(len(folder.pictures) for folder in classes)
        if len(level.pictures) >= n_in_classes:
            for folder in classes:
                if folder.pictures or folder.folders:
                    self.refuse(folder.path, "a folder beside single pictures; read it by itself")
            yield from (_Found(path, None, part) for path in level.pictures)
            return
        for path in level.pictures:
            self.refuse(path, "it lies beside class folders; move it into one of them")
        for folder in classes:
            for deeper in folder.folders:
                self.refuse(deeper, "a folder inside a class folder; move its pictures up")
            category = os.path.basename(folder.path)
            yield from (_Found(path, category, part) for path in folder.pictures)

    def all(self) -> Iterator[_Found]:
        """Yield every picture, part by part where the folders are parts."""
        top = self.level("")
        filled = [f for f in top.folders if self.level(f).pictures or self.level(f).folders]
        parts = [folder for folder in filled if folder.lower() in PARTS]
        if not parts:
            yield from self.below(top, None)
            return
        if others := sorted(set(filled) - set(parts)):
            raise SourceError(
                f"{self.root}: has the parts {', '.join(parts)} and beside them other folders "
                f"({', '.join(others[:3])}); give one of the folders, or move the others away"
            )
        for path in top.pictures:
            self.refuse(path, f"it lies beside the parts {', '.join(parts)}")
        for folder in sorted(parts, key=lambda name: list(PARTS).index(name.lower())):
            yield from self.below(self.level(folder), PARTS[folder.lower()])


def read_folder(root: Path) -> Records:
    """Return the pictures of a folder.

    Files that are plainly no part of it are passed over: hidden ones, what operating systems leave
    behind, ``rejected.csv``, licences and read-me files.

    Raises
    ------
    SourceError
        If there is no picture in it, or parts lie beside other folders.
    """
    reader = _Reader(root)
    found = list(reader.all())
    if not found:
        reasons = f"; {len(reader.rejected)} refused, first: {reader.rejected[0]}" * bool(
            reader.rejected
        )
        raise SourceError(
            f"{root}: there are no pictures in it (looked for pictures, folders of pictures, and "
            f"train/validation/test folders of either){reasons}"
        )
    part_names = tuple(dict.fromkeys(item.part for item in found if item.part is not None))
    codes = {name: code for code, name in enumerate(part_names)}
    columns = {}
    if any(item.category is not None for item in found):
        columns["category"] = pa.array([item.category for item in found], pa.large_string())
    return Records(
        source=reader.root,
        ids=pa.array(_ids([item.path for item in found]), pa.large_string()),
        paths=single_paths([item.path for item in found]),
        root=reader.root,
        attributes=attribute_table(columns, len(found)),
        schema={"category": "text"} if columns else {},
        part_codes=np.array([codes[i.part] for i in found if i.part is not None], np.int8)
        if part_names
        else None,
        part_names=part_names,
        rejected=reader.rejected,
    )


def _ids(paths: list[str]) -> list[str]:
    stems = [os.path.splitext(os.path.basename(path))[0] for path in paths]
    counts = Counter(stems)
    return [
        stem if counts[stem] == 1 else path.replace(os.sep, "/")
        for stem, path in zip(stems, paths, strict=True)
    ]


def _is_junk(name: str) -> bool:
    lower = name.lower()
    return lower.startswith((".", *_PAPERS)) or lower in _JUNK


def _reason_against_name(entry: os.DirEntry[str]) -> str | None:
    suffix = os.path.splitext(entry.name)[1].lower()
    if suffix in SUFFIXES:
        return None
    if suffix in _TABLES:
        return "a table; to read it, give it instead of its folder"
    if suffix and not suffix[1:].isdigit():
        return f"not a picture by its name ({suffix})"
    try:
        with open(entry.path, "rb") as file:
            return None if file.read(8).startswith(_MAGIC) else "not a picture, by how it begins"
    except OSError as error:
        return f"it cannot be opened ({error.strerror})"
