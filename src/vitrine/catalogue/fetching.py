"""Pictures by their address: fetched when that was turned on, from the public internet alone.

A table or a request says where to fetch from, so whoever wrote it could otherwise make this machine
ask its own network (server-side request forgery). The name is looked up here, every address it
leads to is checked, and the connection goes to the address that was checked, so that a name that
leads elsewhere the second time (DNS rebinding) gains nothing; each redirect is a new address and is
checked the same way. No proxy, cookie or password is used.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from vitrine.catalogue.addresses import is_public
from vitrine.catalogue.decoding import decode_bytes
from vitrine.errors import PictureError
from vitrine.progress import track

_REDIRECTS = (301, 302, 303, 307, 308)
_HEADERS = {"User-Agent": "vitrine", "Accept": "image/*", "Accept-Encoding": "identity",
            "Connection": "close"}  # fmt: skip
_IN_PATHS = "/%:=&?~+!$,;'@()*[]"
_PIECE = 65_536


@dataclass(frozen=True)
class FetchLimits:
    """How much one picture may take to fetch.

    Parameters
    ----------
    max_bytes : float
    seconds : float
        From the first connection to the last byte, redirects included.
    redirects : int
    connections : int
        At once, in all.
    """

    max_bytes: float = 50e6
    seconds: float = 20.0
    redirects: int = 3
    connections: int = 4


class Fetcher:
    """Fetches pictures.

    Parameters
    ----------
    limits : FetchLimits, optional
    allowed : callable, optional
        Tells whether an address, as numbers, may be connected to; by default `is_public`.
    """

    def __init__(
        self, limits: FetchLimits | None = None, allowed: Callable[[str], bool] | None = None
    ) -> None:
        self._limits = limits or FetchLimits()
        self._allowed = allowed or is_public

    def fetch_all(
        self, addresses: Iterable[str], folder: str | Path
    ) -> dict[str, str | PictureError]:
        """Fetch pictures into a folder, a few at once.

        Returns
        -------
        dict of str to str or PictureError
            For each address the file, or why there is none.
        """
        wanted = list(dict.fromkeys(addresses))
        with ThreadPoolExecutor(self._limits.connections, "fetch") as pool:
            found = pool.map(partial(self._one, folder=Path(folder)), wanted)
            told = track(found, "fetching pictures", len(wanted))
            return dict(zip(wanted, told, strict=True))

    def _one(self, address: str, folder: Path) -> str | PictureError:
        try:
            content = self.fetch(address)
            decode_bytes(content, cover=1, name="what was fetched")  # whatever its server calls it
        except PictureError as error:
            return error
        path = folder / hashlib.sha256(content).hexdigest()
        path.write_bytes(content)
        return str(path)

    def fetch(self, address: str) -> bytes:
        """Return what lies at an address.

        Raises
        ------
        PictureError
            If it is no web address, leads to one that is not public, cannot be reached, answers
            with anything but 200, or is over a limit.
        """
        until = time.monotonic() + self._limits.seconds
        secure = False
        for _ in range(self._limits.redirects + 1):
            parts = _checked(address, secure)
            try:
                with self._answer(parts, until) as answer:
                    if answer.status not in _REDIRECTS:
                        return self._read(answer, until)
                    location = answer.headers.get("Location", "")
                    address = urljoin(parts.geturl(), location)
            except PictureError:
                raise
            except (OSError, http.client.HTTPException, ValueError) as error:
                if time.monotonic() >= until:
                    raise PictureError(self._too_slow()) from None
                raise PictureError(f"it cannot be fetched ({error})") from error
            secure = parts.scheme == "https"
        raise PictureError(f"it is redirected more than {self._limits.redirects} times")

    @contextmanager
    def _answer(self, parts: SplitResult, until: float) -> Iterator[http.client.HTTPResponse]:
        host, secure = str(parts.hostname), parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(host, port)
        plain = self._connected(host, port, until)
        with _ended_at(plain, until):
            try:
                connection.sock = (
                    ssl.create_default_context().wrap_socket(plain, server_hostname=host)
                    if secure
                    else plain
                )
                path = quote(parts.path or "/", safe=_IN_PATHS)
                query = f"?{quote(parts.query, safe=_IN_PATHS)}" if parts.query else ""
                connection.request("GET", path + query, headers=_HEADERS)
                with connection.getresponse() as answer:
                    yield answer
            finally:
                connection.close()
                plain.close()

    def _connected(self, host: str, port: int, until: float) -> socket.socket:
        """Return a connection to one of a name's addresses, all of which have to be public."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not all(self._allowed(str(place[0])) for *_, place in found):
            raise PictureError("it leads to an address that is not on the public internet")
        reason: OSError | None = None
        for family, kind, protocol, _, place in found[:4]:
            opened = socket.socket(family, kind, protocol)
            try:
                opened.settimeout(max(0.001, until - time.monotonic()))
                opened.connect(place)
            except OSError as error:
                opened.close()
                reason = error
            else:
                return opened
        raise reason or OSError("no address")

    def _read(self, answer: http.client.HTTPResponse, until: float) -> bytes:
        if answer.status != 200:
            raise PictureError(f"its server answers {answer.status}")
        most = self._limits.max_bytes
        too_large = f"over the limit of {most / 1e6:g} MB"
        if (answer.length or 0) > most:
            raise PictureError(too_large)
        parts, size = [], 0
        while piece := answer.read(_PIECE):
            parts.append(piece)
            size += len(piece)
            if size > most:
                raise PictureError(too_large)
        if time.monotonic() >= until:  # the connection was ended, which looks like its end
            raise PictureError(self._too_slow())
        return b"".join(parts)

    def _too_slow(self) -> str:
        return f"it had not arrived after {self._limits.seconds:g} s"


@dataclass(frozen=True)
class Fetching:
    """The leave to fetch pictures, and where they go.

    Parameters
    ----------
    folder : path
        There already. Bringing the catalogue into a shop keeps the pictures in the shop, so this
        may be a temporary folder.
    fetcher : Fetcher, optional
    """

    folder: str | Path
    fetcher: Fetcher = field(default_factory=Fetcher)

    @property
    def place(self) -> str:
        """The folder, absolute."""
        return os.path.realpath(self.folder)

    def run(self, addresses: Iterable[str]) -> dict[str, str | PictureError]:
        """Fetch pictures; return for each address its file, or why there is none."""
        return self.fetcher.fetch_all(addresses, self.place)


def _checked(address: str, secure: bool) -> SplitResult:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError as error:
        raise PictureError(f"not an address ({error})") from None
    if parts.scheme not in ("http", "https") or not host:
        raise PictureError("only http and https addresses are fetched")
    if secure and parts.scheme == "http":
        raise PictureError("it is redirected from https to http")
    if parts.username is not None or parts.password is not None:
        raise PictureError("an address with a name or password in it is not fetched")
    return parts


@contextmanager
def _ended_at(opened: socket.socket, until: float) -> Iterator[None]:
    """End a connection when its time is over, whatever is waited for then.

    A timeout of the socket alone starts anew with each byte that a slow server sends.
    """
    same = socket.socket(fileno=os.dup(opened.fileno()))  # TLS takes the first one over

    def end() -> None:
        try:
            same.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended already

    clock = threading.Timer(max(0.0, until - time.monotonic()), end)
    clock.daemon = True
    clock.start()
    try:
        yield
    finally:
        clock.cancel()
        clock.join()
        same.close()
