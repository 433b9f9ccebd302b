import base64
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from tests.report.made import made_report, without_labels
from vitrine.report.page import render

SECTIONS = (
    "figures", "reconstructions", "map", "categories", "neighbours", "confusions", "classes",
    "learning",
)  # fmt: skip


@pytest.fixture(scope="module")
def html() -> str:
    return render(made_report())


def section_ids(html: str) -> list[str]:
    return re.findall(r'<section id="([\w-]+)">', html)


def document(html: str, name: str):
    [text] = re.findall(rf'<script type="application/json" id="{name}">(.*?)</script>', html)
    return json.loads(text)


def test_every_part_is_there_and_in_the_contents(html):
    assert section_ids(html) == list(SECTIONS)
    assert re.findall(r'<li><a href="#([\w-]+)">', html) == list(SECTIONS)


def test_without_labels_what_needs_them_is_left_out_and_the_page_says_so():
    html = render(without_labels(made_report()))
    assert section_ids(html) == ["reconstructions", "map", "neighbours", "learning"]
    assert "No categories; left out: the figures." in html
    assert set(document(html, "charts")) == {"map", "learning"}


def test_an_encoder_that_cannot_rebuild_has_no_reconstructions():
    html = render(replace(made_report(), reconstructions=(), history=None))
    assert not {"reconstructions", "learning"} & set(section_ids(html))


def test_the_policy_knows_exactly_the_scripts_of_the_page(html):
    [policy] = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy.startswith("default-src &#39;none&#39;;")
    scripts = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    assert re.findall(r"sha256-([^&]+)&#39;", policy) == hashes
    assert len(hashes) == 2


def test_the_page_names_no_address_to_load_from(html):
    markup = re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)
    for address in re.findall(r'(?:src|href)="([^"]*)"', markup):
        assert address.startswith(("data:", "#")), address
    assert "url(" not in markup
    assert "@import" not in markup


def test_plotly_is_there_once(html):
    assert html.count("* plotly.js v") == 1


def test_text_from_outside_is_escaped():
    hostile = '"><script>alert(1)</script>'
    data = made_report(names=(hostile, "b", "c"))
    data = replace(data, title=hostile, facts=[(hostile, hostile)], notes=[hostile])
    data = replace(data, map=replace(data.map, item_ids=[hostile] * len(data.map.item_ids)))
    html = render(data)
    assert "<script>alert" not in html
    assert document(html, "items")["ids"][0] == hostile
    assert document(html, "items")["categories"][0] == hostile


def test_every_picture_says_what_it_is(html):
    pictures = re.findall(r"<img ([^>]*)>", html.split("<footer>")[0])
    assert len(pictures) > 20
    assert all(re.search(r'alt="[^"]+"', picture) for picture in pictures)


def test_what_could_not_be_measured_is_a_dash():
    data = made_report()
    unknown = np.full_like(data.figures.values, np.nan)
    html = render(replace(data, figures=replace(data.figures, values=unknown)))
    assert '<p class="number">–</p>' in html


def test_the_heat_map_shows_the_largest_of_many_categories(monkeypatch):
    monkeypatch.setattr("vitrine.report.page.MAX_HEATMAP", 2)
    data = made_report()
    rows = [replace(row, support=i) for i, row in enumerate(data.classes.rows)]
    html = render(replace(data, classes=replace(data.classes, rows=rows)))
    assert document(html, "charts")["confusion"]["data"][0]["x"] == ["leaf", "sea"]
    assert "for the 2 largest of 3 categories" in html


def test_the_same_data_gives_the_same_page(html):
    assert render(made_report()) == html
