"""Small pictures made on demand, and kept in memory for as long as there is room."""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import Literal

from PIL import Image

from vitrine.service.problems import Refusal
from vitrine.shop import Shop

SIZES = (96, 160, 320, 640, 960)
"""Longer sides, in pixels; what lies between is rounded up to one of them."""

Format = Literal["WEBP", "JPEG"]
_QUALITY = {"WEBP": 78, "JPEG": 84}
_TINY = 64  # up to this side a picture is kept to the pixel


@dataclass(frozen=True)
class Thumbnail:
    """A small picture as it is sent."""

    content: bytes
    media_type: str


class Thumbnails:
    """Makes small pictures of a shop's items.

    Parameters
    ----------
    shop : Shop
    max_bytes : int
        Memory for those that are kept; the longest unused go first.
    """

    def __init__(self, shop: Shop, max_bytes: int) -> None:
        self._shop, self._max_bytes = shop, max_bytes
        self._kept: OrderedDict[str, Thumbnail] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def tag(self, item_id: str, size: int, chosen: Format, number: int) -> str:
        """Return what changes when the small picture does: its ETag.

        Raises
        ------
        UnknownItemError
            If there is no such item.
        """
        fingerprint = self._shop.picture_fingerprint(item_id)
        text = f"{item_id}\n{fingerprint}\n{size}\n{chosen}\n{number}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    def get(self, item_id: str, size: int, chosen: Format, number: int, tag: str) -> Thumbnail:
        """Return one of an item's pictures with a longer side of at most `size` pixels.

        Raises
        ------
        Refusal
            If neither its picture file nor a small one is left.
        """
        with self._lock:
            if (kept := self._kept.get(tag)) is not None:
                self._kept.move_to_end(tag)
                return kept
        made = self._make(item_id, size, chosen, number)
        with self._lock:
            if tag not in self._kept:
                self._bytes += len(made.content)
            self._kept[tag] = made
            while self._bytes > self._max_bytes and self._kept:
                self._bytes -= len(self._kept.popitem(last=False)[1].content)
        return made

    def _make(self, item_id: str, size: int, chosen: Format, number: int) -> Thumbnail:
        with self._image(item_id, size, number) as opened:
            image = opened.convert("RGB")
        tiny = max(image.size) <= _TINY
        image.thumbnail((size, size), Image.Resampling.LANCZOS)
        kind = "PNG" if tiny and chosen == "JPEG" else chosen
        buffer = io.BytesIO()
        if kind == "WEBP":
            image.save(buffer, kind, quality=_QUALITY[kind], lossless=tiny, method=2)
        else:
            image.save(buffer, kind, quality=_QUALITY.get(kind, 0), optimize=True)
        return Thumbnail(buffer.getvalue(), f"image/{kind.lower()}")

    def _image(self, item_id: str, size: int, number: int) -> Image.Image:
        [stored] = self._shop.thumbnails([item_id]) if number == 0 else [None]
        if stored is not None:
            image = Image.open(io.BytesIO(stored), formats=("PNG", "JPEG"))
            if max(image.size) >= size or max(image.size) <= _TINY:
                return image
        picture = self._shop.picture(item_id, size, number)
        if picture is None:
            raise Refusal("no-picture", f"picture {number} of the item {item_id!r} is not there")
        return Image.fromarray(picture)


def size_of(wanted: int) -> int:
    """Return the size that is made for a wanted one."""
    return next((size for size in SIZES if size >= wanted), SIZES[-1])


def format_of(accept: str) -> Format:
    """Return the format for an ``Accept`` header: WebP for whoever names it, else JPEG."""
    for part in accept.lower().split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        if kind == "image/webp":
            refused = any(p.replace(" ", "") in ("q=0", "q=0.0") for p in parameters)
            return "JPEG" if refused else "WEBP"
    return "JPEG"
