"""What is known of items and users besides ratings: picture vectors, categories, numbers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import InputError
from vitrine.ratings.ids import Ids

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Features:
    """Blocks of numbers about things that have ids.

    Parameters
    ----------
    ids : Ids
        What is described; it need not be what is rated, or who rates.
    blocks : dict of str to ndarray of shape (n, d), float32
        By name. A model weighs blocks as wholes: what belongs together goes into one.

    Raises
    ------
    InputError
        If there is no block, or one has another number of rows, or NaN or infinity in it.
    """

    ids: Ids
    blocks: Mapping[str, FloatArray]

    _thing: ClassVar[str] = "thing"

    def __post_init__(self) -> None:
        if not self.blocks:
            raise InputError(f"{self._thing} features need at least one block")
        for name, block in self.blocks.items():
            if block.ndim != 2 or len(block) != len(self.ids):
                raise InputError(
                    f"block {name!r} has shape {block.shape} for {len(self.ids)} {self._thing}s"
                )
            if not np.isfinite(block).all():
                raise InputError(f"block {name!r} holds NaN or infinity")

    @classmethod
    def from_columns(
        cls,
        ids: Sequence[Hashable],
        columns: Mapping[str, Sequence[Any]],
        vectors: Mapping[str, NDArray[Any]] | None = None,
    ) -> Self:
        """Turn categorical columns into blocks of 0 and 1, beside blocks of vectors.

        Parameters
        ----------
        ids : sequence of hashable, length n
        columns : mapping of str to sequence, length n
            A value is a category, several of them in a list, tuple or set, or None (none of them).
        vectors : mapping of str to ndarray of shape (n, d), optional
            Numbers, such as an age or a price, are vectors of one column.
        """
        blocks = {name: np.asarray(block, np.float32) for name, block in (vectors or {}).items()}
        blocks |= {name: one_hot(values) for name, values in columns.items()}
        return cls(Ids(ids), blocks)

    def aligned(self, ids: Ids) -> tuple[dict[str, FloatArray], NDArray[np.bool_]]:
        """Return each block's rows in the order of `ids`, and which of these are described.

        Rows of what is not described are zeros.
        """
        codes = self.ids.codes(ids.values)
        known = codes >= 0
        blocks = {
            name: np.concatenate([block, np.zeros_like(block, shape=(1, block.shape[1]))])[codes]
            for name, block in self.blocks.items()
        }  # −1 picks the row of zeros
        return blocks, known


class ItemFeatures(Features):
    """What is known of items, such as a block of picture vectors and one of genres."""

    _thing = "item"

    @property
    def items(self) -> Ids:
        """The items described."""
        return self.ids


class UserFeatures(Features):
    """What is known of users, such as a block of an age and one of an occupation."""

    _thing = "user"

    @property
    def users(self) -> Ids:
        """The users described."""
        return self.ids


def one_hot(values: Sequence[Any]) -> FloatArray:
    """Return one 0/1 column a category, (n, n_categories) float32, categories in sorted order."""
    lists = [_as_list(value) for value in values]
    names = sorted(
        {name for row in lists for name in row}, key=lambda name: (str(type(name)), name)
    )
    columns = {name: column for column, name in enumerate(names)}
    block = np.zeros((len(lists), max(1, len(names))), dtype=np.float32)
    for row, listed in enumerate(lists):
        block[row, [columns[name] for name in listed]] = 1.0
    return block


def check_columns(blocks: Mapping[str, NDArray[Any]], wanted: Mapping[str, int]) -> None:
    """See that blocks are those that a model was fitted with, by their numbers of columns.

    Raises
    ------
    InputError
        If one is missing, new, or has other columns.
    """
    shapes = {name: block.shape[1] for name, block in blocks.items()}
    if shapes != wanted:
        raise InputError(f"the features are {shapes}, columns by block; fitted were {wanted}")


def hats(numbers: NDArray[Any], knots: NDArray[Any]) -> NDArray[np.float64]:
    """Return how near each number is to each knot, (n, n_knots): 1 there, 0 from its neighbours on.

    The basis of a linear spline. What lies beyond the last knot is at it.

    Parameters
    ----------
    numbers : ndarray of shape (n, 1)
    knots : ndarray of shape (n_knots,)
        Ascending.
    """
    return np.stack([np.interp(numbers[:, 0], knots, hat) for hat in np.eye(len(knots))], axis=1)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
