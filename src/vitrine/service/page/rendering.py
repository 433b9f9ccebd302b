"""From a template and what it shows to an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2
from fastapi import Request, Response

from vitrine import __version__
from vitrine.errors import InputError, UnknownItemError, VitrineError
from vitrine.service.page import links
from vitrine.service.page.assets import POLICY, asset_url, plotly_styles
from vitrine.service.state import State

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("vitrine.service.page"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)
_TEMPLATES.globals |= {
    "asset": asset_url,
    "version": __version__,
    "plotly_styles": plotly_styles,
    "item_url": links.item_url,
    "picture_url": links.picture_url,
    "browse_url": links.browse_url,
}
_TEMPLATES.filters |= {
    "human": links.human,
    "percent": lambda share: "–" if share != share else f"{share:.1%}",
    "thousands": lambda number: f"{number:,}",
}
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache, private",
    "Vary": "Cookie",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}

View = tuple[str, dict[str, Any]]
"""A template's name, and what it shows."""


async def page(
    request: Request, state: State, view: Callable[[], View], *, heavy: bool = False
) -> Response:
    """Make a view and write it as HTML, both in a thread; an error becomes a page that says it.

    Parameters
    ----------
    request : Request
    state : State
    view : callable
        Reads the shop; runs in a thread.
    heavy : bool
        Whether it decodes pictures: there are threads of their own for that.
    """
    theme = request.cookies.get("theme")
    around = {"theme": theme if theme in ("light", "dark") else "", "path": request.url.path}
    run = state.run_heavy if heavy else state.run
    html, status = await run(_render, state, view, around)
    return Response(html, status, _HEADERS, "text/html")


def _render(state: State, view: Callable[[], View], around: dict[str, Any]) -> tuple[str, int]:
    status = 200
    try:
        template, shown = view()
    except VitrineError as error:
        missing = isinstance(error, UnknownItemError)
        status = 404 if missing else 422 if isinstance(error, InputError) else 503
        template, shown = "problem.html", {"message": str(error), "status": status}
    around |= {"shop_name": state.shop.name, "tiny": _tiny(state)}
    return _TEMPLATES.get_template(template).render(
        around | {"words": "", "where": []} | shown
    ), status


def _tiny(state: State) -> bool:
    """Whether the shop's pictures are so small that their pixels are shown sharp."""
    shape = state.shop.encoder.preprocessing_.shape
    first = state.shop.item_ids[:1]
    [thumbnail] = state.shop.thumbnails(first) if first else [None]
    return max(shape[:2]) <= 64 and (thumbnail or b"").startswith(b"\x89PNG")
