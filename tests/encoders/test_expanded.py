"""Leaning on the most alike pictures: by hand, at the edges, and whether it helps."""

import numpy as np
import pytest

from tests.encoders.contracts import shapes
from vitrine.encoders import load_encoder, make_encoder
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import unit

PICTURES, LABELS = shapes(120)
HELD_OUT, HELD_OUT_LABELS = shapes(400, seed=1)


@pytest.fixture(scope="module")
def fitted():
    return make_encoder("expanded", n_neighbours=3).fit(PICTURES)


def expanded_by_hand(own, remembered, n_neighbours, exponent, share):
    moved = []
    for vector in own:
        cosines = remembered @ vector
        nearest = [i for i in np.argsort(-cosines) if cosines[i] < 0.9999][:n_neighbours]
        mean = sum(max(cosines[i], 0) ** exponent * remembered[i] for i in nearest)
        moved.append((1 - share) * vector + share * mean / np.linalg.norm(mean))
    return unit(np.array(moved))


@pytest.mark.parametrize("pictures", [PICTURES[:10], HELD_OUT[:10]], ids=["fitted on", "new"])
def test_by_hand(fitted, pictures):
    own = unit(fitted.backbone_.transform(pictures))
    remembered = fitted.remembered_.astype(np.float32)
    expected = expanded_by_hand(own, remembered, 3, 8.0, 0.5)
    np.testing.assert_allclose(fitted.transform(pictures), expected, atol=1e-5)


def test_more_of_the_nearest_are_of_the_same_kind():
    noisy = np.random.default_rng(0)
    train, held = (
        np.clip(p + noisy.normal(0, 100, p.shape), 0, 255).astype(np.uint8)
        for p in (shapes(600)[0], HELD_OUT)
    )
    rates = []
    for encoder in (make_encoder("looks"), make_encoder("expanded")):
        vectors = unit(encoder.fit(train).transform(held))
        cosines = vectors @ vectors.T
        np.fill_diagonal(cosines, -1)
        rates.append((HELD_OUT_LABELS[cosines.argmax(axis=1)] == HELD_OUT_LABELS).mean())
    assert rates[1] > rates[0] + 0.01


def test_not_moved_at_all():
    encoder = make_encoder("expanded", share=0.0).fit(PICTURES)
    own = unit(encoder.backbone_.transform(HELD_OUT[:5]))
    np.testing.assert_allclose(encoder.transform(HELD_OUT[:5]), own, atol=1e-6)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_pictures_than_neighbours(n):
    vectors = make_encoder("expanded").fit(PICTURES[:n]).transform(PICTURES[:3])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_more_are_remembered_than_asked_for(tmp_path):
    encoder = make_encoder("expanded", max_pictures=50, n_neighbours=2).fit(PICTURES)
    assert len(encoder.remembered_) == 50
    encoder.save(tmp_path)
    np.testing.assert_array_equal(
        load_encoder(tmp_path).transform(HELD_OUT[:5]), encoder.transform(HELD_OUT[:5])
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_neighbours": 0}, "n_neighbours=0"),
        ({"max_pictures": 0}, "max_pictures=0"),
        ({"exponent": -1.0}, "exponent=-1"),
        ({"share": 1.5}, "share is 1.5"),
        ({"backbone": "supervised"}, "needs labels"),
        ({"backbone": "pixels", "backbone_options": ("n_components=2",)}, "euclidean"),
    ],
)
def test_what_cannot_be(options, message):
    with pytest.raises(OptionError, match=message):
        make_encoder("expanded", **options).fit(PICTURES)


def test_no_pictures():
    with pytest.raises(InputError, match="no pictures"):
        make_encoder("expanded").fit(PICTURES[:0])
