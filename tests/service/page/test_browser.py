"""The pages in a real browser."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.pictures import make_picture
from tests.service.page.conftest import HOSTILE, LONG, N_EACH, until
from vitrine.shop.thumbnails import make_thumbnail

pytestmark = pytest.mark.chromium

SCREENSHOTS = Path(__file__).parents[3] / "screenshots"
WIDTHS = (1440, 820, 360)
PAGES = {
    "wall": "/",
    "item": "/item?id=leaf-3",
    "photo": "/photo",
    "map": "/map",
    "you": "/you?user=user-3",
    "figures": "/figures",
}
DRAWN = "html[data-drawn=true]"
N_ITEMS = 3 * N_EACH + 3


def wait_until_drawn(page: Any, name: str) -> None:
    if name in ("map", "figures"):
        page.wait_for_selector(DRAWN)
    page.wait_for_load_state("networkidle")


def serious(page: Any) -> list[str]:
    """Return what axe finds that is serious or worse."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("async () => (await axe.run()).violations")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_it_fits_and_can_be_used_by_everyone(browse, name, scheme):
    page = browse(PAGES[name], WIDTHS[0], scheme)
    wait_until_drawn(page, name)
    SCREENSHOTS.mkdir(exist_ok=True)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        until(page, f"document.documentElement.scrollWidth <= {width}")  # charts are drawn anew
        page.screenshot(path=SCREENSHOTS / f"page-{name}-{width}-{scheme}.png")
        if (width, scheme) in ((1440, "light"), (360, "dark")):
            assert serious(page) == []


def test_a_problem_is_a_page_too(browse):
    page = browse("/item?id=nothing", 360, "dark")
    assert "there is no item 'nothing'" in page.locator("#problem").inner_text()
    assert serious(page) == []


def test_the_first_wall_is_there_within_a_second(browse):
    page = browse("/")
    page.reload()
    until(page, "[...document.querySelectorAll('#wall img')].slice(0, 8)"
                           ".every((image) => image.complete && image.naturalWidth)")  # fmt: skip
    took = page.evaluate("""() => {
      const entries = performance.getEntriesByType("resource");
      const shown = entries.filter((entry) => entry.name.includes("/pictures/")).slice(0, 8);
      return Math.max(...shown.map((entry) => entry.responseEnd));
    }""")
    assert 0 < took < 1000


def test_the_wall_goes_on_by_itself(browse):
    page = browse("/")
    assert page.locator("#wall > li").count() == 60
    page.mouse.wheel(0, 20_000)
    until(page, f"document.querySelectorAll('#wall > li').length === {N_ITEMS}")
    assert page.locator(".more a").count() == 0
    ids = page.eval_on_selector_all("#wall a", "links => links.map((link) => link.href)")
    assert len(set(ids)) == N_ITEMS


def test_the_wall_works_without_scripts(browse):
    page = browse("/", java_script_enabled=False)
    page.get_by_role("link", name="Show more").click()
    expect(page.locator("#wall > li")).to_have_count(N_ITEMS - 60)
    page.get_by_role("link", name="Back").click()
    expect(page.locator("#wall > li")).to_have_count(60)


def test_filters_are_set_and_taken_away(browse):
    page = browse("/")
    facet = page.get_by_role("region", name="category")
    facet.get_by_role("link", name="leaf").click()
    expect(page.locator("#count")).to_contain_text("31 of 93")
    expect(facet.get_by_role("link")).to_have_count(3)  # the others can still be chosen
    page.get_by_label("price up to").fill("8")
    page.get_by_role("button", name="Filter by price").click()
    chips = page.get_by_label("Filtered by").get_by_role("link")
    expect(chips.nth(1)).to_contain_text("price up to 8")
    expect(chips.first).to_contain_text("category: leaf")
    expect(page.locator("#wall > li")).to_have_count(4)
    page.screenshot(path=SCREENSHOTS / "flow-filters.png")
    chips.first.click()
    expect(chips.first).to_contain_text("price up to 8")
    assert "price" in page.url
    assert "category" not in page.url


