"""What the pages are made of, each part alone."""

from __future__ import annotations

import datetime as dt
import struct
import threading
import time

import numpy as np
import pytest

from tests.pictures import make_picture
from vitrine.catalogue.where import parse_where
from vitrine.encoders import make_encoder
from vitrine.errors import InputError
from vitrine.index.distance import Distance
from vitrine.service.page.assets import POLICY, plotly_styles
from vitrine.service.page.kept import Kept, Made
from vitrine.service.page.links import expression, item_url, picture_url, plain, shown
from vitrine.service.page.map_making import ids_of, pack
from vitrine.service.page.maps import _categories, _scale
from vitrine.service.page.occlusion import CELLS, occlude
from vitrine.service.page.scale import Scale
from vitrine.service.page.words import Yardstick, shared
from vitrine.shop import RatingsInfo

NAMES = ("price", "a b", 'quo"te', "and", "x=y", "back\\slash", "<script>")
VALUES = ("plain", "", "salt and pepper", '"', "a=b<c", "\\", "ü", "-5")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", VALUES)
def test_a_written_condition_is_read_as_it_was_meant(name, value):
    [condition] = parse_where(expression(name, "=", value), {name: "text"})
    assert (condition.name, condition.operator, condition.value) == (name, "=", value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (12.5, "number"),
        (-3, "integer"),
        (True, "boolean"),
        (dt.datetime(2026, 1, 2), "date"),
        (dt.datetime(2026, 1, 2, 3, 4), "date"),
    ],
)
def test_a_written_value_keeps_its_type(value, kind):
    [condition] = parse_where(expression("x", "=", value), {"x": kind})
    assert condition.value == value


def test_addresses_hold_any_id():
    assert item_url("a/b?c&d") == "/item?id=a%2Fb%3Fc%26d"
    assert picture_url("a/b #", 96) == "/pictures/a%2Fb%20%23?size=96"
    assert item_url("x", ["a=1"], k=None, varied="true") == "/item?id=x&where=a%3D1&varied=true"


def test_values_are_written_for_people():
    assert shown(True) == "yes"
    assert plain(0.1 + 0.2) == "0.3"
    assert plain(dt.datetime(2026, 1, 2)) == "2026-01-02"


@pytest.mark.parametrize("name", ["cosine", "euclidean"])
def test_a_similarity_is_read_against_pairs_of_items(name):
    rng = np.random.default_rng(0)
    distance = Distance(name)
    vectors = distance.prepare(rng.normal(size=(300, 16)).astype(np.float32))
    yardstick = Yardstick(vectors, distance)
    assert yardstick.read(1.0).words == "The same picture, or nearly"
    [near] = distance.similarities(np.array([0.05 if name == "cosine" else 0.5], np.float32))
    assert yardstick.read(float(near)).words == "Very alike"
    assert yardstick.read(float(near)).closer_than == "closer than 99.9 % of all pairs"
    assert yardstick.read(-1.0).words == "Not much alike"
    assert Yardstick(vectors[:3], distance).read(0.5).words == "Similarity 0.50"


def test_what_two_items_share():
    one = {"brand": "A", "price": 100.0, "new": True, "old": False, "size": 5, "colour": None}
    other = {"brand": "A", "price": 95.0, "new": True, "old": False, "size": 9, "colour": None}
    assert shared(one, other) == [("brand", "A"), ("price", "about 95"), ("new", "yes")]
    assert shared({}, other) == []


def test_covering_what_counts_costs_similarity():
    encoder = make_encoder("pixels").fit(
        [make_picture(name, seed) for seed in range(8) for name in ("apple", "leaf", "sea")]
    )
    white = np.full((24, 24, 3), 255, np.uint8)
    marked = white.copy()
    marked[:6, :6] = (200, 30, 30)
    [vector] = encoder.transform([marked])
    found = occlude(encoder, marked, vector)
    assert found.losses.shape == (CELLS, CELLS)
    assert found.losses[:2, :2].min() > 10 * found.losses[4:, 4:].max()
    assert found.lowest < found.similarity == pytest.approx(1, abs=1e-5)


