"""Learning without labels: the loss, the options, the budget."""

import time

import numpy as np
import pytest

from tests.encoders.contracts import shapes
from vitrine.encoders import make_encoder
from vitrine.errors import OptionError

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from vitrine.encoders._torch.contrastive import agreement
from vitrine.encoders._torch.convolutional import varied

PICTURES, _ = shapes(120)
QUICK = {"hidden": (32,), "n_components": 16, "epochs": 3, "batch_size": 64}


def test_the_loss_by_hand():
    anchors = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    partners = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    # Cosines over 0.5: the first row is (2, 2), the second (0, 0); columns are (2, 0) twice.
    rows = np.log(2)
    columns = (np.log1p(np.exp(-2)) + np.log1p(np.exp(2))) / 2
    assert agreement(anchors, partners, 0.5).item() == pytest.approx((rows + columns) / 2)


def test_the_two_parts_have_their_shares():
    encoder = make_encoder("contrastive", **QUICK).fit(PICTURES)
    vectors = encoder.transform(PICTURES)
    np.testing.assert_allclose((vectors[:, :16] ** 2).sum(axis=1), 0.4, atol=1e-4)
    looks = encoder.backbone_.transform(PICTURES) * np.sqrt(0.6)
    np.testing.assert_allclose(vectors[:, 16:], looks, atol=1e-5)


def test_views_are_seeded_and_differ():
    pictures = PICTURES[..., None]
    one, again, other = (varied(pictures, 0.1, 0.0, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    assert one.dtype == np.uint8
    np.testing.assert_array_equal(varied(pictures, 0.0, 0.0, 0), pictures)


def test_the_budget_is_kept():
    options = QUICK | {"epochs": 100_000, "max_minutes": 2 / 60}
    started = time.perf_counter()
    encoder = make_encoder("contrastive", **options).fit(PICTURES)
    assert time.perf_counter() - started < 20
    assert len(encoder.history_["loss"]) < 100_000


@pytest.mark.parametrize(
    "options",
    [
        {"n_components": 0},
        {"n_views": 0},
        {"n_neighbours": -1},
        {"hidden": (0,)},
        {"batch_size": 1},
        {"shift": 1.0},
        {"temperature": 0.0},
        {"looks_share": 1.0},
        {"backbone": "supervised"},
    ],
)
def test_what_cannot_be_is_refused(options):
    with pytest.raises(OptionError):
        make_encoder("contrastive", **options).fit(PICTURES)
