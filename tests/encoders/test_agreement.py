import numpy as np
import pytest

from tests.encoders.contracts import shapes
from vitrine.encoders import load_encoder, make_encoder
from vitrine.encoders.agreement import Agreement
from vitrine.index.distance import unit

RNG = np.random.default_rng(0)
LOOKS = RNG.standard_normal((400, 50), np.float32) * 7


@pytest.fixture
def agreement():
    return Agreement.draw(50, 0.4, random_state=0)


def probabilities(*rows):
    return np.array(rows, np.float32)


def test_the_cosine_is_the_chance_of_agreeing_beside_the_looks(agreement):
    shares = RNG.dirichlet([0.3] * 5, 400).astype(np.float32)
    vectors = agreement.vectors(shares, LOOKS)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    looks = LOOKS / np.linalg.norm(LOOKS, axis=1, keepdims=True)
    expected = 0.6 * shares @ shares.T + 0.4 * looks @ looks.T
    off = (vectors @ vectors.T - expected)[~np.eye(400, dtype=bool)]
    # What is left are products of directions of two pictures' own, right angles on average.
    assert abs(off.mean()) < 0.01
    assert np.abs(off).max() < 0.6 * 0.8


def test_who_is_unsure_stands_beside_the_sure_not_beside_the_unsure(agreement):
    unsure, sure = [0.6, 0.4], [1.0, 0.0]
    same_look = np.repeat(LOOKS[:1], 2, axis=0)
    shares = probabilities(unsure, *[unsure] * 100, *[sure] * 100)
    vectors = agreement.vectors(shares, LOOKS[:201])
    similarities = vectors[1:] @ vectors[0] - 0.4 * _cosines(LOOKS[0], LOOKS[1:201])
    assert similarities[100:].min() > np.median(similarities[:100])
    assert similarities[100:].mean() == pytest.approx(0.6 * 0.6, abs=1e-3)
    assert similarities[:100].mean() == pytest.approx(0.6 * (0.36 + 0.16), abs=0.03)
    twins = agreement.vectors(probabilities(unsure, unsure), same_look)
    assert twins[0] @ twins[1] == pytest.approx(1, abs=1e-5)


def test_probabilities_come_back(agreement):
    shares = RNG.dirichlet([1] * 3, 400).astype(np.float32)
    vectors = agreement.vectors(shares, LOOKS)
    np.testing.assert_allclose(agreement.shares_of(vectors, 3), shares, atol=1e-6)


@pytest.mark.parametrize("kind", ["category", "supervised"])
def test_an_encoder_from_before_makes_the_vectors_that_it_made(kind):
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pictures, labels = shapes(40)
    options = {"category": {}, "supervised": {"filters": ()}}[kind]
    encoder = make_encoder(kind, epochs=1, hidden=(8,), **options).fit(pictures, labels)
    artifact = encoder.to_artifact()
    del artifact.arrays["frequencies"]
    old = load_encoder(artifact)
    vectors, shares = old.transform(pictures), encoder.predict_proba(pictures)
    share = old.agreement_.looks_share
    np.testing.assert_allclose(vectors[:, :4], np.sqrt((1 - share) * shares), atol=1e-5)
    looks = unit(old.backbone_.transform(pictures))
    np.testing.assert_allclose(vectors[:, 4:], np.sqrt(share) * looks, atol=1e-5)
    np.testing.assert_allclose(old.predict_proba(pictures), shares, atol=1e-5)
    assert "frequencies" not in old.to_artifact().arrays


def _cosines(look, looks):
    return looks @ look / (np.linalg.norm(looks, axis=1) * np.linalg.norm(look))
