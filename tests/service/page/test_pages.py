"""The pages as they are sent, for ordinary and for odd catalogues."""

from __future__ import annotations

import re
import time
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from tests.service.page.conftest import HOSTILE, LONG, make_shop, rich_rows, write_rows
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.service import create_app
from vitrine.service.page.memory import memory_of
from vitrine.shop import Shop
from vitrine.store import Store

PATHS = ("/", "/photo", "/map", "/you", "/you?user=somebody", "/figures")


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_inline_and_nothing_comes_from_outside(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["content-security-policy"]
    html = answer.text
    assert not re.search(r"<[^>]*\s(style|on\w+)=", html)
    assert "<style" not in html
    assert not re.search(r"<script(?![^>]*\ssrc=)", html)
    sources = re.findall(r'(?:src|href|action)="([^"]*)"', html)
    assert all(source.startswith(("/", "#")) for source in sources)


def test_the_filter_that_the_photo_page_suggests_works(client):
    suggested = re.search(r'placeholder="for example ([^"]+)"', client.get("/photo").text)[1]
    answer = client.get("/api/items", params={"where": unescape(suggested)})
    assert answer.status_code == 200
    assert answer.json()["total"] > 0


def test_an_item_is_shown_whatever_is_being_removed(client, monkeypatch):
    memory = memory_of(client.app.state.vitrine.shop)
    monkeypatch.setattr(memory, "_measured", None)
    # Asked for the vector of an item that another process has just removed, it raises an error.
    monkeypatch.setattr(Store, "vectors", None)
    answer = client.get("/item?id=leaf-1")
    assert answer.status_code == 200
    assert "of all pairs" in answer.text


def test_hostile_names_are_escaped(client):
    for html in (client.get("/?q=script").text, client.get("/item", params={"id": HOSTILE}).text):
        assert HOSTILE not in html
        assert HOSTILE in unescape(html)


def test_unknown_items_and_bad_questions_are_answered_in_words(client):
    missing = client.get("/item?id=leaf")
    assert missing.status_code == 404
    assert "there is no item" in missing.text
    for path in ("/?where=price", "/?where=nothing%3D1", "/?page=0", "/?page=x", "/?page=-1",
                 "/?min.price=cheap", "/item?id=leaf-1&where=price%3Cx"):  # fmt: skip
        answer = client.get(path)
        assert answer.status_code == 422, path
        assert 'id="problem"' in answer.text
    assert client.get("/map/colours?by=nothing").status_code == 422
    assert client.get("/item/heat?id=leaf-1&like=none").status_code == 404
    assert client.get("/?page=9").status_code == 200


def test_files_are_kept_by_the_browser_and_sent_small(client):
    html = client.get("/figures").text + client.get("/").text
    style = re.search(r"/static/\w+/page\.css", html)[0]
    answer = client.get(style, headers={"accept-encoding": "gzip"})
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text.startswith(":root")
    assert client.get("/static/other/page.css").headers["cache-control"] == "no-cache"
    assert client.get(style.replace("page.css", "..")).status_code == 404
    assert client.get("/static/x/plotly.js").text.count("Plotly") > 10


def test_a_range_filters_with_the_other_conditions(client):
    html = client.get(
        "/", params={"where": "category=sea", "min.price": "10", "max.price": ""}
    ).text
    assert "price from 10" in html
    assert "category: sea" in html
    assert "price up to" not in html.split("Filtered by")[1].split("</ul>")[0]


def test_facets_count_what_the_other_filters_leave(client):
    html = client.get("/", params={"where": ["category=sea", "brand=Alder"]}).text
    facet = html.split('id="facet-1">category')[1].split("</section>")[0]
    counts = re.findall(r"<span>(\w+)</span><span>(\d+)</span>", facet)
    assert {name for name, _ in counts} == {"apple", "leaf", "sea"}
    assert 'aria-current="true"' in facet


def test_map_and_figures_are_made_in_the_background(shop_path, client):
    deadline = time.monotonic() + 60
    while (points := client.get("/map/points")).status_code == 202:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    tag = points.headers["etag"]
    assert client.get("/map/points", headers={"if-none-match": tag}).status_code == 304
    colours = client.get("/map/colours?by=category").json()
    assert len(colours["codes"]) == 93
    while "data-waiting" in (page := client.get("/figures").text):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "Beside what it must beat" in page
    assert set(client.get("/figures/charts").json()) == {"figures", "confusion"}
    assert (shop_path / "page" / "map").is_file()


def odd_catalogues() -> dict[str, list[dict[str, object]]]:
    many = {f"attribute {i} <b>": f"value {i % 3}" for i in range(40)}
    return {
        "one": [{"id": "only"}],
        "plain": [{"id": f"item {i}"} for i in range(10)],
        "many": [{"id": f"i{i}", **many, "n": i, "text": f"t{i}"} for i in range(12)],
        "ids": [{"id": i} for i in ("a/b", "..", "?&#%", LONG, "ü 1", "'\"", " x ")],
    }  # fmt: skip


@pytest.mark.parametrize("name", list(odd_catalogues()))
def test_odd_catalogues_have_every_page(tmp_path: Path, name: str):
    rows = odd_catalogues()[name]
    path = make_shop(tmp_path, rows)
    with TestClient(create_app(path), "http://localhost") as client:
        for where in PATHS:
            assert client.get(where).status_code == 200, where
        html = client.get("/").text
        links = re.findall(r'href="(/item\?[^"]*)"', html)
        assert len(links) == len(rows)
        for link in links:
            assert client.get(unescape(link)).status_code == 200, link
        for _ in range(100):
            if client.get("/map/points").status_code == 200:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("the map was never drawn")


def test_all_pictures_of_an_item_are_shown(tmp_path: Path):
    table = write_rows(tmp_path / "catalogue", rich_rows()[:3])
    lines = table.read_text().splitlines()
    one_more = lines[1].replace("pictures/0.png", "pictures/0.png;pictures/1.png")
    table.write_text("\n".join([lines[0], one_more, *lines[2:]]))
    shop = Shop.create(tmp_path / "shop", Catalogue.read(table), make_encoder("colour"))
    counts = shop.picture_counts(shop.item_ids)
    shop.close()
    assert sorted(counts.values()) == [1, 1, 2]
    with TestClient(create_app(tmp_path / "shop"), "http://localhost") as client:
        [both] = [item_id for item_id, count in counts.items() if count == 2]
        html = client.get("/item", params={"id": both}).text
        shots = [unescape(url) for url in re.findall(r'src="(/pictures[^"]*size=960[^"]*)"', html)]
        assert len(shots) == 2
        assert len({client.get(url).content for url in shots}) == 2


def test_an_item_without_a_picture_says_so(tmp_path: Path):
    rows = rich_rows()[:6]
    path = make_shop(tmp_path, rows)
    with Shop.open(path) as shop, shop._store.engine.begin() as connection:
        connection.execute(text("DELETE FROM thumbnails"))
    for picture in (tmp_path / "catalogue" / "pictures").iterdir():
        picture.unlink()
    with TestClient(create_app(path), "http://localhost") as client:
        assert client.get("/").text.count("no picture") == 6
        page = client.get("/item", params={"id": "apple-0"})
        assert "no picture left to show" in page.text
        assert "data-why" not in page.text
        assert client.get("/item/heat?id=apple-0&like=leaf-0").status_code == 422


def test_an_empty_shop_says_what_to_do(tmp_path: Path):
    rows = rich_rows()[:3]
    path = make_shop(tmp_path, rows)
    with Shop.open(path) as shop:
        shop.remove([row["id"] for row in rows])
    with TestClient(create_app(path), "http://localhost") as client:
        assert "vitrine add" in client.get("/").text
        for where in PATHS:
            assert client.get(where).status_code == 200, where
