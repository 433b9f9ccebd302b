"""A shop's items as cards: their pictures, shrunk to what the page needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vitrine.progress import task
from vitrine.report.data import Card
from vitrine.report.pictures import HOVER_EDGE, PagePicture, from_array, from_bytes

if TYPE_CHECKING:
    from vitrine.shop import Shop

HOVER_BYTES = 7_000_000
"""What all pictures that are only shown on hover may weigh in the file. Plotly's script is about
5 MB and everything else rarely over 2 MB, so the report stays within 15 MB."""


class Gallery:
    """Makes cards of a shop's items; each picture is read once.

    Parameters
    ----------
    shop : Shop
    categories : mapping of item id to category, or None
    """

    def __init__(self, shop: Shop, categories: dict[str, str | None]) -> None:
        self._shop = shop
        self._categories = categories
        self._pictures: dict[str, PagePicture | None] = {}

    def card(self, item_id: str, similarity: float | None = None) -> Card:
        """Return the card of one item."""
        if item_id not in self._pictures:
            self._pictures[item_id] = self._picture(item_id)
        return Card(item_id, self._pictures[item_id], self.category(item_id), similarity)

    def category(self, item_id: str) -> str | None:
        """Return the category of one item."""
        return self._categories.get(item_id)

    def cards(self, item_ids: Sequence[str]) -> list[Card]:
        """Return the cards of several items."""
        return [self.card(item_id) for item_id in item_ids]

    def hover_pictures(
        self, item_ids: Sequence[str], at_most: int = HOVER_BYTES
    ) -> list[PagePicture | None]:
        """Return the items' pictures for hovering; None from where `at_most` bytes are used up."""
        pictures: list[PagePicture | None] = []
        used = 0
        with task("shrinking pictures for the report", len(item_ids)) as progress:
            for start in range(0, len(item_ids), 256):
                for content in self._shop.thumbnails(item_ids[start : start + 256]):
                    picture = from_bytes(content, HOVER_EDGE) if used < at_most else None
                    used += len(picture.base64) if picture else 0
                    pictures.append(picture if used <= at_most else None)
                    progress.advance()
        return pictures

    def _picture(self, item_id: str) -> PagePicture | None:
        [thumbnail] = self._shop.thumbnails([item_id])
        shrunk = from_bytes(thumbnail)
        if shrunk is not None:
            return shrunk
        [picture] = self._shop.pictures([item_id])  # a shop may keep no thumbnails
        return None if picture is None else from_array(picture)
