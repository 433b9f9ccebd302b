"""What a shop's items look like to rating models: vectors, categories and numbers, always alike."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.items import Value
from vitrine.ratings import ItemFeatures
from vitrine.ratings.ids import Ids
from vitrine.shop.memory import Memory
from vitrine.store import Store

FloatArray = NDArray[np.float32]
MAX_CATEGORIES = 200
PICTURES = "pictures"


@dataclass(frozen=True)
class FeatureRecipe:
    """How items become features; kept with a fitted model, for items that come later.

    Attributes
    ----------
    encoder_id : int
        Whose vectors are the block ``pictures``.
    categories : dict of str to list of str
        By attribute, the values that have a column.
    numbers : dict of str to (float, float)
        By attribute, the mean, which stands where a value is missing, and the deviation.
    """

    encoder_id: int
    categories: dict[str, list[str]] = field(default_factory=dict)
    numbers: dict[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, memory: Memory) -> Self:
        """Find out which attributes of a shop's items say something.

        Text with 2 to 200 different values that occur twice on average is a category; several
        joined by ``|`` in one cell are several categories. Dates are left out.
        """
        recipe = cls(memory.encoder_id)
        for name, kind in memory.attributes.schema.items():
            values = memory.attributes.values(name, memory.positions.values())
            if kind in ("integer", "number"):
                column = _as_floats(values)
                if np.isfinite(column).any() and np.nanstd(column) > 0:
                    spread = float(np.nanmean(column)), float(np.nanstd(column))
                    recipe.numbers[name] = spread
            elif kind in ("text", "boolean"):
                lists = [categories_in(value) for value in values]
                names = sorted({one for row in lists for one in row})
                if 2 <= len(names) <= MAX_CATEGORIES and sum(map(len, lists)) >= 2 * len(names):
                    recipe.categories[name] = names
        return recipe

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Rebuild from `to_json`."""
        numbers = {name: (mean, spread) for name, (mean, spread) in kept["numbers"].items()}
        return cls(kept["encoder_id"], dict(kept["categories"]), numbers)

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON can hold it."""
        return asdict(self)

    def features(self, store: Store, memory: Memory, item_ids: Sequence[str]) -> ItemFeatures:
        """Return the features of items that are in memory."""
        positions = [memory.positions[item_id] for item_id in item_ids]
        blocks: dict[str, FloatArray] = {PICTURES: store.vectors(item_ids, self.encoder_id)}
        for name, known in self.categories.items():
            blocks[name] = _one_hot(memory.attributes.values(name, positions), known)
        for name, (mean, spread) in self.numbers.items():
            column = _as_floats(memory.attributes.values(name, positions))
            scaled = np.nan_to_num((column - mean) / spread)
            blocks[name] = scaled.astype(np.float32)[:, None]
        return ItemFeatures(Ids(item_ids), blocks)


def categories_in(value: Value) -> list[str]:
    """Return the categories that a cell names: ``Comedy|Romance`` or ``["Comedy", "Romance"]``."""
    if value is None:
        return []
    text = str(value)
    if text.startswith("["):
        with suppress(ValueError):
            return [str(part) for part in json.loads(text)]
    return [part for part in text.split("|") if part]


def _one_hot(values: Sequence[Value], known: Sequence[str]) -> FloatArray:
    columns = {name: column for column, name in enumerate(known)}
    block = np.zeros((len(values), len(known)), np.float32)
    for row, value in enumerate(values):
        block[row, [columns[name] for name in categories_in(value) if name in columns]] = 1.0
    return block


def _as_floats(values: Sequence[Value]) -> NDArray[np.float64]:
    numbers = [value if isinstance(value, int | float) else np.nan for value in values]
    return np.array(numbers, np.float64)
