"""The report in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.report.made import made_report, without_labels
from vitrine.report.page import render

pytestmark = pytest.mark.chromium

SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
WIDTHS = (360, 820, 1440)
# Where the map's first item of a category is on the screen.
PLACE_OF_POINT = """(trace) => {
  const map = document.getElementById("chart-map");
  map.scrollIntoView({block: "center", behavior: "instant"});
  const { xaxis, yaxis, _size } = map._fullLayout;
  const box = map.getBoundingClientRect();
  const { x, y, customdata } = map._fullData[trace];
  return [box.x + _size.l + xaxis.d2p(x[0]), box.y + _size.t + yaxis.d2p(y[0]), customdata[0]];
}"""

WITHOUT_WEBGL = """
const getContext = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...options) {
  return kind.includes("webgl") ? null : getContext.call(this, kind, ...options);
};
"""


@dataclass
class Opened:
    page: Any
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(made_report()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def open_report(chromium: Any) -> Iterator[Any]:
    contexts = []

    def opener(file: Path, width: int = 1440, scheme: str = "light", **options: Any) -> Opened:
        size = {"width": width, "height": 900}
        context = chromium.new_context(viewport=size, color_scheme=scheme, **options)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.page.on(
            "console",
            lambda message: opened.errors.append(message.text) if message.type == "error" else None,
        )
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto(file.as_uri())
        opened.page.wait_for_selector("html[data-drawn=true]", timeout=60_000)
        return opened

    yield opener
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def page(open_report: Any, report_file: Path) -> Any:
    """The report, wide and light; tests leave it as they found it."""
    return open_report(report_file).page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_asks_for_nothing(open_report, report_file, width, scheme):
    opened = open_report(report_file, width, scheme)
    page = opened.page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.querySelectorAll('.js-plotly-plot .main-svg').length") > 0
    assert page.locator(".js-plotly-plot").count() == page.locator(".chart").count()
    assert not page.locator(".no-webgl").count()
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"report-{width}-{scheme}.png", full_page=True)
    assert opened.errors == []
    outside = [url for url in opened.requests if not url.startswith(("data:", "blob:"))]
    assert outside == [report_file.as_uri()]


def test_an_item_under_the_pointer_shows_its_picture(page):
    x, y, index = page.evaluate(PLACE_OF_POINT, 1)
    assert page.locator("#hover").is_hidden()
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y, steps=3)
    page.wait_for_selector("#hover:not([hidden])")
    item = made_report().map
    assert page.locator("#hover .id").inner_text() == item.item_ids[index]
    assert page.locator("#hover .category").inner_text() == "leaf"
    picture = page.locator("#hover img")
    assert picture.get_attribute("src") == item.pictures[index].uri
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 24
    page.mouse.move(2, 2)
    page.wait_for_selector("#hover", state="hidden")


def test_a_tap_shows_the_picture_too(open_report, report_file):
    page = open_report(report_file, 360, has_touch=True, is_mobile=True).page
    x, y, _ = page.evaluate(PLACE_OF_POINT, 0)
    page.touchscreen.tap(x, y)
    page.wait_for_selector("#hover:not([hidden])")


def test_a_category_is_seen_alone_and_all_again(page):
    visible = "document.getElementById('chart-map')._fullData.map((trace) => trace.visible)"
    chip = page.get_by_role("button", name="leaf")
    chip.click()
    page.wait_for_function(f"String({visible}) === 'false,true,false'")
    assert chip.get_attribute("aria-pressed") == "true"
    chip.click()
    page.wait_for_function(f"String({visible}) === 'true,true,true'")


def test_the_theme_changes_page_and_charts(page):
    seen = """() => [
      getComputedStyle(document.body).backgroundColor,
      document.getElementById("chart-map")._fullData[1].marker.color,
      document.getElementById("chart-learning")._fullLayout.font.color,
    ]"""
    light = page.evaluate(seen)
    page.get_by_role("button", name="Switch to the dark theme").click()
    page.wait_for_function(
        "document.getElementById('chart-learning')._fullLayout.font.color === '#eceae4'"
    )
    dark = page.evaluate(seen)
    assert all(one != other for one, other in zip(light, dark, strict=True))
    page.get_by_role("button", name="Switch to the light theme").click()
    page.wait_for_function(
        f"document.getElementById('chart-learning')._fullLayout.font.color === '{light[2]}'"
    )
    assert page.evaluate(seen) == light


def test_charts_follow_the_window(page):
    page.set_viewport_size({"width": 360, "height": 800})
    page.wait_for_function("document.getElementById('chart-map')._fullLayout.width < 360")
    page.wait_for_function(
        "document.getElementById('chart-confusion')._fullData[0].texttemplate === ''"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_function("document.getElementById('chart-map')._fullLayout.width > 800")


def test_it_prints_on_white_within_the_paper(open_report, report_file):
    opened = open_report(report_file, 1440, "dark")
    opened.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    widths = "[...document.querySelectorAll('.chart')].map((chart) => chart._fullLayout.width)"
    opened.page.wait_for_function(f"Math.max(...{widths}) <= 680")
    font = "document.getElementById('chart-learning')._fullLayout.font.color"
    assert opened.page.evaluate(font) == "#1d2126"
    opened.page.evaluate("dispatchEvent(new Event('afterprint'))")
    opened.page.wait_for_function(f"{font} === '#eceae4' && Math.max(...{widths}) > 680")
    assert opened.errors == []


def test_without_webgl_the_map_is_drawn_all_the_same(chromium, report_file):
    page = chromium.new_page()
    page.add_init_script(WITHOUT_WEBGL)
    page.goto(report_file.as_uri())
    page.wait_for_selector("html[data-drawn=true]", timeout=60_000)
    assert page.locator("#chart-map .scatterlayer .point").count() == 60
    page.close()


def test_without_scripts_the_pictures_and_tables_are_there(chromium, report_file):
    page = chromium.new_page(java_script_enabled=False)
    page.goto(report_file.as_uri())
    assert page.locator("noscript").is_visible()
    assert page.locator(".hits img").count() == 12
    page.close()


def test_without_labels_it_opens_clean(open_report, tmp_path):
    file = tmp_path / "plain.html"
    file.write_text(render(without_labels(made_report())), encoding="utf-8")
    opened = open_report(file, 360)
    assert opened.errors == []
    assert opened.page.locator("#chips").count() == 0


def test_hostile_text_runs_nothing(open_report, tmp_path):
    hostile = "<img src=x onerror=document.title='run'><a href='javascript:1'>b</a>"
    file = tmp_path / "hostile.html"
    file.write_text(render(made_report(names=(hostile, "b", "c"))), encoding="utf-8")
    opened = open_report(file)
    assert opened.page.title() == "Made"
    assert opened.page.locator(".chips button").first.inner_text() == hostile
    assert opened.page.locator("#chart-confusion a").count() == 0
    assert opened.errors == []
