"""When a database is away, one at a time finds out whether it is back; the others need not wait."""

from __future__ import annotations

import time
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from vitrine.errors import ShopUnavailableError

PAUSE_SECONDS = 1.0
"""After a failure nobody asks for so long."""

ASKING_SECONDS = 5.0
"""Then one asks, and for so long the others are told at once that the database is away."""

_next_try: WeakKeyDictionary[Engine, float] = WeakKeyDictionary()
_lock = Lock()


def take_turn(engine: Engine, where: str) -> None:
    """Let pass whoever may ask the database: anyone, or one at a time while it is away.

    A cable that is cut answers nothing, so whoever asks waits for seconds. Threads that all did so
    would keep those waiting that need no database.

    Raises
    ------
    ShopUnavailableError
        If it was away a moment ago.
    """
    with _lock:
        now, allowed = time.monotonic(), _next_try.get(engine)
        if allowed is None:
            return
        if now < allowed:
            raise ShopUnavailableError(
                f"{where}: the database could not be reached a moment ago; try again"
            )
        _next_try[engine] = now + ASKING_SECONDS


def note_answer(engine: Engine) -> None:
    """Note that the database is there."""
    if engine in _next_try:
        with _lock:
            _next_try.pop(engine, None)


def note_outage(engine: Engine) -> None:
    """Note that the database could not be reached."""
    with _lock:
        _next_try[engine] = time.monotonic() + PAUSE_SECONDS
