"""Errors as RFC 9457 problem details that say what to do.

``type`` is the address of the problem's description on the service's own page of calls, ``detail``
says what was wrong this time, ``advice`` what to do, and ``instance`` is the request's id, which is
in the log as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from vitrine.errors import InputError, PictureError, ShopError, UnknownItemError, VitrineError

RETRY_SECONDS = 1


@dataclass(frozen=True)
class Kind:
    """A kind of problem: its status, what it is called, and what to do about it."""

    status: int
    title: str
    advice: str


KINDS = {
    "malformed": Kind(400, "The request cannot be read", "Send what the call's description says."),
    "no-key": Kind(
        401,
        "A key is needed",
        "Send the header 'Authorization: Bearer KEY'; whoever runs the service makes keys with: "
        "vitrine key",
    ),
    "forbidden": Kind(403, "This may not be done", "See the detail."),
    "not-found": Kind(404, "There is nothing here", "Look at /docs for the calls there are."),
    "unknown-item": Kind(404, "There is no such item", "Find items with GET /api/items?q=WORDS."),
    "no-picture": Kind(
        404,
        "The item has no picture to show",
        "Bring its picture file back, or send the picture with PUT /api/items/ID.",
    ),
    "wrong-method": Kind(
        405, "This call has another method", "Look at /docs for the call's method."
    ),
    "too-slow-to-arrive": Kind(
        408, "The request did not arrive in time", "Send it again over a faster connection."
    ),
    "too-large": Kind(
        413,
        "The request is too large",
        "Make the picture smaller, or send fewer items at once.",
    ),
    "wrong-host": Kind(
        421,
        "The service is not called by this name",
        "Use the address that vitrine serve has printed, or start it with --allow-host NAME.",
    ),
    "bad-picture": Kind(
        422,
        "The picture is refused",
        "Send a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF file that opens elsewhere.",
    ),
    "bad-value": Kind(422, "Something that was asked for cannot be", "Correct it and ask again."),
    "fault": Kind(
        500, "A fault of Vitrine's", "Report it with the request's id; the log has more."
    ),
    "busy": Kind(503, "The service is busy", "Ask again in a moment, as Retry-After says."),
    "too-slow": Kind(
        503,
        "The answer took too long",
        "Ask again in a moment for less: a smaller k, a smaller picture, fewer items.",
    ),
    "shop-unavailable": Kind(
        503, "The shop cannot be used now", "Ask again in a moment; see the detail and /readyz."
    ),
}
_BY_STATUS = {400: "malformed", 404: "not-found", 405: "wrong-method", 413: "too-large"}


class Refusal(HTTPException):
    """A problem, raised: passes through FastAPI wherever in a request it happens.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    detail : str
        What was wrong this time.
    headers : dict of str to str, optional
    """

    def __init__(self, kind: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(KINDS[kind].status, detail, headers)
        self.kind = kind


def problem(scope: Any, kind: str, detail: str, **more: Any) -> Response:
    """Return a problem as an answer, and note its kind for log and metrics."""
    known = KINDS[kind]
    visit = scope.get("vitrine.visit")
    headers = more.pop("headers", None) or {}
    content: dict[str, Any] = {
        "type": f"/docs#{kind}",
        "title": known.title,
        "status": known.status,
        "detail": detail,
        "advice": known.advice,
    }
    if visit is not None:
        visit.problem = kind
        content["instance"] = visit.id
    if known.status == 503:
        headers = {"Retry-After": str(RETRY_SECONDS), **headers}
    return Response(
        orjson.dumps(content | more, default=str),
        known.status,
        headers,
        media_type="application/problem+json",
    )


def kind_of(error: VitrineError) -> str:
    """Return which kind of problem an error is."""
    if isinstance(error, UnknownItemError):
        return "unknown-item"
    if isinstance(error, PictureError):
        return "bad-picture"
    if isinstance(error, InputError):
        return "bad-value"
    return "shop-unavailable" if isinstance(error, ShopError) else "fault"


def install(app: FastAPI) -> None:
    """Turn every error of an application into a problem."""

    @app.exception_handler(VitrineError)
    async def _vitrine(request: Request, error: VitrineError) -> Response:
        return problem(request.scope, kind_of(error), str(error))

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        errors = [
            {"where": ".".join(str(part) for part in one["loc"]), "message": one["msg"]}
            for one in error.errors()
        ]
        said = "; ".join(f"{one['where']}: {one['message']}" for one in errors)
        return problem(request.scope, "bad-value", said, errors=errors)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        headers = dict(error.headers or {})
        if isinstance(error, Refusal):
            return problem(request.scope, error.kind, str(error.detail), headers=headers)
        kind = _BY_STATUS.get(error.status_code, "malformed")
        detail = str(error.detail)
        if kind in ("not-found", "wrong-method"):
            detail = f"{request.method} {request.url.path} is no call of this service"
        return problem(request.scope, kind, detail, headers=headers)
