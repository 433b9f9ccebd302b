"""CSV, JSON Lines and Parquet files as Arrow columns, before anything is made of them.

Cells of CSV and JSON Lines stay text here, so that ids such as ``00123`` survive; `columns` finds
the types later. A row that cannot be split into cells is refused; the rest is read.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
from numpy.typing import NDArray

from vitrine.catalogue.items import Rejection
from vitrine.errors import SourceError

CSV = (".csv", ".tsv")
JSON_LINES = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet", ".pq")
FORMATS = (*CSV, *JSON_LINES, *PARQUET)
_DELIMITERS = ",;\t|"
MAX_RATIO = 100
MAX_UNPACKED = 100e6
"""A gzip file may unpack to this much, or to `MAX_RATIO` times its size; text shrinks to a 20th."""

MAX_CELLS = 5e8
_MAX_COLUMNS = 2_000
_MAX_NAME = 200
_LINES = 10_000


@dataclass
class Rows:
    """A table's rows.

    Parameters
    ----------
    table : pyarrow.Table, n rows
    numbers : ndarray of int64 (n,)
        The rows' numbers, from 1 for the first row of data.
    rejected : list of Rejection
    texts : set of str
        Columns of JSON Lines in which every value is a string, so no number is to be made of them.
    """

    table: pa.Table
    numbers: NDArray[np.int64]
    rejected: list[Rejection] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)


def table_suffix(path: Path) -> str:
    """Return the suffix that tells a table's format, without ``.gz``; "" if it is no table's."""
    suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
    return suffix if suffix in FORMATS else ""


def read_rows(path: Path) -> Rows:
    """Read a table by its suffix.

    Raises
    ------
    SourceError
        If the file as a whole cannot be read.
    """
    suffix = table_suffix(path)
    reader = _read_csv if suffix in CSV else _read_json if suffix in JSON_LINES else _read_parquet
    try:
        rows = reader(path)
    except (pa.ArrowException, OSError, EOFError, UnicodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read as {suffix[1:]} ({error})") from error
    names = rows.table.column_names
    if any(len(name) > _MAX_NAME or "\0" in name for name in names):
        raise SourceError(
            f"{path}: a column's name has over {_MAX_NAME} characters, or a zero byte; rename it"
        )
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise SourceError(f"{path}: the column {twice[0]!r} is there twice; rename one")
    return rows


class _Unpacked(io.RawIOBase):
    """What a gzip file holds, up to so much: a few bytes may unpack to all there is room for."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, gzip.open(path)  # noqa: SIM115 - closed with this
        self._most, self._done = max(MAX_UNPACKED, MAX_RATIO * path.stat().st_size), 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._done = self._file.seek(offset, whence)
        return self._done

    def readinto(self, buffer: Any) -> int:
        n = self._file.readinto(buffer)
        self._done += n
        if self._done > self._most:
            raise SourceError(
                f"{self._path}: unpacks to over {MAX_RATIO} times its size; unpack it yourself "
                "if it is what it should be"
            )
        return n

    def close(self) -> None:
        self._file.close()
        super().close()


def _open(path: Path) -> IO[bytes]:
    if path.suffix.lower() != ".gz":
        return open(path, "rb")
    return cast(IO[bytes], io.BufferedReader(_Unpacked(path), 2**20))


def _read_csv(path: Path) -> Rows:
    encoding = _encoding(path)
    header, delimiter = _header(path, encoding)
    if len(header) > _MAX_COLUMNS:
        raise SourceError(f"{path}: {len(header)} columns, over the limit of {_MAX_COLUMNS}")
    misshapen: list[pa_csv.InvalidRow] = []

    def skip(row: pa_csv.InvalidRow) -> str:
        misshapen.append(row)
        return "skip"

    # The header is read as a first row under made-up names, so that every cell comes as text.
    names = [str(position) for position in range(len(header))]
    with _open(path) as file:
        table = pa_csv.read_csv(
            file,
            pa_csv.ReadOptions(
                use_threads=False, encoding=encoding, column_names=names, block_size=2**24
            ),
            pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string()), strings_can_be_null=False
            ),
        )
    table = table.slice(1).rename_columns(header)
    bad = np.array([row.number - 1 for row in misshapen], np.int64)
    numbers = np.setdiff1d(np.arange(1, len(table) + len(bad) + 1), bad, assume_unique=True)
    rejected = [
        Rejection(
            str(path), row.number - 1, None, None,
            f"has {row.actual_columns} cells, the header has {row.expected_columns}",
        )
        for row in misshapen
    ]  # fmt: skip
    return Rows(table, numbers, rejected)


