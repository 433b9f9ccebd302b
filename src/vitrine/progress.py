"""Progress of long work, reported to whoever listens.

Library code says how far it is with `track` or `task`; nobody listens by default. The command line
listens with a bar, or with plain lines where there is no terminal.

>>> list(track([1, 2], "counting"))
[1, 2]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

T = TypeVar("T")


class Task(Protocol):
    """One piece of work under way."""

    def advance(self, amount: float = 1.0, note: str = "") -> None:
        """Say that `amount` more units are done; `note` is shown behind the bar."""


class Listener(Protocol):
    """Whoever shows progress."""

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Task]:
        """Show one piece of work for as long as the context is open."""
        raise NotImplementedError


class _Silent:
    def advance(self, amount: float = 1.0, note: str = "") -> None:
        pass

    @contextmanager
    def task(self, description: str, total: float | None) -> Iterator[Task]:
        yield self


_listener: ContextVar[Listener] = ContextVar("listener", default=_Silent())  # noqa: B039 - stateless


@contextmanager
def listen(listener: Listener) -> Iterator[None]:
    """Report the progress of everything inside the context to `listener`."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def task(description: str, total: float | None = None) -> Iterator[Task]:
    """Open one piece of work of `total` units (None: unknown)."""
    with _listener.get().task(description, total) as opened:
        yield opened


def track(values: Iterable[T], description: str, total: float | None = None) -> Iterator[T]:
    """Yield `values`, reporting each as one unit of work."""
    if total is None and isinstance(values, Sized):
        total = len(values)
    with task(description, total) as opened:
        for value in values:
            yield value
            opened.advance()
