"""Ratings from files: CSV, Parquet, JSON Lines, MovieLens and Amazon reviews as they are.

Text files may be gzipped (``.gz``). A bad row is refused with its number and the reason; the rest
is read. Ids in text formats stay text: ``"0042"`` is not ``42``.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from vitrine.errors import RowError, SourceError
from vitrine.ratings.ids import can_be_stored
from vitrine.ratings.interactions import (
    MAX_RATING,
    Duplicates,
    Feedback,
    Interactions,
    known_times,
)

Row = tuple[int, Mapping[str, Any]]
MOVIELENS_COLUMNS = ("user", "item", "rating", "timestamp")
GUESSES = {
    "user": "user userid reviewerid customer customerid client clientid buyer",
    "item": "item itemid movieid asin product productid article articleid sku isbn bookid",
    "rating": "rating ratings overall score stars value weight count quantity plays",
    "timestamp": "timestamp unixreviewtime time datetime date at ratedat createdat",
}
_MAX_INT64 = 2**63 - 1


class Rejected(NamedTuple):
    """One refused row: its number in the file (1 is the first) and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Columns:
    """The columns to read; None: guessed from the file's own names.

    Parameters
    ----------
    user, item, rating, timestamp : str, optional
        Names as the file spells them. Without a rating column, feedback must be implicit.
    """

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    timestamp: str | None = None

    def resolve(self, names: Sequence[str], where: str) -> Columns:
        """Return the columns found among `names`.

        Raises
        ------
        SourceError
            If a named column is missing, or user or item cannot be guessed.
        """
        found = {role: _find(role, getattr(self, role), names, where) for role in GUESSES}
        for role in ("user", "item"):
            if found[role] is None:
                raise SourceError(
                    f"{where}: no column looks like the {role} (there are: {', '.join(names)}); "
                    "name it"
                )
        return Columns(**found)


def _find(role: str, named: str | None, names: Sequence[str], where: str) -> str | None:
    if named is not None:
        if named not in names:
            raise SourceError(f"{where}: no column {named!r}; there are: {', '.join(names)}")
        return named
    return guess(GUESSES[role], names)


def guess(usual: str, names: Sequence[str]) -> str | None:
    """Return the first of `names` that is one of the `usual` ones, in these words' order."""
    by_key = {_key(name): name for name in reversed(names)}
    return next((by_key[word] for word in usual.split() if word in by_key), None)


