"""A client that writes to a service, and says what was answered with success."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from itertools import count
from typing import Any
from urllib.error import HTTPError

from tests.trust.made import N_FIRST, N_ITEMS, item_id, png_of

Say = Callable[[Any], None]
KEY = "vitrine_writer"


def ask_until_it_is_gone(say: Say, port: int, kind: str) -> None:
    """Write to a service, one request after the other, and say what it answered with success."""
    await_readiness(port)
    try:
        for number in count():
            if kind == "rate":
                user, item, value = f"web-{number % 5}", item_id(number), 1 + number % 5
                row = f'{{"user_id": "{user}", "item_id": "{item}", "value": {value}}}'
                send(port, "POST", "interactions", f'{{"interactions": [{row}]}}'.encode())
                say(["rated", user, item, value])
            elif number < N_ITEMS - N_FIRST:
                name = item_id(N_FIRST + number)
                send(port, "PUT", f"items/{name}", *form_of(N_FIRST + number))
                say(["put", name])
                name = item_id(number)
                send(port, "DELETE", f"items/{name}")
                say(["removed", name])
    except HTTPError:
        raise  # a refusal, which is a fault of this test
    except (OSError, HTTPException):  # it is gone
        return


def await_readiness(port: int, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def send(port: int, method: str, path: str, body: bytes = b"", kind: str = "") -> None:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": kind or "application/json"}
    url = f"http://127.0.0.1:{port}/api/{path}"
    request = urllib.request.Request(url, body or None, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        answer.read()


def form_of(number: int) -> tuple[bytes, str]:
    """Return a form that holds version 1 of an item, and its type."""
    half = "left" if number % 2 else "right"
    parts = (
        b'--b\r\nContent-Disposition: form-data; name="attributes"\r\n\r\n'
        + f'{{"version": 1, "half": "{half}"}}\r\n'.encode()
        + b'--b\r\nContent-Disposition: form-data; name="picture"; filename="p.png"\r\n\r\n'
        + png_of(number, 1)
        + b"\r\n--b--\r\n"
    )
    return parts, "multipart/form-data; boundary=b"
