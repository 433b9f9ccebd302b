"""Values that take long: made in a thread of their own when first asked for, then kept."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

from vitrine.errors import VitrineError

HEAD = b"vitrine page 1 "


@dataclass(frozen=True)
class Made:
    """A value, and the change number of the shop that it was made at.

    `draft` says that a better one of the same number is on its way.
    """

    content: bytes
    change_number: int
    draft: bool = False


class Kept:
    """Some bytes that are made in the background and kept, in memory and beside the shop.

    Several processes that serve one shop make it once: the others read the file. Where no file
    can be written each keeps its own.

    Parameters
    ----------
    path : Path
        Where it is kept.
    make : callable
        Yields the bytes with the change number they belong to, drafts before the last. It runs in
        a thread.

    Attributes
    ----------
    failure : str or None
        Why it could not be made; it is not tried again until the shop has changed.
    """

    def __init__(self, path: Path, make: Callable[[], Iterator[Made]]) -> None:
        self._path = path
        self._make = make
        self._lock = Lock()
        self._made: Made | None = None
        self._running = False
        self.failure: str | None = None
        self._failed_at: int | None = None

    def get(self, change_number: int, *, renew: bool = True) -> Made | None:
        """Return the value, None while it is made for the first time.

        One of an earlier change number is returned while the new one is made in the background,
        or, without `renew`, as it is.
        """
        with self._lock:
            if self._made is None or self._made.change_number != change_number:
                self._made = self._read() or self._made
            current = self._made is not None and self._made.change_number == change_number
            wanted = not current and (renew or self._made is None)
            if wanted and not self._running and self._failed_at != change_number:
                self._running, self.failure = True, None
                Thread(target=self._run, args=(change_number,), daemon=True).start()
            return self._made

    @property
    def running(self) -> bool:
        """Whether it is being made."""
        return self._running

    def _run(self, change_number: int) -> None:
        failure = None
        try:
            with _Turn(self._path):
                found = self._read()
                if found is not None and found.change_number == change_number:
                    self._made = found
                else:
                    self._make_all()
        except VitrineError as error:
            failure = str(error)
        except Exception as error:
            failure = f"a fault: {error!r}"
        with self._lock:
            self._running, self.failure = False, failure
            self._failed_at = change_number if failure else None

    def _make_all(self) -> None:
        for made in self._make():
            if not made.draft or self._made is None:  # an earlier whole one is better than a draft
                self._made = made
            if not made.draft:
                self._write(made)

    def _read(self) -> Made | None:
        try:
            head, _, content = self._path.read_bytes().partition(b"\n")
        except OSError:
            return None
        number = head.removeprefix(HEAD)
        if not head.startswith(HEAD) or not number.isdigit():
            return None
        return Made(content, int(number))

    def _write(self, made: Made) -> None:
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(HEAD + str(made.change_number).encode() + b"\n" + made.content)
            draft.replace(self._path)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


class _Turn:
    """Waits until no other process makes the same; a process that ends gives its turn up."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.turn")
        self._file: int | None = None

    def __enter__(self) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o644)
        except OSError:
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            os.close(self._file)
