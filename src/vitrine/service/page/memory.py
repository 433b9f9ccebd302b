"""What the pages keep of a shop between requests: its map, its figures, its yardstick."""

from __future__ import annotations

import time
from functools import partial
from threading import Lock
from weakref import WeakKeyDictionary, proxy

from vitrine.encoders.base import Encoder
from vitrine.service.page.kept import Kept
from vitrine.service.page.map_making import MapMaking
from vitrine.service.page.measuring import make_figures
from vitrine.service.page.scale import Scale
from vitrine.service.page.words import SAMPLE, Yardstick
from vitrine.shop import Shop

FOLDER = "page"
SCALE_SECONDS = 60.0


class Memory:
    """What is kept of one open shop.

    Attributes
    ----------
    map, figures : Kept
        Made in the background; files in the shop's folder ``page``, which may be deleted.
    """

    def __init__(self, shop: Shop) -> None:
        folder, shop = shop.path / FOLDER, proxy(shop)  # what is kept does not keep the shop open
        self.map = Kept(folder / "map", MapMaking(shop))
        self.figures = Kept(folder / "figures", partial(make_figures, shop))
        self._measured: tuple[Encoder, Yardstick] | None = None
        self._scale: tuple[float, Scale] | None = None

    def yardstick(self, shop: Shop) -> Yardstick:
        """Return what similarities mean with the shop's encoder; measured once for each."""
        encoder, known = shop.encoder, self._measured
        if known is None or known[0] is not encoder:
            sample = shop.sample_vectors(SAMPLE)
            known = self._measured = encoder, Yardstick(sample, encoder.distance_)
        return known[1]

    def scale(self, shop: Shop) -> Scale:
        """Return what a rating may be here, at most a minute behind: it is read off all ratings."""
        if self._scale is None or time.monotonic() - self._scale[0] > SCALE_SECONDS:
            self._scale = time.monotonic(), Scale.of(shop.ratings.info())
        return self._scale[1]


_OF: WeakKeyDictionary[Shop, Memory] = WeakKeyDictionary()
_LOCK = Lock()


def memory_of(shop: Shop) -> Memory:
    """Return what is kept of an open shop; forgotten with it."""
    with _LOCK:
        if shop not in _OF:
            _OF[shop] = Memory(shop)
        return _OF[shop]
