"""Items as the pages show them: a name, a line under it, a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from vitrine.catalogue.items import AttributeType, Value
from vitrine.errors import InputError
from vitrine.service.page.links import item_url, picture_url, plain, shown
from vitrine.shop import Shop

_TITLES = ("title", "name", "product_name", "product title", "display_name", "productdisplayname")
_PRICES = ("price", "cost", "amount")
WALL_SIZE = 320
LARGE_SIZE = 960


class Listed(Protocol):
    """What has an id and attributes: an item, a hit, a recommendation."""

    @property
    def id(self) -> str:
        """The shop's own id."""

    @property
    def attributes(self) -> Mapping[str, Value] | None:
        """What the catalogue says of it."""


@dataclass(frozen=True)
class Card:
    """One item on a page.

    Attributes
    ----------
    id, name, under : str
        `under` is what stands below the name: its category, its price.
    url : str
    picture : str or None
        Address of its picture on the wall.
    """

    id: str
    name: str
    under: str
    url: str
    picture: str | None


@dataclass
class Naming:
    """Which attributes name an item.

    Parameters
    ----------
    title : str or None
        The attribute that is its name; without one its id is.
    under : list of str
        The attributes that stand below it.
    """

    title: str | None
    under: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, shop: Shop) -> Naming:
        """Choose them by what the attributes are called, and by the shop's label."""
        schema = shop.schema
        texts = {name.lower(): name for name, kind in schema.items() if kind == "text"}
        title = next((texts[name] for name in _TITLES if name in texts), None)
        price = price_attribute(schema)
        under = [name for name in (label_of(shop), price) if name and name != title]
        return cls(title, under)

    def name(self, item: Listed) -> str:
        """Return an item's name."""
        named = (item.attributes or {}).get(self.title) if self.title else None
        return plain(named) if named is not None else item.id

    def line(self, item: Listed) -> str:
        """Return what stands below the name."""
        values = ((item.attributes or {}).get(name) for name in self.under)
        return " · ".join(_brief(value) for value in values if value is not None)


def cards(shop: Shop, items: Sequence[Listed], size: int = WALL_SIZE) -> list[Card]:
    """Return the cards of several items."""
    naming = Naming.of(shop)
    pictured = shop.have_pictures([item.id for item in items])
    return [
        Card(
            item.id,
            naming.name(item),
            naming.line(item),
            item_url(item.id),
            picture_url(item.id, size) if item.id in pictured else None,
        )
        for item in items
    ]


def _brief(value: Value) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else shown(value)


def label_of(shop: Shop) -> str | None:
    """Return the attribute that says which items belong together, None where there is none."""
    try:
        return shop.label()
    except InputError:
        return None


def price_attribute(schema: Mapping[str, AttributeType]) -> str | None:
    """Return the attribute that is a price, by its name."""
    numbers = [name for name, kind in schema.items() if kind in ("integer", "number")]
    exact = (name for name in numbers if name.lower() in _PRICES)
    within = (name for name in numbers if any(price in name.lower() for price in _PRICES))
    return next(exact, None) or next(within, None)