def _key(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


@dataclass(frozen=True)
class Reading:
    """What a file gave: the interactions, and the rows that were refused."""

    interactions: Interactions
    rejected: list[Rejected]


def read_interactions(
    path: str | Path,
    columns: Columns | None = None,
    *,
    feedback: Feedback = "explicit",
    duplicates: Duplicates | None = None,
) -> Reading:
    """Read ratings from a file; its kind is told by its name.

    ``.csv``, ``.tsv``, ``.parquet``, ``.jsonl`` or ``.json`` (one object a line; Amazon's review
    files are that), ``.dat`` (MovieLens, ``::`` between fields), ``.data``, ``.base``, ``.test``
    (MovieLens 100k, tabs, no header); each but Parquet also with ``.gz``.

    Parameters
    ----------
    path : str or Path
    columns : Columns, optional
        Columns by name; guessed where not given.
    feedback, duplicates
        As `Interactions.from_arrays`.

    Raises
    ------
    SourceError
        If the file is missing, of an unknown kind, lacks a column, or has no good row.
    """
    source = Path(path)
    if not source.is_file():
        raise SourceError(f"{source}: there is no such file")
    suffixes = [suffix.lower() for suffix in source.suffixes if suffix.lower() != ".gz"]
    reader = _READERS.get(suffixes[-1] if suffixes else "")
    if reader is None:
        raise SourceError(f"{source}: unknown kind of file; known: {', '.join(_READERS)}")
    try:
        kept, rejected = _collect(reader(source), columns or Columns(), str(source), feedback)
    except (
        OSError,
        EOFError,
        zlib.error,
        csv.Error,
        UnicodeDecodeError,
        pa.ArrowException,
    ) as error:
        raise SourceError(f"{source}: cannot be read ({error})") from error
    if not kept:
        first = f"; row {rejected[0].row}: {rejected[0].reason}" if rejected else ""
        raise SourceError(f"{source}: there is no rating in it{first}")
    users, items, ratings, times = zip(*kept, strict=True)
    interactions = Interactions.from_arrays(
        users, items, ratings, known_times(times), feedback=feedback, duplicates=duplicates
    )
    return Reading(interactions, rejected)


def _collect(
    rows: Iterator[Row | Rejected], columns: Columns, where: str, feedback: Feedback
) -> tuple[list[tuple[Any, Any, float, int | None]], list[Rejected]]:
    kept: list[tuple[Any, Any, float, int | None]] = []
    rejected: list[Rejected] = []
    found: Columns | None = None
    for entry in rows:
        if isinstance(entry, Rejected):
            rejected.append(entry)
            continue
        number, row = entry
        if found is None:
            found = columns.resolve(list(row), where)
            if found.rating is None and feedback == "explicit":
                raise SourceError(f"{where}: no column looks like the rating; name it, or say "
                                  "feedback='implicit'")  # fmt: skip
        try:
            kept.append(_parse(row, found, feedback))
        except RowError as error:
            rejected.append(Rejected(number, str(error)))
    return kept, rejected


def _parse(
    row: Mapping[str, Any], columns: Columns, feedback: Feedback
) -> tuple[Any, Any, float, int | None]:
    user = _parse_id(row.get(columns.user or ""), "user")
    item = _parse_id(row.get(columns.item or ""), "item")
    rating = 1.0 if columns.rating is None else _parse_rating(row.get(columns.rating))
    if feedback == "implicit" and rating <= 0:
        raise RowError(f"the weight {rating} is not above 0")
    time = None if columns.timestamp is None else _parse_time(row.get(columns.timestamp))
    return user, item, rating, time


def _parse_id(value: Any, role: str) -> str | int | float:
    if value is None or value == "" or value != value:
        raise RowError(f"the {role} is missing")
    if not isinstance(value, str | int | float):
        raise RowError(f"the {role} {value!r} is neither text nor a number")
    if isinstance(value, str) and not can_be_stored(value):
        raise RowError(f"the {role} {value!r:.40} holds a zero byte or half a character")
    return value


def _parse_rating(value: Any) -> float:
    try:
        rating = float(value)
    except (TypeError, ValueError) as error:
        raise RowError(f"the rating {value!r:.40} is not a number") from error
    if not math.isfinite(rating):
        raise RowError(f"the rating {value!r:.40} is not a finite number")
    if abs(rating) > MAX_RATING:
        raise RowError(f"the rating {value!r:.40} is over {MAX_RATING:.0e}")
    return rating


def _parse_time(value: Any) -> int:
    """Return seconds since 1970 from a number, an ISO date, or a date object."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            try:
                value = datetime.fromisoformat(value)
            except ValueError as error:
                raise RowError(f"the time {value!r} is neither a number nor a date") from error
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(moment.timestamp())
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) < _MAX_INT64:
        return int(value)
    raise RowError(f"the time {value!r} is neither a number nor a date")


def _open(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return open(path, encoding="utf-8-sig", newline="")


def _delimited(delimiter: str) -> Callable[[Path], Iterator[Row | Rejected]]:
    def read(path: Path) -> Iterator[Row | Rejected]:
        with _open(path) as file:
            reader = csv.reader(file, delimiter=delimiter)
            names = next(reader, None)
            if names is None:
                return
            for number in count(1):
                try:
                    fields = next(reader, None)
                except csv.Error as error:  # such as a cell of megabytes; the next row is read
                    yield Rejected(number, str(error))
                    continue
                if fields is None:
                    return
                if fields:
                    yield _named(number, names, fields)

    return read


def _headless(separator: str) -> Callable[[Path], Iterator[Row | Rejected]]:
    def read(path: Path) -> Iterator[Row | Rejected]:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _named(number, MOVIELENS_COLUMNS, line.strip().split(separator))

    return read


def _named(number: int, names: Sequence[str], fields: Sequence[str]) -> Row | Rejected:
    if len(fields) != len(names):
        return Rejected(number, f"{len(fields)} fields where there should be {len(names)}")
    return number, dict(zip(names, fields, strict=True))


def _json_lines(path: Path) -> Iterator[Row | Rejected]:
    with _open(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield Rejected(number, f"not JSON ({error})")
                continue
            yield (number, row) if isinstance(row, dict) else Rejected(number, "not an object")


def _parquet(path: Path) -> Iterator[Row | Rejected]:
    number = 0
    for batch in pq.ParquetFile(path).iter_batches():
        for row in batch.to_pylist():
            number += 1
            yield number, row


_READERS: dict[str, Callable[[Path], Iterator[Row | Rejected]]] = {
    ".csv": _delimited(","),
    ".tsv": _delimited("\t"),
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".json": _json_lines,
    ".dat": _headless("::"),
    ".data": _headless("\t"),
    ".base": _headless("\t"),
    ".test": _headless("\t"),
}
