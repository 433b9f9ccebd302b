"""Who may ask what: hosts, keys, and no writing from other people's pages."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from vitrine.service.keys import Right
from vitrine.service.problems import Refusal
from vitrine.service.settings import Settings, is_loopback

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""What anyone may ask who reaches the service: it says nothing about the shop."""

READING_POSTS = frozenset({"/api/search", "/photo"})
"""Calls that only read, although they are no GET: a picture does not fit into an address."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CHALLENGE = 'Bearer realm="Vitrine", Basic realm="Vitrine: any name, and a key as password"'

Headers = Mapping[bytes, bytes]


class Access:
    """Decides whether a request is let in, before anything of it is read but its headers.

    Everything that is not known to only read needs a write key, so that a route that is added
    without a thought is closed.

    Parameters
    ----------
    settings : Settings
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._hosts = frozenset(name.lower() for name in settings.allowed_hosts)

    def check(self, scope: Any, headers: Headers) -> None:
        """Let a request pass, or refuse it.

        Raises
        ------
        Refusal
            Saying why: wrong host, foreign page, no key or not enough of one.
        """
        method, path = scope["method"], scope["path"]
        if path in OPEN_PATHS and method in SAFE_METHODS:
            return
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name, local = _named(host)
        self._check_host(name, local)
        if method not in SAFE_METHODS:
            _check_origin(headers, host)
        if method in SAFE_METHODS or path in READING_POSTS:
            settings = self._settings
            if settings.public_read or (settings.loopback and local):
                return
            self._check_key("read", headers)
        else:
            self._check_key("write", headers)

    def _check_host(self, name: str, local: bool) -> None:
        # On a loopback address any web page can make a browser ask by a name of its own; only
        # what comes by a loopback name, or one that was allowed, is meant for this service.
        restricted = self._settings.loopback or self._hosts
        if restricted and name not in self._hosts and not local:
            raise Refusal("wrong-host", f"the request is for the host {name!r}")

    def _check_key(self, needed: Right, headers: Headers) -> None:
        keys = self._settings.keys
        if needed == "write" and not keys.write:
            raise Refusal(
                "forbidden",
                "writing is off, for no write key is set; make one with: vitrine key write "
                "--file KEYS, and start the service with: vitrine serve SHOP --keys KEYS",
            )
        key = _key(headers)
        challenge = {"WWW-Authenticate": CHALLENGE}
        if key is None:
            raise Refusal("no-key", f"this call needs a {needed} key", challenge)
        right = keys.right_of(key)
        if right is None:
            raise Refusal("no-key", "the key is not one of this service's", challenge)
        if needed == "write" and right == "read":
            raise Refusal("forbidden", "this call needs a write key, and the key may only read")


def _check_origin(headers: Headers, host: str) -> None:
    """Refuse what a page of another origin makes a browser send, with its user's rights or not.

    Browsers say so themselves (https://www.w3.org/TR/fetch-metadata/, RFC 6454); programs send
    neither header.
    """
    site = headers.get(b"sec-fetch-site", b"none")
    origin = headers.get(b"origin")
    foreign = site not in (b"same-origin", b"none")
    if origin is not None:
        foreign |= urlsplit(origin.decode("latin-1")).netloc.lower() != host
    if foreign:
        raise Refusal("forbidden", "a page of another origin may not send this; use its own page")


def _key(headers: Headers) -> str | None:
    """Return the key that was sent: as a bearer token, or as the password a browser asks for."""
    scheme, _, rest = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return rest.strip().decode("latin-1")
    if scheme.lower() == b"basic":
        try:
            pair = base64.b64decode(rest.strip(), validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return ""
        return pair.partition(":")[2]
    return None


@lru_cache(maxsize=64)
def _named(host: str) -> tuple[str, bool]:
    """Return a host's name without its port, and whether it means this machine."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return "", False
    return name, is_loopback(name)
