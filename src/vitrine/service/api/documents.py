"""The page that describes every call, made from the API's own description."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request, Response
from jinja2 import Environment, StrictUndefined

from vitrine.service.problems import KINDS
from vitrine.service.state import StateOf

router = APIRouter(include_in_schema=False)
POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a call."""

    name: str
    place: str
    text: str


@dataclass(frozen=True)
class Call:
    """One call as the page shows it."""

    method: str
    path: str
    text: str
    parameters: list[Parameter]
    curl: str

    @property
    def anchor(self) -> str:
        """Where the call stands on the page."""
        return f"{self.method.lower()}-{self.path.strip('/').replace('/', '-')}"


@router.get("/docs")
async def docs(request: Request, state: StateOf) -> Response:
    """Show every call and every problem."""
    settings = state.settings
    html = _template().render(
        description=request.app.description,
        version=request.app.version,
        groups=grouped(request.app.openapi(), str(request.base_url).rstrip("/")),
        problems=KINDS,
        reading_needs_key=not (settings.public_read or settings.loopback),
        writing=bool(settings.keys.write),
    )
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": POLICY})


@router.get("/docs/style.css")
async def style() -> Response:
    """Return the page's style sheet."""
    return Response(_file("docs.css"), media_type="text/css")


def grouped(openapi: dict[str, Any], base: str) -> dict[str, list[Call]]:
    """Return the calls of a description by their tags."""
    groups: dict[str, list[Call]] = {}
    for path, operations in openapi["paths"].items():
        for method, operation in operations.items():
            call = _call(method.upper(), path, operation, base)
            groups.setdefault(operation.get("tags", ["other"])[0], []).append(call)
    return groups


def _call(method: str, path: str, operation: dict[str, Any], base: str) -> Call:
    parameters = [
        Parameter(one["name"], one["in"], _described(one))
        for one in operation.get("parameters", [])
    ]
    text = operation.get("description", operation.get("summary", ""))
    body = operation.get("requestBody", {}).get("content", {})
    words = ["curl"]
    if method not in ("GET", "POST" if body else "GET"):
        words += ["-X", method]
    if method in ("PUT", "POST", "DELETE") and path != "/api/search":
        words += ["-H", '"Authorization: Bearer $KEY"']
    if path == "/api/search":
        words += ["-F", "picture=@photo.jpg"]
    elif body:
        words += ["--json", "@body.json"]
    words.append(f'"{base}{path.replace("{item_id}", "ID").replace("{user_id}", "USER")}"')
    return Call(method, path, text, parameters, " ".join(words))


def _described(parameter: dict[str, Any]) -> str:
    schema = parameter.get("schema", {})
    text = parameter.get("description", "")
    default = schema.get("default")
    return text if default is None else f"{text} By default {default}."


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(_file("docs.html"))


@cache
def _file(name: str) -> str:
    return files("vitrine.service").joinpath(name).read_text(encoding="utf-8")
