"""Styles, scripts and Plotly's script, as files that browsers may keep for ever."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from functools import cache
from importlib.resources import files

import plotly.offline
from fastapi import APIRouter, Request, Response

from vitrine.charts import theme
from vitrine.charts.json import theme_json
from vitrine.errors import UnknownItemError
from vitrine.service.state import StateOf

# Plotly puts rules into a style element of its own that begins empty: the hash is that of no text.
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of every page: only this service's own files, nothing inline, no eval."""

_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "json": "application/json",
}
_FOLDER = files("vitrine.service.page").joinpath("static")

router = APIRouter()


@cache
def _content(name: str) -> bytes:
    if name == "plotly.js":
        return str(plotly.offline.get_plotlyjs()).encode()
    if name == "themes.json":
        return json.dumps({name: theme_json(name) for name in theme.PALETTES}).encode()
    return _FOLDER.joinpath(name).read_bytes()


@cache
def _zipped(name: str) -> bytes:
    return gzip.compress(_content(name), 6)


_OWN = sorted(entry.name for entry in _FOLDER.iterdir() if entry.is_file())
_NAMES = frozenset([*_OWN, "plotly.js", "themes.json"])
_VERSION = hashlib.sha256(
    b"".join(_content(name) for name in [*_OWN, "themes.json"]) + plotly.__version__.encode()
).hexdigest()[:12]


@cache
def plotly_styles() -> list[str]:
    """Return ids of the style elements that pages with a chart hold, empty, so Plotly adds none.

    What comes with Plotly for its street maps is a style sheet in a script, which the policy would
    refuse with an error in the console; it is left out where an element of its id is there already.
    """
    return re.findall(r'\w\.id="([0-9a-f]{64})",\w\.textContent=', _content("plotly.js").decode())


def asset_url(name: str) -> str:
    """Return the address of a file of the page; another content has another address."""
    return f"/static/{_VERSION}/{name}"


@router.get("/static/{version}/{name}")
async def asset(request: Request, state: StateOf, version: str, name: str) -> Response:
    """Return a file of the page."""
    if name not in _NAMES:
        raise UnknownItemError(f"there is no file {name!r}")
    zipped = "gzip" in request.headers.get("accept-encoding", "")
    content = await state.run(_zipped if zipped else _content, name)
    lasting = "public, max-age=31536000, immutable" if version == _VERSION else "no-cache"
    headers = {
        "Cache-Control": lasting,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return Response(content, 200, headers, _TYPES[name.rsplit(".", 1)[-1]])
