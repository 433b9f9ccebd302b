"""What every request shares: the shop, the settings, the threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request

from vitrine.catalogue.decoding import Limits
from vitrine.catalogue.fetching import Fetcher
from vitrine.service.metrics import Meter
from vitrine.service.pool import Pool
from vitrine.service.settings import Settings
from vitrine.service.thumbnails import Thumbnails
from vitrine.shop import Shop

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class State:
    """What is open while the service runs; routes ask for it as an argument ``state: StateOf``.

    Attributes
    ----------
    shop : Shop
    settings : Settings
    threads : Pool
        Where everything runs that is more than a dictionary look-up, so that the event loop is
        always free: ``await state.run(shop.similar, item_id, k)``.
    heavy : Pool
        Where pictures are decoded and encoded, so that a few large ones do not keep searches
        waiting: ``await state.run_heavy(shop.search_photo, content)``.
    thumbnails : Thumbnails
    meter : Meter
    fetcher : Fetcher or None
        Fetches pictures by their address; None where that is off.
    """

    shop: Shop
    settings: Settings
    threads: Pool
    heavy: Pool
    thumbnails: Thumbnails
    meter: Meter
    fetcher: Fetcher | None = None

    @property
    def limits(self) -> Limits:
        """What a picture may be at most."""
        settings = self.settings
        return Limits(max_bytes=settings.max_body_bytes, max_pixels=settings.max_pixels)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread and wait for it without holding up other requests."""
        return await self.threads.run(partial(function, *args, **kwargs))

    async def run_heavy(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function that works long in one of the few threads for that."""
        return await self.heavy.run(partial(function, *args, **kwargs))


async def state_of(request: Request) -> State:
    """Return the running service's state; were it no coroutine, every call would take a thread."""
    state: State = request.app.state.vitrine
    return state


StateOf = Annotated[State, Depends(state_of)]
"""Type of a route's argument that is the service's `State`."""
