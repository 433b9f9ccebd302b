"""Learning categories from pixels and descriptors, against torch and by hand."""

import time

import numpy as np
import pytest

from tests.encoders.contracts import same_shape_rate, shapes
from vitrine.encoders import load_encoder, make_encoder
from vitrine.errors import InputError, OptionError

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from torch import nn

from vitrine.encoders._torch.convolutional import (
    convolutions,
    vary,
    without_normalisation,
)
from vitrine.encoders._torch.networks import initialise
from vitrine.encoders._torch.supervised import weigh

PICTURES, LABELS = shapes(120)
HELD_OUT, HELD_OUT_LABELS = shapes(80, seed=1)
NAMES = np.array(["disc", "square", "cross", "stripes"])
QUICK = {
    "filters": (8, 16),
    "hidden": (32,),
    "epochs": 25,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "validation_share": 0.1,
}


def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="module")
def fitted():
    return make_encoder("supervised", **QUICK).fit(PICTURES, NAMES[LABELS])


class TestPredicting:
    def test_held_out_pictures(self, fitted):
        assert (fitted.predict(HELD_OUT) == NAMES[HELD_OUT_LABELS]).mean() >= 0.9

    def test_probabilities_are_those_of_the_classes(self, fitted):
        shares = fitted.predict_proba(HELD_OUT)
        assert shares.shape == (80, 4)
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
        best = np.array(fitted.classes_)[shares.argmax(axis=1)]
        np.testing.assert_array_equal(best, fitted.predict(HELD_OUT))

    def test_they_survive_saving(self, fitted, tmp_path):
        loaded = load_encoder(fitted.save(tmp_path))
        np.testing.assert_array_equal(
            loaded.predict_proba(HELD_OUT), fitted.predict_proba(HELD_OUT)
        )
        assert loaded.history_ == fitted.history_

    def test_numbers_stay_numbers(self):
        encoder = make_encoder("supervised", **QUICK | {"epochs": 1}).fit(PICTURES, LABELS * 10)
        assert encoder.classes_ == [0, 10, 20, 30]


class TestVectors:
    def test_the_parts_have_their_shares(self, fitted):
        vectors = fitted.transform(HELD_OUT)
        n_looks = fitted.backbone_.n_components_
        known, looks = vectors[:, :-n_looks], vectors[:, -n_looks:]
        np.testing.assert_allclose((known**2).sum(axis=1), 0.6, atol=1e-4)
        np.testing.assert_allclose((looks**2).sum(axis=1), 0.4, atol=1e-4)
        np.testing.assert_allclose(
            fitted.proba_of(vectors), fitted.predict_proba(HELD_OUT), atol=1e-4
        )

    def test_a_mirrored_picture_is_the_same(self, fitted):
        mirrored = np.ascontiguousarray(HELD_OUT[:, :, ::-1])
        np.testing.assert_allclose(
            fitted.transform(mirrored), fitted.transform(HELD_OUT), atol=1e-3
        )

    def test_two_numbers(self):
        encoder = make_encoder("supervised", **QUICK, n_components=2).fit(PICTURES, LABELS)
        assert encoder.transform(HELD_OUT).shape == (80, 2)
        assert encoder.distance_.name == "euclidean"
        assert encoder.proba_of(encoder.transform(HELD_OUT)) is None
        assert same_shape_rate(encoder, PICTURES, LABELS, HELD_OUT, HELD_OUT_LABELS) >= 0.8
        assert (encoder.predict(HELD_OUT) == HELD_OUT_LABELS).mean() >= 0.8