def test_words_find_items(browse):
    page = browse("/")
    page.get_by_label("Search by words or id").fill("leaf-7")
    page.keyboard.press("Enter")
    page.wait_for_url("**leaf-7")
    expect(page.locator("#wall .name").first).to_have_text("Birk & Co leaf 7")
    page.get_by_label("Search by words or id").fill("birk apple")
    page.keyboard.press("Enter")
    page.wait_for_url("**birk**")
    expect(page.locator("#wall > li")).to_have_count(10)


def test_the_theme_is_kept(browse):
    page = browse("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Switch to the dark theme").click()
    dark = page.evaluate(ground)
    page.goto(page.url + "photo")
    assert page.evaluate(ground) == dark != light
    assert page.locator("html").get_attribute("data-theme") == "dark"


def a_photo(tmp_path: Path, category: str = "leaf") -> Path:
    path = tmp_path / "photo.png"
    path.write_bytes(make_thumbnail(make_picture(category, 99)))
    return path


def found_names(page: Any) -> list[str]:
    return page.locator("#results .under").all_inner_texts()


def test_a_chosen_photo_finds_what_looks_like_it(browse, tmp_path):
    page = browse("/photo")
    page.set_input_files("#picture", a_photo(tmp_path))
    page.wait_for_selector("#results .card")
    assert all(name.startswith("leaf") for name in found_names(page)[:10])
    expect(page.locator("#recognised")).to_contain_text("leaf")
    page.get_by_label("Only items like this").press_sequentially("category=sea")
    until(page, "document.querySelector('#results .under').textContent.startsWith('sea')")
    page.get_by_label("Only items like this").fill("colour=red")
    until(page, "document.querySelector('#trouble').textContent.includes('colour')")
    page.screenshot(path=SCREENSHOTS / "flow-photo.png")


TWO_COLOURS = """async () => {
  const canvas = document.createElement("canvas");
  canvas.width = 400;
  canvas.height = 200;
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(200 30 30)";
  context.fillRect(0, 0, 200, 200);
  context.fillStyle = "rgb(30 60 200)";
  context.fillRect(200, 0, 200, 200);
  const blob = await new Promise((done) => canvas.toBlob(done));
  const data = new DataTransfer();
  data.items.add(new File([blob], "two.png", { type: "image/png" }));
  KIND
}"""
DROP = 'document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));'
PASTE = """document.body.dispatchEvent(
  new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));"""


@pytest.mark.parametrize("kind", [DROP, PASTE], ids=["drop", "paste"])
def test_a_photo_is_dropped_or_pasted_and_cropped(browse, kind):
    page = browse("/photo")
    page.locator("#choose").wait_for()
    page.evaluate(TWO_COLOURS.replace("KIND", kind))
    page.wait_for_selector("#results .card")
    box = page.locator("#preview").bounding_box()
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.55 * box["width"], middle - 0.4 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.95 * box["width"], middle + 0.4 * box["height"], steps=5)
    page.mouse.up()
    blue = "document.querySelector('#results .under')?.textContent.startsWith('sea')"
    until(page, blue)
    page.screenshot(path=SCREENSHOTS / "flow-crop.png")
    page.get_by_role("button", name="Whole photo").click()
    page.evaluate("""() => {
      const said = document.querySelector("#said");
      window.heard = []; // an answer may come at any time and say something else
      new MutationObserver(() => window.heard.push(said.textContent))
        .observe(said, { childList: true });
    }""")
    frame = page.locator("#box")
    frame.focus()
    for key in ["Shift+ArrowLeft"] * 12:  # the left two fifths
        page.keyboard.press(key)
    until(page, "window.heard.some((words) => words.endsWith('40 by 100 % of the photo'))")
    until(page, "document.querySelector('#results .under')?.textContent"
                           ".startsWith('apple')")  # fmt: skip


def test_a_photo_chosen_before_the_script_has_come_is_searched_by(browse, address, tmp_path):
    page, held = browse("/"), []
    page.route("**/photo.js", lambda route: held.append(route))
    page.goto(f"{address}/photo")
    page.set_input_files("#picture", a_photo(tmp_path))
    deadline = time.monotonic() + 20
    while not held:
        assert time.monotonic() < deadline
        page.wait_for_timeout(20)
    held[0].continue_()
    page.wait_for_selector("#results .card")
    assert found_names(page)[0].startswith("leaf")


