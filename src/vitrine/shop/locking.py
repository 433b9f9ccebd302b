"""Many may read at once; who writes has it alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition, RLock


class MemoryLock:
    """A lock that searches share and writers hold alone.

    As a context manager it is held alone, also several times over by one thread; `shared` is held
    by any number of threads at once. A waiting writer goes before later readers, so it is never
    kept waiting for long. A thread that holds it shared must not ask to hold it alone.
    """

    def __init__(self) -> None:
        self._gate = RLock()  # held by the writer, and passed by each reader
        self._left = Condition()
        self._readers = 0

    def __enter__(self) -> None:
        self._gate.acquire()
        with self._left:
            while self._readers:
                self._left.wait()

    def __exit__(self, *_: object) -> None:
        self._gate.release()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Keep writers out, not other readers."""
        with self._gate, self._left:
            self._readers += 1
        try:
            yield
        finally:
            with self._left:
                self._readers -= 1
                if not self._readers:
                    self._left.notify_all()
