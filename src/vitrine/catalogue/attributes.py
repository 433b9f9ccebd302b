"""Typed attributes in memory, one growing column each: what a filter's mask is computed from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.facets import Facet, facet
from vitrine.catalogue.items import AttributeType, Value
from vitrine.catalogue.texts import Vocabulary
from vitrine.catalogue.where import Condition, as_datetime

MAX_TEXT = 100_000
"""Characters of one attribute of one item."""

_COMPARE = {
    "=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal,
    ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
_DTYPES: dict[AttributeType, Any] = {
    "text": np.int32, "integer": np.int64, "number": np.float64, "boolean": np.bool_,
    "date": "datetime64[us]",
}  # fmt: skip


class Column:
    """One attribute of every item: values, and which of them are there.

    Text is held as codes into a vocabulary, so that a comparison is one pass over int32.
    """

    def __init__(self, kind: AttributeType) -> None:
        self.kind: AttributeType = kind
        self._values: NDArray[Any] = np.zeros(0, _DTYPES[kind])
        self._present = np.zeros(0, np.bool_)
        self._words = Vocabulary()

    @classmethod
    def over(
        cls,
        kind: AttributeType,
        values: NDArray[Any],
        present: NDArray[np.bool_],
        words: Vocabulary,
    ) -> Self:
        """Return a column that was written down before, used where it lies.

        Parameters
        ----------
        kind : AttributeType
        values : ndarray of shape (n,)
            As `raw` returns them; written to when items change.
        present : ndarray of shape (n,), bool
            Likewise.
        words : Vocabulary

        Raises
        ------
        ValueError
            If the arrays are of another type or length.
        """
        column = cls(kind)
        if values.dtype != column._values.dtype or present.dtype != np.bool_:
            raise ValueError(f"{values.dtype} and {present.dtype} are no column of {kind}")
        if values.shape != present.shape or values.ndim != 1:
            raise ValueError(f"a column of {values.shape} values has {present.shape} of them")
        column._values, column._present, column._words = values, present, words
        return column

    def written(self, size: int) -> tuple[NDArray[Any], NDArray[np.bool_], list[str]]:
        """Return copies of what `over` takes, for `size` items."""
        values = _grown(self._values[:size], size)
        return values, _grown(self._present[:size], size), list(self._words)

    def set(self, positions: NDArray[np.int64], values: Iterable[Value], size: int) -> None:
        """Store `values` at `positions` of a column that `size` items have."""
        if size > len(self._values):
            capacity = max(size, len(self._values) * 3 // 2)
            self._values = _grown(self._values, capacity)
            self._present = _grown(self._present, capacity)
        given = list(values)
        there = np.fromiter((value is not None for value in given), np.bool_, len(given))
        self._present[positions] = there
        if not there.all():
            positions, given = positions[there], [value for value in given if value is not None]
        # All at once: NumPy is slow to take values one by one.
        self._values[positions] = np.fromiter(map(self._encode, given), self._values.dtype)

    def at(self, positions: NDArray[np.int64]) -> list[Value]:
        """Return the values at several positions, None where there is none."""
        present = self.present(positions)
        every = bool(present.all())
        raw = self._values.take(positions if every else positions[present])
        values: list[Value] = [*self._words.of_codes(raw)] if self.kind == "text" else raw.tolist()
        if every:
            return values
        found: list[Value] = [None] * len(positions)
        for place, value in zip(np.flatnonzero(present).tolist(), values, strict=True):
            found[place] = value
        return found

    def present(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which positions have a value, bool (m,)."""
        try:
            there: NDArray[np.bool_] = self._present.take(positions)
        except IndexError:  # items newer than the column have no value
            there = positions < len(self._present)
            there[there] = self._present[positions[there]]
        return there

    def raw(self, positions: NDArray[np.int64]) -> NDArray[Any]:
        """Return the values at positions that have one, as they are held: text as codes."""
        values: NDArray[Any] = self._values[positions]
        return values

    @property
    def words(self) -> Vocabulary:
        """The vocabulary that the codes of a text column point into."""
        return self._words

    def mask(self, condition: Condition, size: int) -> NDArray[np.bool_]:
        """Return which of `size` items meet the condition; an item without a value never does."""
        present, values = self._present[:size], self._values[:size]
        wanted: Any = condition.value
        if self.kind == "text":
            wanted = self._words.find(str(wanted))
        elif self.kind == "date":
            wanted = np.datetime64(wanted)
        mask = np.zeros(size, np.bool_)  # items newer than the column have no value
        mask[: len(present)] = _COMPARE[condition.operator](values, wanted) & present
        return mask

    def _encode(self, value: Any) -> Any:
        if self.kind == "text":
            return self._words.code(str(value))
        if self.kind == "date":
            return np.datetime64(as_datetime(value))
        return value


def _grown(array: NDArray[Any], capacity: int) -> NDArray[Any]:
    larger = np.zeros(capacity, array.dtype)
    larger[: len(array)] = array
    return larger


