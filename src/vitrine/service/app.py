"""The application: routes over an open shop, behind the gate."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from vitrine import __version__
from vitrine.catalogue.fetching import Fetcher, FetchLimits
from vitrine.service import problems
from vitrine.service.api import documents, items, operating, photos, pictures, users, writing
from vitrine.service.gate import Gate
from vitrine.service.metrics import Meter
from vitrine.service.page.routes import router as page_router
from vitrine.service.pool import Pool
from vitrine.service.settings import Settings
from vitrine.service.starting import (
    one_blas_thread,
    one_thread_each,
    return_memory,
)
from vitrine.service.state import State
from vitrine.service.thumbnails import Thumbnails
from vitrine.shop import Shop
from vitrine.store import PlaceLike

MODULES = (items, pictures, users, writing, operating, documents)
"""In the order in which a request's path is compared with theirs."""

SEARCH_THREADS = 4


def create_app(shop_path: PlaceLike, settings: Settings | None = None) -> FastAPI:
    """Return the application that serves a shop; the shop is opened when it starts.

    Routes, those of `page` too, take an argument ``state: StateOf``: the shop, the settings, and
    the threads to run anything heavy in. See `vitrine.service.state`.

    Parameters
    ----------
    shop_path : path, or the URL of a database
        A shop that `vitrine create` made.
    settings : Settings, optional
    """
    chosen, meter = settings or Settings(), Meter()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        shop = await asyncio.to_thread(_opened, shop_path)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
        with (
            shop,
            one_blas_thread(),
            Pool(SEARCH_THREADS, "search", one_thread_each) as threads,
            Pool(max(2, cores), "picture", one_thread_each) as heavy,
        ):
            thumbnails = Thumbnails(shop, chosen.picture_cache_bytes)
            fetcher = _fetcher(chosen) if chosen.allow_urls else None
            app.state.vitrine = State(shop, chosen, threads, heavy, thumbnails, meter, fetcher)
            yield

    app = FastAPI(
        title="Vitrine",
        description="Similar items, search by photo, browsing and personal picks of one shop.",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        # Its spans hold whole paths, and with them ids of users; the gate measures without them.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    problems.install(app)
    # First and as it is: among included routes FastAPI looks for the right one twice.
    app.router.routes[:0] = photos.router.routes
    for module in MODULES:
        app.include_router(module.router)
    app.include_router(page_router, include_in_schema=False)
    app.add_middleware(Gate, settings=chosen, meter=meter)
    return app


def _fetcher(settings: Settings) -> Fetcher:
    return Fetcher(FetchLimits(settings.max_body_bytes, settings.answer_seconds / 3))


def _opened(shop_path: PlaceLike) -> Shop:
    shop = Shop.open(shop_path, soon=True)
    shop.browsing.prepare()
    for item_id in shop.item_ids[:1]:  # so that the first request does not wait for what is lazy
        shop.similar(item_id, 1, collapse=True)
    shop.follow()
    return_memory()
    return shop
