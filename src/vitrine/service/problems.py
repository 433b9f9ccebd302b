"""Errors as RFC 9457 problem details that say what to do."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from vitrine.errors import InputError, ShopError, UnknownItemError, VitrineError


def problem(status: int, title: str, detail: str, **more: Any) -> Response:
    """Return a problem as an answer."""
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Response(orjson.dumps(content), status, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Turn every error of an application into a problem."""

    @app.exception_handler(VitrineError)
    async def _vitrine(request: Request, error: VitrineError) -> Response:
        if isinstance(error, UnknownItemError):
            return problem(404, "unknown item", str(error))
        if isinstance(error, InputError):
            return problem(422, "cannot be done as asked", str(error))
        if isinstance(error, ShopError):
            return problem(503, "the shop cannot be read now", str(error))
        return problem(500, "fault", str(error))

    @app.exception_handler(RequestValidationError)
    async def _validation(request: Request, error: RequestValidationError) -> Response:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return problem(422, "a parameter does not fit", said)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), str(error.detail))
