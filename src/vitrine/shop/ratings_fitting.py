"""From a shop's ratings, vectors and attributes to a fitted model."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.items import AttributeType, Value
from vitrine.errors import InputError
from vitrine.ratings import Interactions, ItemFeatures
from vitrine.ratings.ids import Ids
from vitrine.shop.memory import Memory
from vitrine.store import RatingColumns, RatingStore, Store

FloatArray = NDArray[np.float32]
MAX_CATEGORIES = 200
PICTURES = "pictures"


def read_stored(ratings: RatingStore) -> tuple[Interactions, int]:
    """Return all ratings of a shop, and their change number; users are known by their codes.

    A fitted model therefore never holds a user's id.

    Raises
    ------
    InputError
        If there are no ratings.
    """
    feedback = ratings.state().feedback
    columns = ratings.columns()
    if feedback is None or not len(columns.values):
        raise InputError("the shop has no ratings; add some with: vitrine ratings add SHOP RATINGS")
    return _interactions(columns, feedback), columns.change_number


def _interactions(columns: RatingColumns, feedback: Any) -> Interactions:
    user_codes, users = np.unique(columns.user_codes, return_inverse=True)
    item_codes, items = np.unique(columns.item_codes, return_inverse=True)
    return Interactions(  # the database orders them by user, then item, each pair once
        Ids(user_codes),
        Ids([columns.item_ids[code] for code in item_codes.tolist()]),
        users.astype(np.int32),
        items.astype(np.int32),
        columns.values.astype(np.float32),
        columns.timestamps,
        feedback,
    )


def item_features(store: Store, memory: Memory) -> ItemFeatures:
    """Return what a shop knows of its items: picture vectors, categories and numbers.

    Text with at most 200 different values, of which some occur twice, is a category; several words
    joined by ``|`` are several categories. Numbers are scaled to deviation 1, the mean where one is
    missing. Dates are left out.
    """
    ids = list(memory.positions)
    blocks = {PICTURES: store.vectors(ids, memory.encoder_id)}
    categories: dict[str, list[Any]] = {}
    for name, kind in memory.attributes.schema.items():
        values = memory.attributes.values(name, memory.positions.values())
        if kind in ("text", "boolean"):
            found = as_categories(values)
            if found is not None:
                categories[name] = found
        elif (numbers := as_numbers(values, kind)) is not None:
            blocks[name] = numbers
    return ItemFeatures.from_columns(ids, categories, blocks)


def as_categories(values: list[Value]) -> list[Any] | None:
    """Return values as categories, or None where they say nothing: all different, or all alike."""
    lists = [_split(value) for value in values]
    names = {name for row in lists for name in row or ()}
    n_named = sum(len(row or ()) for row in lists)
    if not 2 <= len(names) <= MAX_CATEGORIES or n_named < 2 * len(names):
        return None
    return lists


def as_numbers(values: list[Value], kind: AttributeType) -> FloatArray | None:
    """Return numbers with mean 0 and deviation 1, (n, 1); None where they do not vary."""
    if kind not in ("integer", "number"):
        return None
    column = np.array([np.nan if v is None else cast(float, v) for v in values], np.float64)
    if np.isnan(column).all() or not np.nanstd(column) > 0:
        return None
    scaled: FloatArray = np.nan_to_num((column - np.nanmean(column)) / np.nanstd(column))
    return scaled.astype(np.float32)[:, None]


def _split(value: Value) -> list[str] | None:
    if value is None:
        return None
    return [part for part in str(value).split("|") if part]
