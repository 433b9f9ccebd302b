"""What a shop's items look like to rating models: vectors, categories and numbers, always alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from vitrine.ratings import ItemFeatures
from vitrine.ratings.column_blocks import ColumnBlocks
from vitrine.ratings.ids import Ids
from vitrine.shop.memory import Memory
from vitrine.store import Store

PICTURES = "pictures"


@dataclass(frozen=True)
class FeatureRecipe:
    """How items become features; kept with a fitted model, for items that come later.

    Attributes
    ----------
    encoder_id : int
        Whose vectors are the block ``pictures``.
    columns : ColumnBlocks
        The attributes that say something; dates are left out.
    """

    encoder_id: int
    columns: ColumnBlocks = field(default_factory=ColumnBlocks)

    @classmethod
    def of(cls, memory: Memory) -> Self:
        """Find out which attributes of a shop's items say something."""
        attributes, places = memory.attributes, memory.positions.values()
        told = {
            name: attributes.values(name, places)
            for name, kind in attributes.schema.items()
            if kind != "date"
        }
        return cls(memory.encoder_id, ColumnBlocks.of(told))

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """Rebuild from `to_json`."""
        numbers = {name: (mean, spread) for name, (mean, spread) in kept["numbers"].items()}
        return cls(kept["encoder_id"], ColumnBlocks(dict(kept["categories"]), numbers))

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON can hold it."""
        return {"encoder_id": self.encoder_id, **asdict(self.columns)}

    def features(self, store: Store, memory: Memory, item_ids: Sequence[str]) -> ItemFeatures:
        """Return the features of items that are in memory."""
        positions = [memory.positions[item_id] for item_id in item_ids]
        names = [*self.columns.categories, *self.columns.numbers]
        told = {name: memory.attributes.values(name, positions) for name in names}
        pictures = {PICTURES: store.vectors(item_ids, self.encoder_id)}
        return ItemFeatures(Ids(item_ids), pictures | self.columns(told))
