"""What a catalogue is made of: items, where their pictures lie, and what was refused."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Value = str | int | float | bool | dt.date | dt.datetime | None
"""One attribute of one item; None where it is unknown."""

AttributeType = Literal["text", "integer", "number", "boolean", "date"]
"""What an attribute holds; ``date`` is a date or a date with a time of day."""


@dataclass(frozen=True, slots=True)
class PictureRef:
    """Where one picture lies.

    Parameters
    ----------
    path : str
        Absolute path of a picture, or of an IDX file of many.
    row : int, optional
        Which picture of an IDX file, from 0; None for a file that is one picture.
    """

    path: str
    row: int | None = None

    def __str__(self) -> str:
        return self.path if self.row is None else f"{self.path} row {self.row}"


@dataclass(frozen=True, slots=True)
class Item:
    """One item: its id in the shop, its pictures, and what is known about it.

    Parameters
    ----------
    id : str
        The shop's own id.
    pictures : tuple of PictureRef
        At least one.
    attributes : dict of str to Value
        By column name; None where unknown.
    """

    id: str
    pictures: tuple[PictureRef, ...]
    attributes: dict[str, Value]

    def fingerprint(self) -> str:
        """Return 32 hexadecimal digits that change when the item or a picture's file changes.

        Covers the attributes and each picture's path, row, size and time of change (not its
        bytes), so that an unchanged item need not be encoded again.
        """
        attributes = sorted((name, _plain(value)) for name, value in self.attributes.items())
        pictures = [(ref.path, ref.row, *_size_and_time(ref.path)) for ref in self.pictures]
        text = json.dumps([attributes, pictures])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Rejection:
    """One thing that a catalogue refused, and why.

    Parameters
    ----------
    source : str
        The file, or the folder's entry, that it stands in.
    row : int, optional
        The row of a table, from 1 for the first row of data (a header is not counted).
    item_id : str, optional
        The item's id where it is known.
    picture : str, optional
        The picture as the source names it.
    reason : str
        Why, and what to do about it.
    """

    source: str
    row: int | None
    item_id: str | None
    picture: str | None
    reason: str

    def __str__(self) -> str:
        row = "" if self.row is None else f" row {self.row}"
        item = "" if self.item_id is None else f" (item {self.item_id})"
        return f"{self.source}{row}{item}: {self.reason}"


def write_rejected(rejections: Iterable[Rejection], path: str | Path) -> None:
    """Write refusals as a CSV table: source, row, item_id, picture, reason.

    Cells that a spreadsheet would run as a formula get an apostrophe in front
    (https://owasp.org/www-community/attacks/CSV_Injection).
    """
    with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("source", "row", "item_id", "picture", "reason"))
        for r in rejections:
            cells = (r.source, r.row, r.item_id, r.picture, r.reason)
            writer.writerow([_without_formula(cell) for cell in cells])


def _without_formula(cell: str | int | None) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def _plain(value: Value) -> str | int | float | bool | None:
    return value.isoformat() if isinstance(value, dt.date) else value


def _size_and_time(path: str) -> tuple[int, int]:
    try:
        facts = os.stat(path)
    except OSError:
        return -1, -1
    return facts.st_size, facts.st_mtime_ns
