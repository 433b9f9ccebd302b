"""Running the application: uvicorn, one process or several, that end when they have answered."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from vitrine.errors import OptionError
from vitrine.service.app import create_app
from vitrine.service.logs import log_as_json
from vitrine.service.metrics import FOLDER
from vitrine.service.settings import Settings
from vitrine.store import Place

KEEP_ALIVE_SECONDS = 30
START_SECONDS = 120
"""How long a worker may be silent before it is replaced: importing takes long on a busy machine."""

MAX_HEAD_BYTES = 65_536
"""Of a request's line and headers; uvicorn would hold as much as is sent."""

SWITCH_SECONDS = 0.0005
"""How long a thread may keep the others from Python; by default it is 5 ms, a whole answer."""


def serve(
    place: Place, settings: Settings, log_level: str, listening: Callable[[int], None]
) -> None:
    """Serve a shop until SIGTERM or SIGINT, then finish what is under way.

    Parameters
    ----------
    place : Place
        Where the shop is.
    settings : Settings
    log_level : str
        ``info`` writes a line a request, ``warning`` only what goes wrong.
    listening : callable
        Is told the port once connections are accepted; answers come when the shop is read.

    Raises
    ------
    OptionError
        If the address cannot be listened at.
    """
    bound = _bound(settings)
    listening(bound.getsockname()[1])
    config = _Config(
        settings.arrive_seconds,
        partial(_application, place, settings, log_level),
        factory=True,
        workers=settings.workers,
        http=PunctualProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_worker_healthcheck=START_SECONDS,
        timeout_graceful_shutdown=int(settings.answer_seconds) + 1,
    )
    # uvicorn raises what has ended it once more when all is answered; that is no failure here.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    if settings.workers == 1:
        uvicorn.Server(config).run([bound])
        return
    with tempfile.TemporaryDirectory(prefix="vitrine-metrics-") as folder:
        os.environ[FOLDER] = folder  # read by each worker as it starts
        log_as_json(log_level)
        _Supervisor(config, [bound]).run()


class _Config(uvicorn.Config):
    """uvicorn's settings, and how long the head of a request may take to arrive."""

    def __init__(self, arrive_seconds: float, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self.arrive_seconds = arrive_seconds


class _Supervisor(Multiprocess):
    """uvicorn's watch over the workers, that notices at once which of them have ended.

    uvicorn asks one worker after the other and holds their ends of the pipes open itself: who asks
    one that is killed before it answers would wait `START_SECONDS` and replace nobody meanwhile.
    """

    def keep_subprocess_alive(self) -> None:
        """Replace the workers that have ended, then ask the others."""
        for worker in self.processes:
            worker.child_conn.close()
        self.processes.sort(key=lambda worker: worker.process.is_alive())
        super().keep_subprocess_alive()


class PunctualProtocol(HttpToolsProtocol):
    """HTTP that hangs up on whoever takes too long to send a request's head.

    uvicorn only bounds how long a connection may be idle between requests; a head that comes
    letter by letter would hold its connection for ever (the attack called Slowloris).
    """

    config: _Config

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Start the clock with the connection."""
        super().connection_made(transport)
        self._clock = self._started_clock()
        self._head_bytes = self._header_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Stop the clock when a head is whole; start it when another begins."""
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_clock()
            self._head_bytes = 0
        elif before is None or before.response_complete:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.transport.close()
            elif self._clock is None:
                self._clock = self._started_clock()

    def on_message_begin(self) -> None:
        """Count the headers of another request."""
        super().on_message_begin()
        self._header_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, until they are too much, which is answered with 400."""
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > MAX_HEAD_BYTES:
            raise ValueError("the head is too large")
        super().on_header(name, value)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def _started_clock(self) -> TimerHandle | None:
        return self.loop.call_later(self.config.arrive_seconds, self.transport.close)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None


def _application(place: Place, settings: Settings, log_level: str) -> FastAPI:
    """Return the application of one process."""
    log_as_json(log_level)
    sys.setswitchinterval(SWITCH_SECONDS)
    return create_app(place, settings)


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise OptionError(
            f"cannot listen at {settings.host} port {settings.port} ({error.strerror or error}); "
            "name another with --host or --port"
        ) from error
    bound.set_inheritable(True)
    return bound
