"""The map: its loss, its options, its budget."""

import time

import numpy as np
import pytest

from tests.encoders.contracts import same_shape_rate, shapes
from vitrine.encoders import make_encoder
from vitrine.errors import OptionError

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from vitrine.encoders._torch.neighbour_map import contrast

PICTURES, LABELS = shapes(120)
HELD_OUT, HELD_OUT_LABELS = shapes(80, seed=1)
QUICK = {"hidden": (32, 32), "epochs": 80, "batch_size": 64, "learning_rate": 5e-3}


@pytest.fixture(scope="module")
def fitted():
    return make_encoder("neighbour-map", **QUICK).fit(PICTURES)


def test_the_loss_by_hand():
    anchors = torch.tensor([[0.0, 0.0], [3.0, 0.0]])
    partners = torch.tensor([[0.0, 1.0], [3.0, 0.0]])
    # Odds 1 / (1 + r²): the first sees its own at r² = 1 and the other at 9; the second 10 and 0.
    shares = np.array([(1 / 2) / (1 / 2 + 1 / 10), 1 / (1 / 11 + 1)])
    assert contrast(anchors, partners).item() == pytest.approx(-np.log(shares).mean())


def test_positions_are_around_the_origin_with_a_spread_of_one(fitted):
    positions = fitted.transform(PICTURES)
    np.testing.assert_allclose(positions.mean(axis=0), 0, atol=1e-4)
    assert positions.std(axis=0).mean() == pytest.approx(1, abs=1e-3)
    assert fitted.distance_.name == "euclidean"


def test_more_numbers_than_two():
    encoder = make_encoder("neighbour-map", n_components=5, **QUICK).fit(PICTURES)
    assert encoder.transform(HELD_OUT).shape == (80, 5)


def test_another_backbone():
    encoder = make_encoder("neighbour-map", backbone="hog", **QUICK).fit(PICTURES)
    assert encoder.backbone_.kind == "hog"
    assert same_shape_rate(encoder, PICTURES, LABELS, HELD_OUT, HELD_OUT_LABELS) > 0.8


def test_a_sample_is_enough():
    options = QUICK | {"max_pictures": 60}
    encoder = make_encoder("neighbour-map", **options).fit(PICTURES)
    assert same_shape_rate(encoder, PICTURES, LABELS, HELD_OUT, HELD_OUT_LABELS) > 0.7


def test_the_budget_is_kept():
    options = QUICK | {"epochs": 100_000, "max_minutes": 2 / 60}
    started = time.perf_counter()
    encoder = make_encoder("neighbour-map", **options).fit(PICTURES)
    assert time.perf_counter() - started < 20
    assert len(encoder.history_["loss"]) < 100_000
    assert np.isfinite(encoder.transform(HELD_OUT)).all()


@pytest.mark.parametrize(
    "options",
    [
        {"n_components": 0},
        {"n_neighbours": 0},
        {"hidden": ()},
        {"batch_size": 1},
        {"learning_rate": 0.0},
        {"max_minutes": 0.0},
        {"max_pictures": 0},
        {"backbone": "category"},
        {"backbone": "loooks"},
    ],
)
def test_what_cannot_be_is_refused(options):
    with pytest.raises(OptionError):
        make_encoder("neighbour-map", **options).fit(PICTURES)
