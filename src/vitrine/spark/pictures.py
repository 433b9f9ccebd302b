"""From a table's cell to a decoded picture, on an executor: bytes, a path, or an address of a file.

The rules are those of one machine: a picture lies below the table's folder or the folder of
pictures, and nowhere else; sizes are looked at before anything is read; no web address is fetched.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs

from vitrine.catalogue.decoding import Limits, Picture, decode, decode_bytes
from vitrine.catalogue.finder import PictureFinder
from vitrine.catalogue.items import PictureRef
from vitrine.errors import PictureError

WEB = ("http", "https", "ftp", "data")
_ARROW_SCHEMES = {"s3a": "s3", "s3n": "s3"}
"""What Hadoop calls file systems that Arrow knows by another name."""


@dataclass(frozen=True)
class Place:
    """Where the pictures of a table may lie.

    Attributes
    ----------
    table : str
        The table's folder: an absolute path, or an address such as ``s3a://bucket/shop``.
    pictures : str, optional
        The folder that relative paths start at; by default the table's.
    """

    table: str
    pictures: str | None = None

    @property
    def base(self) -> str:
        """Where relative paths start."""
        return self.pictures or self.table


class Opener:
    """Opens pictures in one worker.

    Parameters
    ----------
    place : Place
    limits : Limits
    cover : int
        Shorter side, in pixels, that a decoder must keep.
    """

    def __init__(self, place: Place, limits: Limits, cover: int) -> None:
        self._place, self._limits, self._cover = place, limits, cover
        self._finder: PictureFinder | None = None
        self._systems: dict[str, Any] = {}

    def locate(self, name: str) -> str:
        """Return a picture's absolute path or address.

        Raises
        ------
        PictureError
            If it may not be opened, or is not there.
        """
        name = without_file_scheme(name)
        if scheme_of(name) in WEB:
            raise PictureError("an address: pictures are not fetched; save it where pictures lie")
        if not scheme_of(name) and not scheme_of(self._place.base):
            finder = self._local()
            return os.path.join(finder.base, finder.find(name))
        address = name if scheme_of(name) else f"{self._place.base.rstrip('/')}/{name}"
        allowed = [f"{folder.rstrip('/')}/" for folder in (self._place.base, self._place.table)]
        scheme, _, rest = address.partition("://")
        inside = posixpath.normpath(rest)
        if not any(
            scheme_of(folder) == scheme.lower() and inside.startswith(folder.split("://", 1)[1])
            for folder in allowed
        ):
            raise PictureError(f"it lies outside of {' and '.join(sorted(set(allowed)))}")
        return f"{scheme}://{inside}"

    def decode(self, cell: str | bytes, name: str) -> Picture:
        """Return the picture that a cell holds or names by what `locate` returned.

        Raises
        ------
        PictureError
            If it is not there, or refused.
        """
        if isinstance(cell, bytes):
            return decode_bytes(cell, cover=self._cover, limits=self._limits, name=name)
        if scheme_of(cell):
            data = self._read(cell)
            return decode_bytes(data, cover=self._cover, limits=self._limits, name=cell)
        return decode(PictureRef(cell), cover=self._cover, limits=self._limits)

    def _local(self) -> PictureFinder:
        if self._finder is None:
            folder = self._place.pictures
            pictures = None if folder is None else Path(folder)
            self._finder = PictureFinder(Path(self._place.table), pictures)
        return self._finder

    def _read(self, address: str) -> bytes:
        scheme, _, rest = address.partition("://")
        try:
            if scheme not in self._systems:
                self._systems[scheme] = file_system(address)
            system = self._systems[scheme]
            [facts] = system.get_file_info([rest if scheme != "file" else f"/{rest.lstrip('/')}"])
            if facts.type != fs.FileType.File:
                raise PictureError(f"{address}: there is no such picture")
            if facts.size > self._limits.max_bytes:
                raise PictureError(
                    f"{address}: {facts.size / 1e6:.1f} MB, over the limit of "
                    f"{self._limits.max_bytes / 1e6:g} MB"
                )
            with system.open_input_file(facts.path) as file:
                data: bytes = file.read()
                return data
        except (pa.ArrowException, OSError) as error:
            raise PictureError(f"{address}: it cannot be read ({error})") from error


def file_system(address: str) -> Any:
    """Return the file system of an address as Arrow opens it.

    Raises
    ------
    pyarrow.ArrowException, OSError
        If Arrow does not know it, or it cannot be reached.
    """
    scheme, _, rest = address.partition("://")
    return fs.FileSystem.from_uri(f"{_ARROW_SCHEMES.get(scheme, scheme)}://{rest}")[0]


def without_file_scheme(name: str) -> str:
    """Return ``/a/b`` of ``file:///a/b``, and anything else as it is."""
    return name.removeprefix("file://") if name.startswith("file:///") else name


def scheme_of(name: str) -> str:
    """Return ``s3a`` of ``s3a://bucket/…``; "" of a path."""
    scheme, separator, _ = name.partition("://")
    if separator and scheme.replace("+", "").replace("-", "").isalnum():
        return scheme.lower()
    return "data" if name.startswith("data:") else ""
