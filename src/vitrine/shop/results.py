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
    same : tuple of str
        Items whose pictures are nearly identical to this one's, where they were taken as one.
    """

    id: str
    distance: float
    similarity: float
    attributes: dict[str, Value]
    same: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recognised:
    """What an encoder takes a picture for.

    Attributes
    ----------
    value : str, int or float
        Its class, a value of the attribute that the encoder has learned.
    confidence : float
        The probability that it gives this class, 0 to 1.
    """

    value: Value
    confidence: float


@dataclass(frozen=True)
class PhotoSearch:
    """What a photo found.

    Attributes
    ----------
    hits : list of Hit
        Nearest first.
    recognised : Recognised or None
        None where the encoder knows no classes.
    """

    hits: list[Hit]
    recognised: Recognised | None


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
