"""What a service is told: where it listens, who may ask, and how much of anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from vitrine.errors import OptionError
from vitrine.service.keys import Keys

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Settings:
    """Settings of a service; the defaults suit one machine and one shop.

    Parameters
    ----------
    host : str
        The address it listens at. On a loopback address reading is open; on any other a key is
        needed, or `public_read`.
    port : int
    workers : int
        Processes that answer.
    public_read : bool
        Let anyone read who reaches the address.
    keys : Keys
        Who may read and write. Without a write key nothing can be written.
    allowed_hosts : tuple of str
        Names that the service is called by, for the ``Host`` header; on a loopback address only
        loopback names are answered besides these, so that no foreign web page can reach it by
        rebinding its own name.
    max_body_bytes : int
        Of a request.
    max_pixels : float
        Of a picture.
    max_k, max_page_size, max_batch : int
        Results of one search, items of one page, items of one write.
    arrive_seconds : float
        Time for a request to arrive whole, its headers and its body each.
    answer_seconds : float
        Time to answer it.
    max_requests : int
        At once, in each process; more are told to come again.
    picture_cache_bytes : int
        Memory for small pictures that have been made, in each process.
    allow_urls : bool
        Whether items may come with addresses of pictures, which are fetched from the public
        internet alone.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    public_read: bool = False
    keys: Keys = field(default_factory=Keys)
    allowed_hosts: tuple[str, ...] = ()
    max_body_bytes: int = 25_000_000
    max_pixels: float = 50e6
    max_k: int = 200
    max_page_size: int = 200
    max_batch: int = 100
    arrive_seconds: float = 20.0
    answer_seconds: float = 30.0
    max_requests: int = 64
    picture_cache_bytes: int = 32_000_000
    allow_urls: bool = False

    @property
    def loopback(self) -> bool:
        """Whether the address can only be reached from this machine."""
        return is_loopback(self.host)


LIMITS = (
    "max_body_bytes", "max_pixels", "max_k", "max_page_size", "max_batch", "arrive_seconds",
    "answer_seconds", "max_requests", "picture_cache_bytes",
)  # fmt: skip


def with_limits(settings: Settings, given: Sequence[str]) -> Settings:
    """Return settings with limits written as ``max_k=50``.

    Raises
    ------
    OptionError
        If there is no such limit, or a value is no number above 0.
    """
    changed: dict[str, Any] = {}
    for text in given:
        name, _, value = text.partition("=")
        name = name.strip()
        if name not in LIMITS:
            raise OptionError(
                f"--limit {text}: there is no such limit (there are: {', '.join(LIMITS)})"
            )
        whole = isinstance(getattr(settings, name), int)
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf") or (whole and number != int(number)):
            kind = "a whole number" if whole else "a number"
            raise OptionError(f"--limit {text}: {name} is {kind} above 0")
        changed[name] = int(number) if whole else number
    return replace(settings, **changed)


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
