"""What every request shares: the shop, the settings, the threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, ParamSpec, TypeVar

from fastapi import Depends, Request

from vitrine.service.settings import Settings
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
    threads : ThreadPoolExecutor
        Where everything runs that is more than a dictionary look-up, so that the event loop is
        always free: ``await state.run(shop.similar, item_id, k)``.
    """

    shop: Shop
    settings: Settings
    threads: ThreadPoolExecutor

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function in a thread and wait for it without holding up other requests."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, lambda: function(*args, **kwargs))


def state_of(request: Request) -> State:
    """Return the running service's state."""
    state: State = request.app.state.vitrine
    return state


StateOf = Annotated[State, Depends(state_of)]
"""Type of a route's argument that is the service's `State`."""