def _encoding(path: Path) -> str:
    """Return a byte order mark's encoding, else UTF-8 if it fits, else what Windows uses."""
    with _open(path) as file:
        head = file.read(4)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        for encoding in ("utf-8-sig", "cp1252"):
            file.seek(0)
            decoder = codecs.getincrementaldecoder(encoding)()
            try:
                while block := file.read(2**20):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                continue
            return encoding
    return "latin-1"


def _header(path: Path, encoding: str) -> tuple[list[str], str]:
    with _open(path) as raw:
        lines = iter(codecs.getreader(encoding)(raw))
        first = next((line for line in lines if line.strip()), None)
        if first is None:
            raise SourceError(f"{path}: the table is empty")
        delimiter = max(_DELIMITERS, key=first.count) if first.strip() else ","
        cells = next(csv.reader(chain([first], lines), delimiter=delimiter))
    names = [cell.strip().strip("\ufeff") for cell in cells]
    return [name or f"column_{i + 1}" for i, name in enumerate(names)], delimiter


def _read_json(path: Path) -> Rows:
    rejected: list[Rejection] = []
    numbers: list[int] = []
    columns: dict[str, list[pa.Array]] = {}
    texts: dict[str, bool] = {}
    with _open(path) as file:
        rows = _json_rows(path, file, rejected)
        while chunk := list(islice(rows, _LINES)):
            for name in dict.fromkeys(name for _, row in chunk for name in row):
                before = [pa.nulls(len(numbers), pa.large_string())] if numbers else []
                columns.setdefault(name, before)
                values = [row.get(name) for _, row in chunk]
                strings = all(isinstance(value, str | None) for value in values)
                texts[name] = texts.get(name, True) and strings
            if len(columns) > _MAX_COLUMNS:
                raise SourceError(f"{path}: over {_MAX_COLUMNS} different names in its rows")
            numbers += [number for number, _ in chunk]
            for name, arrays in columns.items():
                cells = [_json_cell(row.get(name)) for _, row in chunk]
                arrays.append(pa.array(cells, pa.large_string()))
    if not numbers:
        first = f"; first: {rejected[0]}" if rejected else ""
        raise SourceError(f"{path}: there is no row in it (one JSON object a line){first}")
    return Rows(
        pa.table({name: pa.chunked_array(arrays) for name, arrays in columns.items()}),
        np.array(numbers, np.int64),
        rejected,
        {name for name, text in texts.items() if text},
    )


def _json_rows(
    path: Path, file: IO[bytes], rejected: list[Rejection]
) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    for line in file:
        if not (line := line.removeprefix(codecs.BOM_UTF8).strip()):
            continue
        number += 1
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            rejected.append(Rejection(str(path), number, None, None, f"not JSON ({error})"))
            continue
        if isinstance(row, dict):
            yield number, row
        else:
            reason = "not a JSON object; write one {…} a line"
            rejected.append(Rejection(str(path), number, None, None, reason))


def _json_cell(value: Any) -> str | None:
    if value is None or value != value:  # NaN
        return None
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # without lone surrogates
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()


def _read_parquet(path: Path) -> Rows:
    with pa_parquet.ParquetFile(path) as file:  # runs of one value take no room in the file
        facts = file.metadata
    if facts.num_columns > _MAX_COLUMNS or facts.num_rows * facts.num_columns > MAX_CELLS:
        raise SourceError(
            f"{path}: {facts.num_rows:,} rows of {facts.num_columns:,} columns, over the limit of "
            f"{_MAX_COLUMNS:,} columns and {MAX_CELLS:,.0f} cells; split it"
        )
    table = pa_parquet.read_table(path, partitioning=None)
    return Rows(table, np.arange(1, len(table) + 1))
