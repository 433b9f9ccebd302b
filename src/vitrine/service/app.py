"""The application: routes over an open shop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from vitrine import __version__
from vitrine.service import problems
from vitrine.service.api import items, photos, pictures
from vitrine.service.page.routes import router as page_router
from vitrine.service.settings import Settings
from vitrine.service.state import State
from vitrine.shop import Shop


def create_app(shop_path: str | Path, settings: Settings | None = None) -> FastAPI:
    """Return the application that serves a shop; the shop is opened when it starts.

    Routes, those of `page` too, take an argument ``state: StateOf``: the shop, the settings, and
    the threads to run anything heavy in. See `vitrine.service.state`.

    Parameters
    ----------
    shop_path : path
        A shop that `vitrine create` made.
    settings : Settings, optional
    """
    chosen = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with Shop.open(shop_path) as shop, ThreadPoolExecutor(4, "answer") as threads:
            app.state.vitrine = State(shop, chosen, threads)
            yield

    app = FastAPI(
        title="Vitrine", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    problems.install(app)
    for module in (items, photos, pictures):
        app.include_router(module.router)
    app.include_router(page_router, include_in_schema=False)
    return app
