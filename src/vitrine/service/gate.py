"""What every request passes: who may ask, how much and how long; its id, log and metrics."""

from __future__ import annotations

import asyncio
import random
import re
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vitrine.service.access import OPEN_PATHS, Access
from vitrine.service.logs import log_request, logger
from vitrine.service.metrics import Meter
from vitrine.service.problems import Refusal, problem
from vitrine.service.settings import Settings

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
HUNG_UP = 499
"""What is noted where nobody is left to be answered; the number that nginx has for it."""

_ALWAYS_LET_IN = OPEN_PATHS | {"/metrics"}


@dataclass
class Visit:
    """One request on its way through.

    Attributes
    ----------
    id : str
        The request's id, taken from ``X-Request-Id`` where one was sent.
    problem : str or None
        The kind of problem that was answered with.
    """

    id: str
    started: float = field(default_factory=time.perf_counter)
    status: int = 0
    sent: int = 0
    received: int = 0
    problem: str | None = None


class Gate:
    """ASGI middleware around the whole application.

    Parameters
    ----------
    app : ASGI application
    settings : Settings
    meter : Meter
    """

    def __init__(self, app: ASGIApp, settings: Settings, meter: Meter) -> None:
        self._app, self._settings, self._meter = app, settings, meter
        self._access = Access(settings)
        self._ids = random.Random()  # noqa: S311 - an id is no secret, and the system's are slow
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        known = given.decode() if _REQUEST_ID.fullmatch(given) else self._new_id()
        visit = scope["vitrine.visit"] = Visit(known)
        self._in_flight += 1
        self._meter.in_flight(self._in_flight)
        try:
            incoming = _Incoming(receive, visit, self._settings, _has_body(headers))
            await self._answer(scope, headers, incoming, send)
        finally:
            self._in_flight -= 1
            self._meter.in_flight(self._in_flight)
            self._note(scope, visit)

    def _new_id(self) -> str:
        return f"{self._ids.getrandbits(64):016x}"

    async def _answer(
        self, scope: Scope, headers: dict[bytes, bytes], incoming: _Incoming, send: Send
    ) -> None:
        visit: Visit = scope["vitrine.visit"]

        async def passing(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                message["headers"] = _with_own(message["headers"], visit.id)
            elif message["type"] == "http.response.body":
                visit.sent += len(message.get("body", b""))
            await send(message)

        try:
            self._let_in(scope, headers)
            async with incoming.limit:
                await self._app(scope, incoming, passing)
        except Refusal as refusal:
            answer = problem(scope, refusal.kind, refusal.detail, headers=refusal.headers)
            await answer(scope, incoming, passing)
        except ClientDisconnect:
            visit.status = HUNG_UP
        except Exception as error:
            if visit.status:
                raise  # too late to say so: the connection is closed instead
            if isinstance(error, TimeoutError) and incoming.limit.expired():
                answer = self._too_slow(scope, incoming)
            else:
                facts = {"id": visit.id, "error": type(error).__name__}
                logger.error("fault", exc_info=True, extra={"facts": facts})
                answer = problem(scope, "fault", f"{type(error).__name__} while answering")
            await answer(scope, incoming, passing)

    def _too_slow(self, scope: Scope, incoming: _Incoming) -> Response:
        settings = self._settings
        if not incoming.waiting:
            said = f"there was no answer after {settings.answer_seconds:g} s"
            return problem(scope, "too-slow", said)
        said = f"the body had not arrived after {settings.arrive_seconds:g} s"
        return problem(scope, "too-slow-to-arrive", said, headers={"Connection": "close"})

    def _let_in(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        if self._in_flight > self._settings.max_requests and scope["path"] not in _ALWAYS_LET_IN:
            # A body that nobody will read must not keep its connection.
            end = {"Connection": "close"} if _has_body(headers) else None
            most = self._settings.max_requests
            raise Refusal("busy", f"{most} requests are being answered", end)
        self._access.check(scope, headers)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._settings.max_body_bytes:
            raise _too_large(self._settings)

    def _note(self, scope: Scope, visit: Visit) -> None:
        seconds = time.perf_counter() - visit.started
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if len(scope["method"]) < 8 else "other"
        self._meter.answered(route, method, visit.status, seconds, visit.problem)
        facts: dict[str, Any] = {
            "id": visit.id,
            "method": method,
            "route": route,
            "status": visit.status,
            "ms": round(1000 * seconds, 2),
            "received": visit.received,
            "sent": visit.sent,
        }
        if visit.problem:
            facts["problem"] = visit.problem
        log_request(facts)


class _Incoming:
    """The request's body as it arrives: counted, and given so much time and no more.

    Attributes
    ----------
    limit : asyncio.Timeout
        Bounds the whole request: it has so long to arrive, and so long to be answered afterwards.
    waiting : bool
        Whether more of the body is being waited for.
    """

    def __init__(self, receive: Receive, visit: Visit, settings: Settings, has_body: bool) -> None:
        self._receive, self._visit, self._settings = receive, visit, settings
        self._complete = not has_body
        self._until = asyncio.get_running_loop().time() + settings.arrive_seconds
        self.limit = asyncio.timeout(settings.answer_seconds)
        self.waiting = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        self._limit_to(self._until)
        self.waiting = True
        message = await self._receive()
        self.waiting = False
        self._limit_to(asyncio.get_running_loop().time() + self._settings.answer_seconds)
        self._visit.received += len(message.get("body", b""))
        if self._visit.received > self._settings.max_body_bytes:
            raise _too_large(self._settings)
        self._complete = not message.get("more_body", False)
        return message

    def _limit_to(self, time: float) -> None:
        if not self.limit.expired():
            self.limit.reschedule(time)


def _has_body(headers: dict[bytes, bytes]) -> bool:
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def _too_large(settings: Settings) -> Refusal:
    megabytes = f"{settings.max_body_bytes / 1e6:g} MB"
    return Refusal("too-large", f"the body is over {megabytes}", {"Connection": "close"})


def _with_own(headers: list[tuple[bytes, bytes]], visit_id: str) -> list[tuple[bytes, bytes]]:
    """Return headers with the request's id and, where the route has not set them, the safe ones."""
    there = {name.lower() for name, _ in headers}
    own = [pair for pair in _HEADERS if pair[0] not in there]
    return [*headers, *own, (b"x-request-id", visit_id.encode())]
