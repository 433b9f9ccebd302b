"""The commands that put a shop on the network."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitrine.cli import console
from vitrine.cli.app import app
from vitrine.cli.options import ShopPath
from vitrine.errors import MissingExtraError, OptionError
from vitrine.store import Store

if TYPE_CHECKING:
    from vitrine.service.keys import Keys
    from vitrine.service.settings import Settings

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--keys", metavar="FILE", help="Hashes of keys, a line each; also read from $VITRINE_KEYS."
    ),
]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--allow-host", metavar="NAME", help="A name it is called by; repeatable."),
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=VALUE",
        help="max_body_bytes, max_pixels, max_k, max_page_size, max_batch, arrive_seconds, "
        "answer_seconds, max_requests, picture_cache_bytes; repeatable.",
    ),
]


@app.command()
def serve(
    shop: ShopPath,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    keys: KeyFile = None,
    public_read: Annotated[
        bool, typer.Option("--public-read", help="Let anyone read who reaches the address.")
    ] = False,
    allow_host: Hosts = None,
    allow_urls: Annotated[
        bool,
        typer.Option(
            "--allow-urls", help="Fetch pictures that items name by addresses (picture_urls)."
        ),
    ] = False,
    limit: Limits = None,
    log_level: Annotated[
        str, typer.Option(help="info: a line a request; warning: what goes wrong.")
    ] = "info",
) -> None:
    """Serve a shop over HTTP: an API, and a web page to look at."""
    try:
        from vitrine.service.server import serve as run
        from vitrine.service.settings import Settings, with_limits
    except ImportError as error:
        raise MissingExtraError("serving a shop", "serve") from error
    if log_level not in ("debug", "info", "warning", "error"):
        raise OptionError(f"--log-level {log_level}: debug, info, warning or error")
    settings = Settings(host, port, workers, public_read, _keys(keys), tuple(allow_host or ()))
    settings = with_limits(replace(settings, allow_urls=allow_urls), limit or [])
    _check_reading(settings)
    Store.open(shop).close()  # says in one line what is wrong with it
    run(shop, settings, log_level, lambda bound: _announce(replace(settings, port=bound)))


@app.command()
def key(
    right: Annotated[str, typer.Argument(metavar="read|write", help="What it allows.")] = "write",
    file: Annotated[
        Path | None, typer.Option("--file", help="Add the key's line to this file.")
    ] = None,
) -> None:
    """Make a key for a service; it is shown once, and only its hash is kept."""
    try:
        from vitrine.service.keys import RIGHTS, line_of, new_key
    except ImportError as error:
        raise MissingExtraError("making keys for a service", "serve") from error
    chosen = next((one for one in RIGHTS if one == right), None)
    if chosen is None:
        raise OptionError(f"{right}: a key is for read or for write")
    made = new_key()
    line = line_of(made, chosen)
    if file is not None:
        _append(file, line)
    console.say(made)
    console.complain(
        f"this is the key; it is not kept anywhere. Its line "
        f"{'has been added to ' + str(file) if file else 'for the file or $VITRINE_KEYS: ' + line}"
    )


def _keys(file: Path | None) -> Keys:
    from vitrine.service.keys import ENVIRONMENT, Keys

    given = Keys.parse(os.environ.get(ENVIRONMENT, ""), f"${ENVIRONMENT}")
    return given if file is None else given + Keys.read_file(file)


def _append(file: Path, line: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as opened:
        opened.write(f"{line}\n")


def _check_reading(settings: Settings) -> None:
    keys = settings.keys
    if settings.loopback or settings.public_read or keys.read or keys.write:
        return
    raise OptionError(
        f"{settings.host} can be reached from other machines, and there is no key: make one with "
        "vitrine key read --file KEYS and add --keys KEYS, or let anyone read with --public-read"
    )


def _announce(settings: Settings) -> None:
    name = f"[{settings.host}]" if ":" in settings.host else settings.host
    shown = "localhost" if settings.host in ("0.0.0.0", "::") else name  # noqa: S104 - shown
    reading = "open to anyone who reaches it" if settings.public_read else (
        "open on this machine" if settings.loopback else "with a key"
    )  # fmt: skip
    writing = "with a write key" if settings.keys.write else "off (no write key is set)"
    console.complain(
        f"http://{shown}:{settings.port}/  the page · /docs  the calls · "
        f"reading: {reading} · writing: {writing} · Ctrl+C ends it"
    )
