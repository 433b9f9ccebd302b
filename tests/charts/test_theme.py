import re
from importlib.resources import files

import pytest

from vitrine.charts import theme


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def page_colours(position: int) -> dict[str, str]:
    css = files("vitrine.report").joinpath("report.css").read_text()
    pairs = re.findall(r"--(\w+): light-dark\((#\w+), (#\w+)\)", css)
    return {name: colours[position] for name, *colours in pairs}


@pytest.mark.parametrize("position", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("text", ["ink", "soft", "accent", "wrong"])
@pytest.mark.parametrize("ground", ["page", "paper"])
def test_text_stands_out_from_the_page(position, text, ground):
    colours = page_colours(position)
    assert contrast(colours[text], colours[ground]) >= 4.5


@pytest.mark.parametrize("name", list(theme.PALETTES))
def test_chart_text_and_marks_stand_out(name):
    palette = theme.PALETTES[name]
    assert contrast(palette["soft"], palette["paper"]) >= 4.5
    assert contrast(palette["accent"], palette["paper"]) >= 3
    assert contrast(palette["baseline"], palette["paper"]) >= 3


@pytest.mark.parametrize(("position", "name"), [(0, "light"), (1, "dark")])
def test_charts_and_page_share_their_colours(position, name):
    colours = page_colours(position)
    shared = set(colours) & set(theme.PALETTES[name])
    assert {"ink", "soft", "line", "paper", "accent"} <= shared
    assert {c: colours[c] for c in shared} == {c: theme.PALETTES[name][c] for c in shared}
