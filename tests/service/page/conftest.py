"""A shop to look at, a service that serves it, and a browser that reports what goes wrong."""

from __future__ import annotations

import csv
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import expect
from starlette.testclient import TestClient

from tests.pictures import COLOURS, make_picture
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.service import Settings, create_app
from vitrine.service.keys import Keys, line_of
from vitrine.shop import Shop

WRITE_KEY = "vitrine_writer"
KEYS = Keys.parse(line_of(WRITE_KEY, "write"), "test")
HOSTILE = "<script>document.title='run'</script>"
LONG = "long-" + "x" * 400
N_EACH = 30
WAIT = 20_000
"""Milliseconds for what a page does; what is asked too early would read the page before."""
expect.set_options(timeout=WAIT)

BRANDS = ("Alder", "Birk & Co", '"Corvo"')


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Write a table, and a picture for each row; return the table."""
    (folder / "pictures").mkdir(parents=True)
    for seed, row in enumerate(rows):
        picture = make_picture(row.get("category") or "sea", seed)
        Image.fromarray(picture).resize((96, 80)).save(folder / "pictures" / f"{seed}.png")
        row["image"] = f"pictures/{seed}.png"
    with open(folder / "items.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder / "items.csv"


def make_shop(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Make a shop of a table's rows and return where it is."""
    table = write_rows(folder / "catalogue", rows)
    Shop.create(folder / "shop", Catalogue.read(table), make_encoder("colour")).close()
    return folder / "shop"


def rich_rows() -> list[dict[str, Any]]:
    """Return 93 items with a title, text, a price, a date and a yes or no; three have odd ids."""
    rows = [
        {
            "id": f"{category}-{i}",
            "title": f"{BRANDS[i % 3]} {category} {i}",
            "category": category,
            "brand": BRANDS[i % 3],
            "price": 5 + i * 1.5,
            "in_stock": i % 4 > 0,
            "added": f"2026-{i % 12 + 1:02}-{i % 28 + 1:02}",
        }
        for i in range(N_EACH)
        for category in COLOURS
    ]
    odd = ((HOSTILE, HOSTILE), ("..", "Two dots"), (LONG, LONG))
    return rows + [
        {**rows[n], "id": item_id, "title": title} for n, (item_id, title) in enumerate(odd)
    ]


@pytest.fixture(scope="session")
def shop_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a shop with ratings lies; one of its items has neither picture nor thumbnail left."""
    folder = tmp_path_factory.mktemp("page")
    path = make_shop(folder, rich_rows())
    with Shop.open(path) as shop:
        rows = [
            (f"user-{u}", f"{category}-{(7 * u + i) % N_EACH}", rating, None)
            for u in range(20)
            for i in range(6)
            for category, rating in zip(sorted(COLOURS), (5.0, 3.0, 1.0), strict=True)
        ]
        shop.ratings.rate_many(rows)
        shop.ratings.fit("item-knn")
    return path


@pytest.fixture(scope="session")
def address(shop_path: Path) -> Iterator[str]:
    """The address of a service of that shop, in a thread."""
    with serving(shop_path) as url:
        yield url


class serving:  # noqa: N801 - used as a context manager
    """Serves a shop while the block runs."""

    def __init__(self, path: Path) -> None:
        app = create_app(path, Settings(keys=KEYS))
        config = uvicorn.Config(app, port=0, log_level="warning", ws="none", lifespan="on")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def __enter__(self) -> str:
        self.thread.start()
        deadline = time.monotonic() + 30
        while not self.server.started:
            assert time.monotonic() < deadline
            assert self.thread.is_alive()
            time.sleep(0.02)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self.thread.join(20)


@dataclass
class Opened:
    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture
def browse(chromium: Any, address: str) -> Iterator[Any]:
    """Return what opens a page; afterwards nothing may have gone wrong or left the service."""
    contexts, pages = [], []

    def opener(path: str, width: int = 1200, scheme: str = "light", **options: Any) -> Any:
        size = {"width": width, "height": 900}
        context = chromium.new_context(viewport=size, color_scheme=scheme, **options)
        opened = Opened(context.new_page())
        opened.page.set_default_timeout(WAIT)
        opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.page.on("console", lambda m: _note(opened, m))
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        contexts.append(context)
        pages.append(opened)
        opened.page.goto(address + path)
        return opened.page

    yield opener
    for context in contexts:
        context.close()
    for opened in pages:
        assert opened.errors == []
        outside = [u for u in opened.requests if not u.startswith((address, "data:", "blob:"))]
        assert outside == []


def until(page: Any, holds: str) -> None:
    """Wait until an expression is true; Playwright's own waiting needs eval, which is refused."""
    deadline = time.monotonic() + 20
    while not page.evaluate(holds):
        assert time.monotonic() < deadline, f"it never came true: {holds}"
        page.wait_for_timeout(40)


def _note(opened: Opened, message: Any) -> None:
    # A refused question is an answer here, but the browser writes each one down as an error.
    refused = "the server responded with a status of 4" in message.text
    if message.type == "error" and not refused:
        opened.errors.append(message.text)


@pytest.fixture(scope="session")
def client(shop_path: Path) -> Iterator[TestClient]:
    """A client without a browser."""
    with TestClient(create_app(shop_path, Settings(keys=KEYS)), "http://localhost") as client:
        yield client
