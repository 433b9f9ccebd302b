"""Clients that ask a service one thing after the other: reads, photo searches, writes."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from tests.trust.forks import Child
from tests.trust.made import item_id, png_of

KEY = "vitrine_writer"
N_ITEMS, N_OWN = 300, 20
CLIENTS_A_PROCESS = 16
KINDS = {"similar": 40, "list": 15, "item": 10, "recommend": 10, "picture": 5, "page": 3,
         "photo": 7, "rate": 6, "put": 3, "delete": 1}  # fmt: skip
"""How often each kind of request comes, in a hundred."""


@dataclass(frozen=True)
class Asked:
    """One request: what it was, what was answered (0: the connection was lost), and how fast."""

    kind: str
    status: int
    ms: float
    at: float
    text: str = ""


def crowd(folder: Path, phase: str, port: int, clients: int, until: float) -> list[Child]:
    """Start so many clients, in as few processes as can drive them."""
    name = phase.replace(" ", "-")
    return [
        Child(
            folder / f"{name}-{first}",
            ask,
            port,
            range(first, min(clients, first + CLIENTS_A_PROCESS)),
            until,
        )
        for first in range(0, clients, CLIENTS_A_PROCESS)
    ]


def gather(children: list[Child]) -> list[Asked]:
    for child in children:
        if child.wait() != 0:
            raise AssertionError(child.log.with_suffix(".err").read_text())
    return [Asked(**one) for child in children for one in child.said()]


def ask(say: Callable[[Any], None], port: int, numbers: range, until: float) -> None:
    photo = _form(png_of(7, 1), {"k": "5"})
    threads = [Thread(target=_go_on, args=(say, port, n, until, photo)) for n in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _go_on(
    say: Callable[[Any], None], port: int, number: int, until: float, photo: tuple[bytes, str]
) -> None:
    rng = random.Random(number)  # noqa: S311 - what is asked, no secret
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while time.monotonic() < until:
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        method, path, body, content_type = _request(kind, rng, number, photo)
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": content_type}
        began = time.monotonic()
        text = ""
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content, status = answer.read(), answer.status
            if status >= 400:
                text = content[:300].decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            status, text = 0, repr(error)
            connection.close()
        ended = time.monotonic()
        if (kind, status) == ("delete", 404):  # another client's delete was first, or its put late
            status = 204
        say(asdict(Asked(kind, status, 1000 * (ended - began), ended, text)))
        if status == 503:
            time.sleep(0.05 + 0.1 * rng.random())  # as Retry-After says, only faster


def _request(
    kind: str, rng: random.Random, number: int, photo: tuple[bytes, str]
) -> tuple[str, str, bytes | None, str]:
    item = item_id(rng.randrange(N_ITEMS - N_OWN))
    # Items that come and go are few, so that the shop does not grow.
    other = N_ITEMS - 1 - rng.randrange(N_OWN)
    json = "application/json"
    if kind == "photo":
        return "POST", "/api/search", *photo
    if kind == "rate":
        user, value = f"user-{rng.randrange(40)}", 1 + rng.randrange(5)
        row = f'{{"user_id": "{user}", "item_id": "{item}", "value": {value}}}'
        return "POST", "/api/interactions", f'{{"interactions": [{row}]}}'.encode(), json
    if kind == "put":
        version = rng.randrange(2)
        body = _form(png_of(other, version), {"attributes": f'{{"version": {version}}}'})
        return "PUT", f"/api/items/{item_id(other)}", *body
    if kind == "delete":
        return "DELETE", f"/api/items/{item_id(other)}", None, json
    path = {
        "similar": f"/api/items/{item}/similar?k=10" + rng.choice(["", "&where=half=left"]),
        "list": f"/api/items?page={1 + rng.randrange(5)}&size=20&q=" + rng.choice(["", "left"]),
        "item": f"/api/items/{item}",
        "recommend": f"/api/users/user-{rng.randrange(50)}/recommendations?k=5",
        "picture": f"/pictures/{item}?size=96",
        "page": rng.choice(["/", f"/item?id={item}"]),
    }[kind]
    return "GET", path, None, json


def _form(picture: bytes, fields: dict[str, str]) -> tuple[bytes, str]:
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    head = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="p.png"\r\n\r\n'
    return b"".join(parts) + head + picture + b"\r\n--b--\r\n", "multipart/form-data; boundary=b"