class TestLearning:
    def test_curves_have_an_entry_an_epoch(self, fitted):
        lengths = {name: len(curve) for name, curve in fitted.history_.items()}
        assert lengths == dict.fromkeys(("loss", "val_loss", "val_accuracy", "seconds"), 25)
        assert fitted.history_["loss"][-1] < fitted.history_["loss"][0]

    def test_descriptors_alone(self):
        options = QUICK | {"filters": ()}
        encoder = make_encoder("supervised", **options).fit(PICTURES, LABELS)
        assert (encoder.predict(HELD_OUT) == HELD_OUT_LABELS).mean() >= 0.9

    def test_unknown_labels_are_left_out(self):
        labels = [None if i % 3 == 0 else str(label) for i, label in enumerate(LABELS)]
        encoder = make_encoder("supervised", **QUICK | {"epochs": 1}).fit(PICTURES, labels)
        assert encoder.classes_ == ["0", "1", "2", "3"]

    def test_the_budget_is_kept(self):
        options = QUICK | {"epochs": 100_000, "max_minutes": 2 / 60}
        started = time.perf_counter()
        encoder = make_encoder("supervised", **options).fit(PICTURES, LABELS)
        assert time.perf_counter() - started < 20
        assert len(encoder.history_["loss"]) < 100_000
        assert np.isfinite(encoder.transform(HELD_OUT)).all()

    def test_labels_are_needed(self):
        with pytest.raises(InputError, match="label"):
            make_encoder("supervised").fit(PICTURES)

    @pytest.mark.parametrize(
        "options",
        [
            {"n_components": 0},
            {"hidden": ()},
            {"filters": (0,)},
            {"dropout": 1.0},
            {"looks_share": -0.1},
            {"cosine_scale": 0.0},
            {"weight_decay": -1.0},
            {"max_minutes": 0.0},
            {"backbone": "category"},
        ],
    )
    def test_what_cannot_be_is_refused(self, options):
        with pytest.raises(OptionError):
            make_encoder("supervised", **options).fit(PICTURES, LABELS)


class TestParts:
    @pytest.mark.parametrize("shape", [(28, 28, 1), (64, 48, 3), (100, 100, 3)])
    def test_normalisation_inside_the_convolutions_is_the_same(self, shape):
        network = convolutions(shape, (4, 6, 8))
        initialise(network, generator())
        x = torch.rand(8, *shape, generator=generator())
        for _ in range(3):
            network(x)  # moves the running means
        network.eval()
        with torch.no_grad():
            folded = without_normalisation(network)
            assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded)
            torch.testing.assert_close(folded(x), network(x), rtol=1e-4, atol=1e-5)
            assert network(x).shape == (8, 8)

    def test_nothing_varies_where_nothing_may(self):
        x = torch.rand(5, 9, 7, 3, generator=generator())
        torch.testing.assert_close(vary(x, 0.0, 0.0, False, generator()), x)

    def test_half_of_the_pictures_are_mirrored(self):
        x = torch.rand(100, 6, 6, 1, generator=generator())
        varied = vary(x, 0.0, 0.0, True, generator())
        same = (varied == x).flatten(1).all(dim=1)
        mirrored = (varied == x.flip(2)).flatten(1).all(dim=1)
        assert (same | mirrored).all()
        assert 30 < mirrored.sum() < 70

    def test_a_shift_moves_the_pixels_and_repeats_the_border(self):
        x = torch.arange(10.0).view(1, 1, 10, 1).expand(50, 10, 10, 1)
        varied = vary(x, 0.2, 0.0, False, generator())[:, 0, :, 0]
        moved = varied[:, 5] - 5
        assert set(moved.tolist()) == {-2.0, -1.0, 0.0, 1.0, 2.0}
        assert (varied[:, 0] == moved.clamp(min=0)).all()

    def test_the_better_side_has_the_greater_vote(self):
        rng = np.random.default_rng(0)
        codes = rng.integers(0, 4, 400)
        right = np.eye(4)[codes] * 3 + rng.normal(0, 1, (400, 4))
        useless = rng.normal(0, 1, (400, 4))
        votes = weigh(np.stack([right, useless]).astype(np.float32), codes)
        assert votes[0] > 0.5
        assert votes[1] < 0.2
