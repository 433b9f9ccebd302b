"""Columns of categories and numbers as blocks of features, always alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeGuard

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.items import Value

FloatArray = NDArray[np.float32]
Columns = Mapping[str, Sequence[Value]]
MAX_CATEGORIES = 200
MAX_NUMBER = 1e15


@dataclass(frozen=True)
class ColumnBlocks:
    """Which columns say something, and how; kept with a model, for rows that come later.

    Attributes
    ----------
    categories : dict of str to list of str
        By column, the values that have a column of 0 and 1.
    numbers : dict of str to (float, float)
        By column, the mean, which stands where a value is missing, and the deviation.
    """

    categories: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, columns: Columns) -> Self:
        """Find out which columns say something.

        Text with 2 to 200 different values that occur twice on average is a category; several
        joined by ``|`` in one cell are several categories. Where every value is a number and they
        are not all one, it is a number.
        """
        found = cls()
        for name, values in columns.items():
            there = [value for value in values if value is not None]
            if there and all(_is_number(value) for value in there):
                column = _as_floats(values)
                if np.isfinite(column).any() and np.nanstd(column) > 0:
                    found.numbers[name] = float(np.nanmean(column)), float(np.nanstd(column))
                continue
            lists = [categories_in(value) for value in values]
            names = sorted({one for row in lists for one in row})
            if 2 <= len(names) <= MAX_CATEGORIES and sum(map(len, lists)) >= 2 * len(names):
                found.categories[name] = names
        return found

    def __call__(self, columns: Columns) -> dict[str, FloatArray]:
        """Return the blocks of rows with these columns, (n, 1 or more) float32 each."""
        blocks = {name: _one_hot(columns[name], known) for name, known in self.categories.items()}
        for name, (mean, spread) in self.numbers.items():
            scaled = np.nan_to_num((_as_floats(columns[name]) - mean) / spread)
            blocks[name] = scaled.astype(np.float32)[:, None]
        return blocks


def categories_in(value: Value) -> list[str]:
    """Return the categories that a cell names: ``Comedy|Romance`` or ``["Comedy", "Romance"]``."""
    if value is None:
        return []
    text = str(value)
    if text.startswith("["):
        with suppress(ValueError):
            return [str(part) for part in json.loads(text)]
    return [part for part in text.split("|") if part]


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _one_hot(values: Sequence[Value], known: Sequence[str]) -> FloatArray:
    columns = {name: column for column, name in enumerate(known)}
    block = np.zeros((len(values), len(known)), np.float32)
    for row, value in enumerate(values):
        block[row, [columns[name] for name in categories_in(value) if name in columns]] = 1.0
    return block


def _as_floats(values: Sequence[Value]) -> NDArray[np.float64]:
    """Return numbers, NaN where there is none or one that squared leaves float32."""
    numbers = [float(value) if _is_number(value) else np.nan for value in values]
    column = np.array(numbers, np.float64)
    column[np.abs(column) > MAX_NUMBER] = np.nan
    return column