def test_a_map_is_packed_as_its_script_reads_it():
    points = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    content = pack(["a", "ü", "<b>"], points, "By hand.")
    (length,) = struct.unpack_from("<I", content)
    assert length % 4 == 0
    assert ids_of(content) == ["a", "ü", "<b>"]
    assert np.frombuffer(content, "<f4", offset=4 + length).tolist() == [1, 3, 5, 2, 4, 6]


def test_rare_values_share_a_colour():
    values = ["a"] * 5 + ["b"] * 3 + [str(i) for i in range(30)] + [None]
    found = _categories(values)
    assert found["names"][:2] == ["a", "b"]
    assert len(found["names"]) == 20
    assert found["names"][-1] == "other"
    assert found["codes"][-2:] == [19, -1]


def test_a_scale_is_not_stretched_by_one_dear_item():
    found = _scale([float(i) for i in range(100)] + [1e9, None])
    assert found["high"] < 200
    assert found["values"][-1] is None
    dates = _scale([dt.datetime(2026, 1, 1 + i) for i in range(25)])
    assert dates["ends"][0].startswith("2026-01-0")


def wait_for(kept, number):
    deadline = time.monotonic() + 10
    while kept.get(number) is None or kept.running:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return kept.get(number)


def test_a_value_is_made_once_and_kept(tmp_path):
    made = []

    def make():
        made.append(1)
        yield Made(b"value\nwith lines", 7)

    kept = Kept(tmp_path / "kept" / "x", make)
    assert wait_for(kept, 7).content == b"value\nwith lines"
    assert Kept(tmp_path / "kept" / "x", make).get(7).content == b"value\nwith lines"
    assert made == [1]


def test_an_earlier_value_is_shown_while_the_new_one_is_made(tmp_path):
    go_on, numbers = threading.Event(), iter((1, 2))

    def make():
        number = next(numbers)
        if number == 2:
            go_on.wait(10)
        yield Made(b"%d" % number, number)

    kept = Kept(tmp_path / "x", make)
    wait_for(kept, 1)
    assert kept.get(2, renew=False).content == b"1"
    assert not kept.running
    assert kept.get(2).content == b"1"
    assert kept.running
    go_on.set()
    assert wait_for(kept, 2).content == b"2"


def test_a_failure_is_said_and_not_repeated(tmp_path):
    made = []

    def make():
        made.append(1)
        yield Made(b"draft", 0, draft=True)
        raise InputError("nothing to measure")

    kept = Kept(tmp_path / "x", make)
    for _ in range(3):
        kept.get(1)
        while kept.running:
            time.sleep(0.005)
    assert kept.failure == "nothing to measure"
    assert made == [1]


def test_a_damaged_file_is_made_anew(tmp_path):
    (tmp_path / "x").write_bytes(b"something else")
    assert wait_for(Kept(tmp_path / "x", lambda: iter([Made(b"new", 1)])), 1).content == b"new"


def test_without_a_place_for_files_it_is_kept_in_memory(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert (
        wait_for(Kept(tmp_path / "file" / "x", lambda: iter([Made(b"new", 1)])), 1).content
        == b"new"
    )


@pytest.mark.parametrize(
    ("feedback", "low", "high", "steps"),
    [
        ("explicit", 1.0, 5.0, [1, 2, 3, 4, 5]),
        ("explicit", 2.0, 4.0, [1, 2, 3, 4, 5]),
        ("explicit", 0.0, 6.0, [0, 1, 2, 3, 4, 5, 6]),
        ("explicit", 0.0, 100.0, [0, 25, 50, 75, 100]),
        ("implicit", 1.0, 90.0, [1]),
        (None, None, None, [1, 2, 3, 4, 5]),
    ],
)
def test_ratings_are_given_on_the_shops_own_scale(feedback, low, high, steps):
    n = 0 if feedback is None else 9
    info = RatingsInfo(n, 1, 0, 1, 0, 0, feedback, low, high, None, None, None, {}, None, 0)
    assert Scale.of(info).steps == steps
    assert Scale.of(info).rated is (n > 0)


def test_the_policy_lets_nothing_inline_run_and_nothing_in_from_outside():
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self'"
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert all(len(one) == 64 for one in plotly_styles())
