"""Threads that an event loop hands work to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any, Self, TypeVar

T = TypeVar("T")
_Work = tuple[asyncio.Future[Any], Callable[[], Any]]


class Pool:
    """Some threads whose work coroutines of one event loop wait for.

    There and back takes 0.1 ms after something has emptied the processor's caches; through
    `concurrent.futures`, whose futures are made for threads to wait for each other and are turned
    into the loop's, it took 0.21. The thread that was busy last is taken first: the memory that it
    works in is still in the caches.

    Parameters
    ----------
    n : int
        How many.
    name : str
        What they are called.
    begin : callable
        Called first in each thread.
    """

    def __init__(self, n: int, name: str, begin: Callable[[], None]) -> None:
        # Both are only touched by the loop's own thread.
        self._idle = [_Worker(f"{name}-{i}", begin, self._done) for i in range(n)]
        self._waiting: deque[_Work] = deque()
        self._workers = self._idle.copy()
        self._ended = False

    def __enter__(self) -> Self:
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish what has begun, give up what has not, and end."""
        self._ended = True
        while self._waiting:
            self._waiting.popleft()[0].cancel()
        for worker in self._workers:
            worker.work.put(None)
        for worker in self._workers:
            worker.join()

    async def run(self, call: Callable[[], T]) -> T:
        """Call a function in one of the threads and return what it returns.

        Whoever is cancelled while it waits has it not called any more, if that has not begun.

        Raises
        ------
        RuntimeError
            If the threads have ended.
        """
        if self._ended:
            raise RuntimeError("the threads of this pool have ended")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        if self._idle:
            self._idle.pop().work.put((future, call))
        else:
            self._waiting.append((future, call))
        try:
            return await future
        finally:
            del future  # an error in it knows of this call, and with it of what was handed over

    def _done(self, worker: _Worker) -> None:
        while self._waiting:
            future, call = self._waiting.popleft()
            if not future.cancelled():
                worker.work.put((future, call))
                return
        self._idle.append(worker)


class _Worker(Thread):
    """One thread, and what it is to do next."""

    def __init__(
        self, name: str, begin: Callable[[], None], done: Callable[[_Worker], None]
    ) -> None:
        super().__init__(name=name, daemon=True)
        self.work: SimpleQueue[_Work | None] = SimpleQueue()
        self._begin, self._done = begin, done

    def run(self) -> None:
        """Work until there is None to do."""
        self._begin()
        while (work := self.work.get()) is not None:
            future, call = work
            result, error = None, None
            try:
                result = call()
            except BaseException as raised:  # it belongs to whoever waits, whatever it is
                error = raised
            with suppress(RuntimeError):  # the loop has ended: nobody waits
                future.get_loop().call_soon_threadsafe(self._settle, future, result, error)
            del work, future, call, result, error  # nothing is kept until there is more to do

    def _settle(
        self, future: asyncio.Future[Any], result: Any, error: BaseException | None
    ) -> None:
        """Let the coroutine go on that waits; called by the loop."""
        self._done(self)
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)
        elif isinstance(error, StopIteration):  # which a future does not take
            future.set_exception(RuntimeError(f"the work raised {error!r}"))
        else:
            future.set_exception(error)
