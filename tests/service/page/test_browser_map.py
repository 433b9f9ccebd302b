"""The map, the picks and the figures in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.report.test_browser import WITHOUT_WEBGL
from tests.service.page.conftest import WRITE_KEY, until
from tests.service.page.test_browser import DRAWN, N_ITEMS, SCREENSHOTS

pytestmark = pytest.mark.chromium

# How many pixels of the map are coloured.
COLOURED = """async (png) => {
  const image = new Image();
  image.src = "data:image/png;base64," + png;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue] = [data[i], data[i + 1], data[i + 2]];
    if (Math.max(red, green, blue) - Math.min(red, green, blue) > 60) count++;
  }
  return count;
}"""


def coloured(page: Any) -> int:
    import base64

    shot = page.locator("#chart").screenshot()
    return page.evaluate(COLOURED, base64.b64encode(shot).decode())


def a_point(page: Any) -> tuple[float, float]:
    """Return where on the screen some point is, found as a reader does: by moving about."""
    page.locator("#ground").scroll_into_view_if_needed()
    box = page.locator("#chart canvas").bounding_box()
    for down in range(5, 100, 3):
        for across in range(5, 100, 3):
            x = box["x"] + box["width"] * across / 100
            y = min(box["y"] + box["height"] * down / 100, 890)
            page.mouse.move(x, y)
            if page.locator("#hover").is_visible():
                return x, y
    raise AssertionError("no point was found")


def test_every_item_is_a_point_with_its_picture(browse):
    page = browse("/map")
    page.wait_for_selector(DRAWN)
    assert coloured(page) > 500
    x, y = a_point(page)
    name = page.locator("#hover .name").inner_text()
    picture = page.locator("#hover img")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    page.screenshot(path=SCREENSHOTS / "flow-map-hover.png")
    page.mouse.click(x, y)
    page.wait_for_url("**/item?id=*")
    expect(page.locator(".id")).to_have_text(name)


def test_a_loop_lists_what_is_in_it(browse):
    page = browse("/map")
    page.wait_for_selector(DRAWN)
    page.get_by_role("button", name="Draw a loop").click()
    box = page.locator("#chart canvas").bounding_box()
    corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.6), (0.99, 0.99), (0.01, 0.99), (0.01, 0.02)]
    page.set_viewport_size({"width": 1200, "height": 1600})
    places = [(box["x"] + box["width"] * a, box["y"] + box["height"] * d) for a, d in corners]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()
    page.locator("#chosen").wait_for()
    count = int(page.locator("#chosen-head").inner_text().split()[0])
    assert 20 < count <= N_ITEMS
    expect(page.locator("#chosen-wall > li")).to_have_count(min(60, count))
    page.screenshot(path=SCREENSHOTS / "flow-map-loop.png")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#chosen")).to_be_hidden()


def test_it_is_coloured_by_any_attribute_and_one_value_seen_alone(browse):
    page = browse("/map")
    page.wait_for_selector(DRAWN)
    page.locator("#legend button").get_by_text("leaf").click()
    page.locator("#ground").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#chosen-head")).to_have_text("31 items in view")
    page.get_by_label("Coloured by").select_option("price")
    page.locator("#scale").wait_for()
    expect(page.locator("#legend")).to_be_hidden()
    assert float(page.locator("#scale-low").inner_text()) < float(
        page.locator("#scale-high").inner_text()
    )
    page.get_by_label("Coloured by").select_option("")
    until(page, "document.querySelector('#scale').hidden")


def test_the_keyboard_moves_the_map(browse):
    page = browse("/map")
    page.wait_for_selector(DRAWN)
    page.locator("#ground").focus()
    for key in ["+"] * 6:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    near = int(page.locator("#chosen-head").inner_text().split()[0])
    page.locator("#ground").focus()
    page.keyboard.press("0")
    page.keyboard.press("Enter")
    expect(page.locator("#chosen-head")).to_have_text(f"{N_ITEMS} items in view")
    assert near < N_ITEMS


def test_without_webgl_the_map_is_drawn_all_the_same(browse):
    page = browse("/photo")
    page.add_init_script(WITHOUT_WEBGL)
    page.goto(page.url.replace("photo", "map"))
    page.wait_for_selector(DRAWN)
    assert coloured(page) > 500


def test_ratings_change_the_picks(browse):
    page = browse("/you?user=newcomer")
    expect(page.get_by_text("newcomer has rated nothing")).to_be_visible()
    stars = page.locator("#popular [data-rate]").first
    rated = stars.get_attribute("data-rate")
    stars.get_by_role("button", name="5 of 5").click()
    expect(page.get_by_text("Give the write key first.")).to_be_visible()
    page.get_by_label("Write key").fill("wrong")
    page.get_by_role("button", name="Use").click()
    page.get_by_text("the key is not one of this service's").wait_for()
    page.get_by_label("Write key").fill(WRITE_KEY)
    page.get_by_role("button", name="Use").click()
    stars.get_by_role("button", name="5 of 5").click()
    page.get_by_text("Picked for newcomer").wait_for()
    expect(page.locator("#history [data-rate]")).to_have_attribute("data-rate", rated)
    expect(page.locator(f'#picks [data-rate="{rated}"]')).to_have_count(0)
    expect(page.locator("#picks .words").first).to_contain_text("you rated 5")
    before = page.locator("#picks .card a").all_inner_texts()
    page.locator("#picks [data-rate]").nth(3).get_by_role("button", name="1 of 5").click()
    until(page, "document.querySelector('#history-head').textContent === '2 rated'")
    assert page.locator("#picks .card a").all_inner_texts() != before
    page.screenshot(path=SCREENSHOTS / "flow-rated.png")


def test_the_figures_are_drawn(browse):
    page = browse("/figures")
    page.wait_for_selector(DRAWN)
    expect(page.locator(".tile")).to_have_count(4)
    assert page.locator(".js-plotly-plot .point").count() >= 16
    assert page.locator(".js-plotly-plot .hm, .js-plotly-plot image").count() > 0
    ink = "document.querySelector('.js-plotly-plot')._fullLayout.font.color"
    light = page.evaluate(ink)
    page.get_by_role("button", name="Switch to the dark theme").click()
    until(page, f"{ink} !== '{light}'")
    page.get_by_text("The same in numbers").click()
    expect(page.locator("table").first.get_by_text("raw pixels")).to_be_visible()


SLOW_FRAMES = """async () => {
  const beside = document.querySelector("script[src*='page.js']").src;
  const { Points } = await import(new URL("points.js", beside));
  const holder = document.createElement("div");
  holder.style.cssText = "width: 100px; height: 100px";
  document.body.append(holder);
  const nothing = () => {};
  const on = { hover: nothing, leave: nothing, click: nothing, loop: nothing };
  const points = new Points(holder, on);
  points.set(new Float32Array(50000), new Float32Array(50000));
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  for (let moves = 0; moves < 12; moves++) {
    const until = performance.now() + 60;  // a slow machine
    while (performance.now() < until);
    points.move(0.01, 0);
    await frame();
  }
  const moving = points.count;
  await new Promise((done) => setTimeout(done, 400));
  await frame();
  return [moving, points.count, new Set(points.order).size];
}"""


def test_a_slow_machine_moves_a_sample_and_then_draws_all(browse):
    page = browse("/map")
    page.wait_for_selector(DRAWN)
    moving, at_rest, different = page.evaluate(SLOW_FRAMES)
    assert 2000 <= moving < 20_000
    assert at_rest == different == 50_000
