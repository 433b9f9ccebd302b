"""Frames a second of the web page's map while it is moved, in a browser without a graphics card.

``python benchmarks/map_frames.py [--points 100000] [--seconds 4]``

Debian's Chromium with its software renderer, 1,200 × 800 pixels: the map is moved a little with
every frame. Prints how many frames were drawn a second, how many of the points the last of them
showed, and how long it took from the last move until all were drawn.
"""

import argparse
import json
from pathlib import Path

from playwright.sync_api import sync_playwright

STATIC = Path(__file__).parents[1] / "src/vitrine/service/page/static"
ADDRESS = "http://map.test/"
PAGE = """<!doctype html><style>#map {position: absolute; inset: 0}</style><div id="map"></div>"""
MOVE = """async ([n, seconds]) => {
  const { Points } = await import("./points.js");
  const nothing = () => {};
  const on = { hover: nothing, leave: nothing, click: nothing, loop: nothing };
  const points = new Points(document.querySelector("#map"), on);
  const spread = () => Float32Array.from({ length: n }, () => Math.random() + Math.random());
  points.set(spread(), spread());
  points.paint(new Uint8Array(4 * n).fill(160), new Uint8Array(n), 5);
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const started = performance.now();
  let frames = 0;
  for (; performance.now() < started + 1000 * seconds; frames++) {
    points.move(frames % 20 < 10 ? 0.01 : -0.01, 0);
    await frame();
  }
  const took = performance.now() - started;
  const shown = points.count;
  const rested = performance.now();
  while (points.count < n) await frame();
  const pixel = new Uint8Array(4);  // reading one waits for the renderer
  points.gl?.readPixels(0, 0, 1, 1, points.gl.RGBA, points.gl.UNSIGNED_BYTE, pixel);
  const rest = performance.now() - rested;
  return { frames_a_second: 1000 * frames / took, points_in_motion: shown, all_after_ms: rest };
}"""


def answer(route):
    name = route.request.url.removeprefix(ADDRESS)
    if name == "points.js":
        route.fulfill(path=STATIC / name, content_type="text/javascript")
    else:
        route.fulfill(body=PAGE, content_type="text/html")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--browser", default="/usr/bin/chromium")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=options.browser,
            args=["--no-sandbox", "--enable-unsafe-swiftshader"],
        )
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.route("**/*", answer)
        page.goto(ADDRESS)
        found = page.evaluate(MOVE, [options.points, options.seconds])
        browser.close()
    print(json.dumps({name: round(value, 1) for name, value in found.items()}))


if __name__ == "__main__":
    main()
