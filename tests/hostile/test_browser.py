"""Text from strangers in a real browser: it is shown as it is written, and nothing of it runs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from tests.pictures import COLOURS, make_picture
from tests.service.page.conftest import browse, serving, until  # noqa: F401 - browse is a fixture
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.report import write_report
from vitrine.shop import Shop

pytestmark = pytest.mark.chromium

EVIL = (
    "<script>window.ran=1</script>",
    '"><img src=x onerror=window.ran=1>',
    "'><svg/onload=window.ran=1>",
    "</script><script>window.ran=1</script>",
    "</style></title></textarea><script>window.ran=1</script>",
    "javascript:window.ran=1",
    "{{7*7}}${window.ran=1}<%=1%>",
    "<a href=javascript:window.ran=1>x</a>",
    "\u2028window.ran=1//",
)


@pytest.fixture(scope="module")
def shop_path(tmp_path_factory) -> Path:
    """A shop whose ids, titles, categories, column names and EXIF hold scripts; it has ratings."""
    folder = tmp_path_factory.mktemp("evil")
    columns = ["id", "image", "title", "category", "<b onclick=window.ran=1>", "price"]
    rows = []
    for number in range(27):
        text = EVIL[number % len(EVIL)]
        exif = Image.Exif()
        for tag in (0x010E, 0x013B, 0x9286):  # description, artist, comment
            exif[tag] = text
        picture = Image.fromarray(make_picture(sorted(COLOURS)[number % 3], number))
        picture.save(folder / f"{number}.jpg", exif=exif, comment=text.encode())
        rows.append([f"{text}{number}", f"{number}.jpg", text, text, text, number])
    with open(folder / "items.csv", "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    encoder = make_encoder("colour", n_components=4)
    with Shop.create(folder / "shop", Catalogue.read(folder / "items.csv"), encoder) as shop:
        shop.ratings.rate_many([(EVIL[n % 3], row[0], 1 + n % 5, None)
                                for n, row in enumerate(rows)])  # fmt: skip
        shop.ratings.fit("item-knn")
    return folder / "shop"


@pytest.fixture(scope="module")
def address(shop_path):
    with serving(shop_path) as url:
        yield url


def check(page: Any) -> None:
    """See that nothing ran and that no element came from a text."""
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.ran === undefined")
    assert page.locator("img[src='x'], svg[onload], [onclick], a[href^='javascript:']").count() == 0
    assert "49" not in page.locator("h1").all_inner_texts()


@pytest.mark.parametrize(
    "path",
    ["/", "/photo", "/map", "/figures", "/you?user=" + quote(EVIL[0]), "/docs",
     "/?q=" + quote(EVIL[1]), "/?where=" + quote(f'category="{EVIL[2]}"'), "/item?id=nothing",
     "/you?user=" + quote(EVIL[1] + "x")],
)  # fmt: skip
def test_no_page_runs_what_it_shows(browse, path):  # noqa: F811 - the fixture above
    page = browse(path)
    if path in ("/map", "/figures"):
        page.wait_for_selector("html[data-drawn=true]")
    check(page)
    if path == "/":
        assert EVIL[0] in page.content().replace("&lt;", "<").replace("&gt;", ">")


@pytest.mark.parametrize("number", range(len(EVIL)))
def test_no_item_runs_what_it_is_called(browse, number):  # noqa: F811 - the fixture above
    page = browse("/item?id=" + quote(f"{EVIL[number]}{number}"))
    check(page)
    assert EVIL[number].strip() in page.locator("body").inner_text().replace("\n", " ") or (
        "\u2028" in EVIL[number]
    )


def test_a_photos_exif_is_not_shown_and_does_not_run(browse, shop_path):  # noqa: F811 - the fixture above
    page = browse("/photo")
    page.set_input_files("input[type=file]", shop_path.parent / "3.jpg")
    page.wait_for_selector("#results .under")
    check(page)


def test_what_the_address_says_after_the_hash_does_nothing(browse):  # noqa: F811 - the fixture above
    page = browse("/map#" + quote(EVIL[1]) + "&" + EVIL[5])
    page.wait_for_selector("html[data-drawn=true]")
    check(page)


def test_a_report_runs_nothing_of_what_it_shows(chromium, shop_path, tmp_path):
    with Shop.open(shop_path) as shop:
        write_report(shop, tmp_path / "report.html")
    page = chromium.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_load_state("load")
    assert page.evaluate("window.ran === undefined")
    assert errors == []
    page.close()


def test_another_sites_page_cannot_write(chromium, address, tmp_path):
    """A page of another origin sends what a form and a script can send; nothing is written."""
    (tmp_path / "evil.html").write_text(
        f"""<form id=f method=post enctype=text/plain action="{address}/api/items">
        <input name='{{"items":[{{"id":"x","a":"' value='"}}]}}'></form>
        <script>
          const calls = [["PUT", "/api/items/x"], ["DELETE", "/api/items/1"],
                         ["POST", "/api/items"], ["POST", "/api/interactions"]];
          const all = calls.map(([method, path]) => fetch("{address}" + path, {{
            method, mode: method === "POST" ? "no-cors" : "cors", credentials: "include",
            body: method === "DELETE" ? null : "{{}}"}}).catch(() => 0));
          Promise.allSettled(all).then(() => {{ window.sent = true; }});
        </script>"""
    )
    page = chromium.new_page()
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status))
    page.goto((tmp_path / "evil.html").as_uri())
    until(page, "window.sent === true")
    page.evaluate("document.getElementById('f').submit()")
    page.wait_for_load_state("networkidle")
    told = [status for status in answers if status not in (0, 200)]
    assert told
    assert set(told) <= {401, 403, 421}
    page.goto(address + "/")
    assert "27" in page.locator("#count").inner_text()
    page.close()