class AttributeTable:
    """The attributes of every item, by position.

    Parameters
    ----------
    schema : mapping of str to AttributeType
    """

    def __init__(self, schema: Mapping[str, AttributeType]) -> None:
        self._columns = {name: Column(kind) for name, kind in schema.items()}
        self._size = 0

    @classmethod
    def over(cls, columns: Mapping[str, Column], size: int) -> Self:
        """Return a table of columns that were written down before, for `size` items."""
        table = cls({})
        table._columns, table._size = dict(columns), size
        return table

    @property
    def columns(self) -> dict[str, Column]:
        """Each attribute's column, by name."""
        return dict(self._columns)

    @property
    def schema(self) -> dict[str, AttributeType]:
        """Names and types of the attributes."""
        return {name: column.kind for name, column in self._columns.items()}

    def widen(self, schema: Mapping[str, AttributeType]) -> None:
        """Take over new attributes, and integer attributes that have become numbers."""
        for name, kind in schema.items():
            old = self._columns.get(name)
            if old is not None and old.kind == kind:
                continue
            self._columns[name] = Column(kind)
            if old is not None:
                every = np.arange(self._size)
                self._columns[name].set(every, old.at(every), self._size)

    def set(
        self, positions: Sequence[int] | NDArray[np.int64], rows: Sequence[Mapping[str, Value]]
    ) -> None:
        """Store one row of attributes at each position, replacing what was there."""
        if not len(positions):
            return
        where = np.asarray(positions, dtype=np.int64)
        self._size = max(self._size, int(where.max()) + 1)
        for name, column in self._columns.items():
            column.set(where, (row.get(name) for row in rows), self._size)

    def row(self, position: int) -> dict[str, Value]:
        """Return the attributes that the item at `position` has."""
        return self.rows(np.array([position]))[0]

    def rows(self, positions: NDArray[np.int64]) -> list[dict[str, Value]]:
        """Return the attributes that the items at several positions have."""
        rows: list[dict[str, Value]] = [{} for _ in positions]
        for name, column in self._columns.items():
            for row, value in zip(rows, column.at(positions), strict=True):
                if value is not None:
                    row[name] = value
        return rows

    def values(self, name: str, positions: Iterable[int]) -> list[Value]:
        """Return one attribute of several items."""
        return self._columns[name].at(np.fromiter(positions, np.int64))

    def facets(self, positions: NDArray[np.int64], most: int) -> list[Facet]:
        """Count every attribute's values among the items at some positions."""
        return [
            facet(
                name, column.kind, column.raw(positions[column.present(positions)]), column.words,
                most,
            )
            for name, column in self._columns.items()
        ]  # fmt: skip

    def order(
        self, name: str, positions: NDArray[np.int64], descending: bool = False
    ) -> NDArray[np.int64]:
        """Return positions sorted by an attribute; items without a value come last.

        Equal ones stay in the order given. Text is in alphabetical order, whatever its case.
        """
        column = self._columns[name]
        there = column.present(positions)
        known, unknown = positions[there], positions[~there]
        values = column.raw(known)
        if column.kind == "text":
            ranks = np.argsort(np.argsort([word.casefold() for word in column.words]))
            values = ranks[values]
        if descending:  # turned around twice, so that equal ones stay as they were
            order = len(known) - 1 - np.argsort(values[::-1], kind="stable")[::-1]
        else:
            order = np.argsort(values, kind="stable")
        return np.concatenate([known[order], unknown])

    def mask(self, conditions: Iterable[Condition]) -> NDArray[np.bool_]:
        """Return which positions meet all conditions, bool (size,)."""
        mask = np.ones(self._size, np.bool_)
        for condition in conditions:
            mask &= self._columns[condition.name].mask(condition, self._size)
        return mask


def to_json(value: Value) -> str | int | float | bool | None:
    """Return a value as JSON can hold it: dates as ISO 8601 text."""
    return value.isoformat() if isinstance(value, date) else value


def fit_type(value: Value, kind: AttributeType) -> Value:
    """Return `value` as the attribute's type has it.

    Raises
    ------
    ValueError
        If it does not fit.
    """
    if value is None:
        return None
    if kind == "text":
        return _checked_text(str(to_json(value)))
    if kind == "date" and not isinstance(value, bool | int | float):
        return as_datetime(value)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "number" and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ValueError(f"{value} is not a finite number")
        return float(value)
    if kind == "integer" and isinstance(value, int) and not isinstance(value, bool):
        if not -(2**63) <= value < 2**63:
            raise ValueError(f"{value} does not fit into 64 bits")
        return value
    raise ValueError(f"{value!r} is not {kind}")


def _checked_text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"{len(text):,} characters, over the limit of {MAX_TEXT:,}")
    if "\0" in text:  # no PostgreSQL text holds one
        raise ValueError("it holds a zero byte")
    return text


def widen_schema(
    schema: Mapping[str, AttributeType], more: Mapping[str, AttributeType]
) -> dict[str, AttributeType]:
    """Return `schema` with the attributes of `more` added; integer widens to number."""
    widened = dict(schema)
    for name, kind in more.items():
        if schema.get(name) == "integer" and kind == "number":
            widened[name] = "number"
        else:
            widened.setdefault(name, kind)
    return widened