def test_what_is_no_photo_is_refused_in_words(browse, tmp_path):
    path = tmp_path / "no.png"
    path.write_bytes(b"not a picture")
    page = browse("/photo")
    page.set_input_files("#picture", path)
    until(page, "document.querySelector('#trouble').textContent !== ''")
    assert page.locator("#results .card").count() == 0


def test_a_photo_is_searched_without_scripts(browse, tmp_path):
    page = browse("/photo", java_script_enabled=False)
    page.set_input_files("#picture", a_photo(tmp_path))
    page.get_by_label("Only items like this").fill("price<20")
    page.locator("#send").click()
    expect(page.locator("#results .under").first).to_contain_text("leaf")


def test_an_item_shows_what_is_like_it_and_why(browse):
    page = browse("/item?id=leaf-20")
    cards = page.locator("#similar .card")
    expect(cards).to_have_count(18)
    first = cards.first
    assert "closer than" in first.locator(".words").inner_text()
    assert "category (leaf)" in first.locator(".words").inner_text()
    first.get_by_role("button", name="Why?").click()
    page.wait_for_selector("#why-pair .heat >> nth=1")
    shade = """() => {
      const context = document.querySelector(".heat").getContext("2d");
      const { data } = context.getImageData(0, 0, 400, 400);
      return data.filter((_, i) => i % 4 === 3).reduce((most, alpha) => Math.max(most, alpha), 0);
    }"""
    assert page.evaluate(shade) > 100
    assert serious(page) == []
    page.screenshot(path=SCREENSHOTS / "flow-why.png")
    page.keyboard.press("Escape")
    expect(page.locator("#why")).to_be_hidden()


def test_a_click_that_comes_before_its_script_is_not_lost(browse):
    page = browse("/item?id=leaf-20")
    page.route("**/why.js*", lambda route: (time.sleep(1), route.continue_()))
    page.reload(wait_until="commit")
    page.get_by_role("button", name="Why?").first.click()
    page.wait_for_selector("#why-pair .heat >> nth=1")


def test_a_script_that_cannot_be_fetched_is_said(browse):
    page = browse("/item?id=leaf-20")
    page.route("**/why.js*", lambda route: route.fulfill(status=404))
    page.reload()
    button = page.locator("[data-why]").first
    button.click()
    said = page.get_by_text("That could not be fetched. Try again.")
    said.wait_for()
    page.unroute("**/why.js*")
    button.click()
    page.wait_for_selector("#why-pair .heat >> nth=1")
    expect(said).to_have_count(0)
    expect(button).to_contain_text("Show which parts of")


def test_more_like_this_but_cheaper(browse):
    page = browse("/item?id=leaf-20")
    page.get_by_role("link", name="cheaper").click()
    chip = page.get_by_label("Filtered by").get_by_role("link")
    expect(chip).to_contain_text("price under 35")
    prices = [
        float(text.split("·")[1]) for text in page.locator("#similar .under").all_inner_texts()
    ]
    assert max(prices) < 35
    page.get_by_role("link", name="another brand").click()
    until(page, "document.querySelectorAll('#similar-found .chip.on').length === 2")
    page.get_by_role("link", name="cheaper").click()  # and taken away again
    until(page, "document.querySelectorAll('#similar-found .chip.on').length === 1")
    assert "brand%21%3D" in page.url


def test_a_filter_is_typed(browse):
    page = browse("/item?id=leaf-20")
    box = page.get_by_label("Only items like this")
    box.fill("category=sea and price<20")
    until(page, "[...document.querySelectorAll('#similar .under')]"
                           ".every((one) => one.textContent.startsWith('sea'))")  # fmt: skip
    box.fill("nonsense=1")
    page.get_by_text("there is no attribute 'nonsense'").wait_for()


def test_hostile_names_are_only_text(browse):
    page = browse(f"/?q={quote(HOSTILE)}")
    page.locator("#wall a").first.click()
    expect(page.locator("h1")).to_have_text(HOSTILE)
    assert page.title().startswith("<script>")
    page.goto(page.url.split("/item")[0] + "/item?id=..")
    assert page.locator("h1").inner_text() == "Two dots"
    page.goto(page.url.split("/item")[0] + f"/item?id={LONG}")
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
