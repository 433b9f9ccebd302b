"""Looking around in a shop: pages of items, what they have in common, words to items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue.facets import Facet
from vitrine.catalogue.items import Value
from vitrine.catalogue.where import Where
from vitrine.errors import OptionError
from vitrine.shop.live import Live
from vitrine.shop.memory import Memory
from vitrine.store import Store
from vitrine.store.search import prepare_search, search_items

FACET_VALUES = 30


@dataclass(frozen=True)
class ShopItem:
    """One item, as people look at it."""

    id: str
    attributes: dict[str, Value]


@dataclass(frozen=True)
class Page:
    """Some of the items that were asked for.

    Attributes
    ----------
    items : list of ShopItem
    total : int
        How many there are on all pages.
    page, pages : int
        Which page this is, from 1, and how many there are; 0 where nothing was found.
    """

    items: list[ShopItem]
    total: int
    page: int
    pages: int


class Browsing:
    """Looking around in an open shop, got by `Shop.browsing`.

    Parameters
    ----------
    live : Live
        The shop's memory.
    store : Store
        Its database, which finds words.
    """

    def __init__(self, live: Live, store: Store) -> None:
        self._live = live
        self._store = store

    def prepare(self) -> bool:
        """Make the database's table of words if it can have one; return whether it has.

        Searching works without it, only slower and without ranks.
        """
        return prepare_search(self._store)

    def page(
        self,
        where: Where = None,
        words: str | None = None,
        *,
        page: int = 1,
        size: int = 48,
        sort: str | None = None,
    ) -> Page:
        """Return one page of the items that a filter allows and that have all of some words.

        Parameters
        ----------
        where : str, sequence of str or mapping, optional
            As in `Shop.similar`.
        words : str, optional
            An item's id, or words of its id and its text, the last one also only begun.
        page : int
            From 1; after the last page there is nothing.
        size : int
            Items a page.
        sort : str, optional
            An attribute; ``-price`` for falling order. By default the order in which the items
            came, or with `words` the best match first.

        Raises
        ------
        FilterError
            If the filter does not fit the attributes.
        OptionError
            If there is no attribute to sort by, or a number is under 1.
        """
        if page < 1 or size < 1:
            raise OptionError(f"page={page}, size={size}: both start at 1")
        found_ids = self._find(words)
        with self._live.lock:
            memory = self._live.current()
            chosen = _chosen(memory, where, found_ids)
            if sort:
                chosen = _sorted(memory, chosen, sort)
            shown = chosen[(page - 1) * size : page * size]
            items = [_item(memory, place) for place in shown.tolist()]
        return Page(items, len(chosen), page, -(-len(chosen) // size))

    def facets(
        self, where: Where = None, words: str | None = None, most: int = FACET_VALUES
    ) -> list[Facet]:
        """Count the attributes' values among the items that a filter and words allow.

        Parameters
        ----------
        where, words
            As in `page`.
        most : int
            How many values an attribute lists, the most frequent ones.
        """
        found_ids = self._find(words)
        with self._live.lock:
            memory = self._live.current()
            return memory.attributes.facets(_chosen(memory, where, found_ids), most)

    def item(self, item_id: str) -> ShopItem:
        """Return one item.

        Raises
        ------
        UnknownItemError
            If there is none with that id.
        """
        with self._live.lock:
            memory = self._live.current()
            return _item(memory, memory.position(item_id))

    def _find(self, words: str | None) -> list[str] | None:
        return search_items(self._store, words) if words and words.strip() else None


def _chosen(memory: Memory, where: Where, found_ids: list[str] | None) -> NDArray[np.int64]:
    """Return the positions of what is asked for, in the order to be shown."""
    if found_ids is None:
        places = memory.positions.places()
    else:
        known = memory.positions
        places = np.array([known[item] for item in found_ids if item in known], np.int64)
    mask = memory.mask(where)
    return places if mask is None else places[mask[places]]


def _sorted(memory: Memory, places: NDArray[np.int64], sort: str) -> NDArray[np.int64]:
    name = sort.removeprefix("-")
    if name not in memory.attributes.schema:
        there = ", ".join(memory.attributes.schema) or "none"
        raise OptionError(f"sort={sort}: there is no attribute {name!r} (there are: {there})")
    return memory.attributes.order(name, places, descending=sort.startswith("-"))


def _item(memory: Memory, place: int) -> ShopItem:
    return ShopItem(memory.id_at(place), memory.attributes.row(place))
