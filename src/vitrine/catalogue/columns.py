"""What a table's columns are: which names the item, which name pictures, and the others' types."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vitrine.catalogue.items import AttributeType
from vitrine.catalogue.records import ARROW_TYPES
from vitrine.errors import SourceError

_IDS = (
    "id", "itemid", "productid", "articleid", "sku", "itemcode", "productcode", "articlecode",
    "asin", "ean", "gtin", "upc", "code", "itemname", "key",
)  # fmt: skip
_PICTURES = re.compile(
    r"(main|front|back|side|first|second)?(image|img|picture|pic|photo|poster)s?"
    r"(path|file|filename|filepath|name)?s?\d*"
)
_FILES = ("path", "file", "filename", "filepath", "filenames", "paths", "files")
_ADDRESSES = re.compile(
    r"(main|front|back)?(image|img|picture|pic|photo|poster)s?(url|link)s?\d*|url"
)

_DATE = r"\d{4}-\d{2}-\d{2}"
_TIME = r"[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?"
_PATTERNS: dict[AttributeType, str] = {
    "boolean": r"^(?i:true|false)$",
    "integer": r"^[+-]?(0|[1-9]\d{0,17})$",
    "number": r"^[+-]?((0|[1-9]\d{0,16})(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$",
    "date": rf"^{_DATE}({_TIME})?$",
}
_MISSING = pa.array(["na", "n/a", "#n/a", "nan", "null", "none", "-"], pa.large_string())
_ENOUGH_FIT = 0.99
_ENOUGH_ROWS = 100


@dataclass
class Column:
    """One attribute's values.

    Parameters
    ----------
    kind : AttributeType
    values : pyarrow.Array (n,)
        Of the type that `ARROW_TYPES` has for the kind, or date32.
    misfits : ndarray of int64
        Positions whose value is not of the kind; None stands in their place.
    """

    kind: AttributeType
    values: pa.Array
    misfits: NDArray[np.int64]


def find_id_column(names: Sequence[str], said: str | None, source: str) -> str:
    """Return the column that holds the items' ids.

    Raises
    ------
    SourceError
        If there is no column of that, or of a usual, name.
    """
    if said is not None:
        return _existing(said, names, source)
    by_plain_name = {_plain(name): name for name in reversed(names)}
    for usual in _IDS:
        if usual in by_plain_name:
            return by_plain_name[usual]
    raise SourceError(
        f"{source}: none of its columns ({_listed(names)}) is plainly the id; say which one is "
        "with --id-column (id_column=)"
    )


def find_picture_columns(
    names: Sequence[str], said: Sequence[str] | None, source: str
) -> list[str]:
    """Return the columns that name pictures; none where no name is a usual one.

    Raises
    ------
    SourceError
        If a column that was named is not there.
    """
    if said is not None:
        return [_existing(name, names, source) for name in said]
    for fits in (_PICTURES.fullmatch, _FILES.__contains__, _ADDRESSES.fullmatch):
        if found := [name for name in names if fits(_plain(name))]:
            return found
    return []


def as_text(values: pa.ChunkedArray) -> pa.Array:
    """Return values as trimmed text without empty cells; whole floats without their ``.0``."""
    array = _one_chunk(_plainly_typed(values))
    if pa.types.is_floating(array.type):
        whole = pc.and_kleene(pc.equal(array, pc.floor(array)), pc.less(pc.abs(array), 2.0**53))
        if pc.all(whole).as_py() is not False:
            array = array.cast(pa.int64(), safe=False)
    text = pc.utf8_trim_whitespace(_to_large_string(array))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.large_string()), text)


def typed(
    values: pa.ChunkedArray, wanted: AttributeType | None = None, only_text: bool = False
) -> Column | None:
    """Return a column with its type, found from the values unless it is said.

    A text column is of another type if every value fits; or if 99 % do, of a hundred at least, and
    then the others are misfits. ``n/a``, ``null`` and the like are missing values in such columns.

    Parameters
    ----------
    values : pyarrow.ChunkedArray (n,)
    wanted : AttributeType, optional
        The type it must have.
    only_text : bool
        Whether it can only be text or a date: JSON strings.

    Returns
    -------
    Column or None
        None for bytes, which no attribute can hold.
    """
    if _is_bytes(values.type):
        return None
    values = _plainly_typed(values)
    kind = _kind_of(values.type)
    if kind is not None and wanted in (None, kind):
        return Column(kind, _normal(_one_chunk(values), kind), np.zeros(0, np.int64))
    text = as_text(values)
    if kind is None and wanted is None:
        wanted = _inferred(
            text, ("date",) if only_text else ("boolean", "integer", "number", "date")
        )
    return _parsed(text, wanted or "text")


def _parsed(text: pa.Array, kind: AttributeType) -> Column:
    if kind == "text":
        return Column(kind, text, np.zeros(0, np.int64))
    text = _without_missing(text)
    fits = pc.fill_null(pc.match_substring_regex(text, _PATTERNS[kind]), True)
    misfits = np.flatnonzero(~np.asarray(fits))
    clean = pc.if_else(fits, text, pa.scalar(None, pa.large_string()))
    if kind == "integer":
        clean = pc.replace_substring_regex(clean, r"^\+", "")
    if kind == "date":
        return _dates(clean, misfits)
    values = clean.cast(ARROW_TYPES[kind])
    if kind == "number":  # 1e400 is written as a number is, and is none that can be held
        finite = pc.fill_null(pc.is_finite(values), True)
        misfits = np.union1d(misfits, np.flatnonzero(~np.asarray(finite)))
        values = pc.if_else(finite, values, pa.scalar(None, values.type))
    return Column(kind, values, misfits)


def _dates(text: pa.Array, misfits: NDArray[np.int64]) -> Column:
    if pc.max(pc.utf8_length(text)).as_py() in (10, None):
        parsed, target = _cast_or_none(text, pa.date32()), pa.date32()
    else:
        zoned = pc.match_substring_regex(text, r"(Z|[+-]\d{2}:?\d{2})$")
        utc = _cast_or_none(_where(zoned, text), pa.timestamp("us", "UTC"))
        local = _cast_or_none(_where(pc.invert(zoned), text), pa.timestamp("us"))
        target = pa.timestamp("us")
        parsed = pc.coalesce(utc.cast(target), local)
    impossible = np.asarray(pc.and_(pc.is_valid(text), pc.is_null(parsed)))  # such as 30 February
    return Column("date", parsed.cast(target), np.union1d(misfits, np.flatnonzero(impossible)))


def _where(mask: pa.Array, text: pa.Array) -> pa.Array:
    return pc.if_else(mask, text, pa.scalar(None, text.type))


def _cast_or_none(text: pa.Array, target: pa.DataType) -> pa.Array:
    try:
        return text.cast(target)
    except pa.ArrowInvalid:
        return pa.array([_cast_one(value, target) for value in text], target)


def _cast_one(value: pa.Scalar, target: pa.DataType) -> Any:
    try:
        return value.cast(target).as_py()
    except pa.ArrowInvalid:
        return None


def _inferred(text: pa.Array, kinds: Sequence[AttributeType]) -> AttributeType:
    present = _without_missing(text).drop_null()
    if len(present) == 0:
        return "text"
    nearly: AttributeType | None = None
    for kind in kinds:
        n_fit = pc.sum(pc.match_substring_regex(present, _PATTERNS[kind])).as_py()
        if n_fit == len(present):
            return kind
        if nearly is None and len(present) >= _ENOUGH_ROWS and n_fit >= _ENOUGH_FIT * len(present):
            nearly = kind
    return nearly or "text"


def _without_missing(text: pa.Array) -> pa.Array:
    missing = pc.is_in(pc.utf8_lower(text), _MISSING)
    return pc.if_else(missing, pa.scalar(None, pa.large_string()), text)


def _kind_of(arrow: pa.DataType) -> AttributeType | None:
    """Return the kind of a column that has a type of its own; None for text."""
    if pa.types.is_boolean(arrow):
        return "boolean"
    if pa.types.is_integer(arrow):
        return "integer"
    if pa.types.is_floating(arrow) or pa.types.is_decimal(arrow):
        return "number"
    if pa.types.is_date(arrow) or pa.types.is_timestamp(arrow):
        return "date"
    if pa.types.is_nested(arrow) or pa.types.is_time(arrow) or pa.types.is_duration(arrow):
        return "text"
    return None


def _plainly_typed(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decode a dictionary; make floats of integers that 63 bits cannot hold."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if pa.types.is_uint64(values.type) and (pc.max(values).as_py() or 0) >= 2**63:
        values = values.cast(pa.float64(), safe=False)
    return values


def _normal(array: pa.Array, kind: AttributeType) -> pa.Array:
    """Bring a typed Arrow column to the one type that its kind has here."""
    if kind == "text":
        return _to_large_string(array)
    if kind == "number":
        numbers = array.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_finite(numbers), numbers, pa.scalar(None, pa.float64()))
    if kind == "date":
        if pa.types.is_date(array.type):
            return array.cast(pa.date32(), safe=False)
        return array.cast(pa.timestamp("us", array.type.tz), safe=False).cast(pa.timestamp("us"))
    return array.cast(ARROW_TYPES[kind], safe=False)


def _to_large_string(array: pa.Array) -> pa.Array:
    if pa.types.is_nested(array.type):
        cells = (None if v is None else json.dumps(v, default=str) for v in array.to_pylist())
        return pa.array(cells, pa.large_string())
    return array.cast(pa.large_string())


def _one_chunk(values: pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if values.num_chunks != 1 else values.chunk(0)


def _is_bytes(arrow: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_binary(arrow) or types.is_large_binary(arrow) or types.is_fixed_size_binary(arrow)
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _existing(name: str, names: Sequence[str], source: str) -> str:
    if name not in names:
        raise SourceError(f"{source}: there is no column {name!r}; there are {_listed(names)}")
    return name


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
