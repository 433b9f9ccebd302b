"""What a shop answers with."""

from __future__ import annotations

from dataclasses import dataclass

from vitrine.catalogue.items import AttributeType, Value


@dataclass(frozen=True)
class Hit:
    """One similar item.

    Attributes
    ----------
    id : str
    distance : float
        By the encoder's distance; 0 is nearest.
    similarity : float
        1 for equal vectors: the cosine, or 1 / (1 + distance).
    attributes : dict
        What the catalogue says of the item.
    """

    id: str
    distance: float
    similarity: float
    attributes: dict[str, Value]


@dataclass(frozen=True)
class ShopInfo:
    """What a shop is: counts, its encoder, its attributes."""

    name: str
    items: int
    encoder: str
    dimensions: int
    distance: str
    attributes: dict[str, AttributeType]
    label: str | None
    change_number: int
    ready: bool
    bytes_on_disk: int
