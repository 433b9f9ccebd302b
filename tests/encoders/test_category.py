import logging

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from tests.encoders.contracts import same_shape_rate, shapes
from tests.encoders.tiny_models import pooling_network
from vitrine.encoders import features as features_module
from vitrine.encoders import load_encoder, make_encoder, parse_options
from vitrine.encoders.category import Category
from vitrine.encoders.category_labels import read_labels, validation_part
from vitrine.encoders.category_presets import PRESETS
from vitrine.encoders.features import features_of
from vitrine.encoders.pretrained import Pretrained
from vitrine.errors import InputError, OptionError, TrainingError
from vitrine.index.distance import unit

pytest.importorskip("torch")
pytest.importorskip("onnx")

PICTURES, LABELS = shapes(120)
HELD_OUT, HELD_OUT_LABELS = shapes(80, seed=1)
NAMES = np.array(["disc", "square", "cross", "stripes"])
QUICK = {
    "hidden": (64,),
    "epochs": 40,
    "head_batch_size": 16,
    "dropout": 0.3,
    "learning_rate": 3e-3,
}
WEAK = {"backbone": "pixels", "backbone_options": ("n_components=8", "size=8")}


@pytest.fixture(scope="module")
def fitted():
    return make_encoder("category", **QUICK).fit(PICTURES, NAMES[LABELS])


class TestPredicting:
    def test_held_out_pictures(self, fitted):
        predicted = fitted.predict(HELD_OUT)
        assert (predicted == NAMES[HELD_OUT_LABELS]).mean() >= 0.9

    def test_probabilities_are_those_of_the_classes(self, fitted):
        shares = fitted.predict_proba(HELD_OUT)
        assert shares.shape == (80, 4)
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
        assert fitted.classes_ == sorted(NAMES)
        best = np.array(fitted.classes_)[shares.argmax(axis=1)]
        np.testing.assert_array_equal(best, fitted.predict(HELD_OUT))

    def test_they_survive_saving(self, fitted, tmp_path):
        fitted.save(tmp_path)
        loaded = load_encoder(tmp_path)
        np.testing.assert_array_equal(
            loaded.predict_proba(HELD_OUT), fitted.predict_proba(HELD_OUT)
        )
        assert loaded.history_ == fitted.history_

    def test_numbers_stay_numbers(self):
        encoder = make_encoder("category", **QUICK).fit(PICTURES, LABELS * 10)
        assert encoder.classes_ == [0, 10, 20, 30]
        assert encoder.predict(HELD_OUT[:3]).dtype.kind == "i"


class TestLearning:
    def test_curves_have_an_entry_an_epoch(self):
        encoder = make_encoder("category", **QUICK, validation_share=0.25).fit(PICTURES, LABELS)
        assert {name: len(curve) for name, curve in encoder.history_.items()} == dict.fromkeys(
            ("loss", "accuracy", "val_loss", "val_accuracy", "seconds"), 40
        )
        assert encoder.history_["loss"][-1] < encoder.history_["loss"][0]
        assert encoder.history_["accuracy"][-1] > encoder.history_["accuracy"][0]
        assert encoder.history_["val_accuracy"][-1] > 0.8

    def test_without_a_watched_part_there_is_no_curve_of_it(self, fitted):
        assert fitted.history_["val_loss"] == fitted.history_["val_accuracy"] == []

    def test_it_beats_its_backbone(self):
        before = make_encoder("pixels", n_components=8, size=8).fit(PICTURES)
        after = make_encoder("category", **WEAK, **QUICK).fit(PICTURES, LABELS)
        rates = [
            same_shape_rate(encoder, PICTURES, LABELS, HELD_OUT, HELD_OUT_LABELS)
            for encoder in (before, after)
        ]
        assert rates[1] > rates[0]

    def test_looks_stay_beside_the_categories(self, fitted):
        share = fitted.agreement_.looks_share
        vectors = fitted.transform(HELD_OUT)
        looks = fitted.backbone_.transform(HELD_OUT)
        n = looks.shape[1]
        np.testing.assert_allclose(
            vectors[:, -n:] @ vectors[:, -n:].T, share * looks @ looks.T, atol=1e-5
        )
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        shares = fitted.predict_proba(HELD_OUT)
        np.testing.assert_allclose(vectors[:, :4], shares * np.sqrt(1 - share), atol=1e-5)
        np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)

    def test_the_hidden_layer_alone(self):
        encoder = make_encoder("category", **QUICK, embedding="hidden").fit(PICTURES, LABELS)
        assert encoder.n_components_ == 64
        logits = encoder.distance_.prepare(encoder.transform(HELD_OUT)) @ encoder.weight_.T
        shares = encoder.predict_proba(HELD_OUT)
        np.testing.assert_array_equal(logits.argmax(axis=1), shares.argmax(axis=1))

    def test_balanced_weights_raise_a_rare_class(self):
        few = np.r_[np.flatnonzero(LABELS == 0)[:3], np.flatnonzero(LABELS != 0)]
        shares = [
            make_encoder("category", **QUICK, class_weight=weight)
            .fit(PICTURES[few], LABELS[few])
            .predict_proba(HELD_OUT)[:, 0]
            .mean()
            for weight in ("none", "balanced")
        ]
        assert shares[1] > shares[0]


def test_a_fit_that_failed_leaves_nothing_that_seems_fitted(monkeypatch):
    def fail(*_):
        raise TrainingError("the loss is not a number")

    encoder = make_encoder("category", **QUICK)
    with monkeypatch.context() as patch:
        patch.setattr(Category, "_train", fail)
        with pytest.raises(TrainingError):
            encoder.fit(PICTURES, LABELS)
    with pytest.raises(NotFittedError):
        encoder.transform(HELD_OUT)


class TestDescriptors:
    """What is laid beside the backbone's vectors."""

    def test_they_tell_what_the_backbone_misses(self):
        rates = {}
        for descriptors in ("", "looks"):
            encoder = make_encoder("category", **WEAK, **QUICK, descriptors=descriptors)
            encoder.fit(PICTURES, NAMES[LABELS])
            rates[descriptors] = (encoder.predict(HELD_OUT) == NAMES[HELD_OUT_LABELS]).mean()
        assert rates["looks"] > rates[""]

    def test_they_are_kept_with_the_encoder(self, tmp_path):
        encoder = make_encoder("category", **WEAK, **QUICK).fit(PICTURES, NAMES[LABELS])
        assert encoder.descriptors_.kind == "looks"
        encoder.save(tmp_path)
        loaded = load_encoder(tmp_path)
        np.testing.assert_array_equal(loaded.transform(HELD_OUT), encoder.transform(HELD_OUT))
        assert loaded.descriptors_.kind == "looks"

    def test_the_look_is_four_parts_backbone_and_one_descriptors(self):
        encoder = make_encoder("category", **WEAK, **QUICK).fit(PICTURES, NAMES[LABELS])
        members = encoder.backbone_, encoder.descriptors_
        n_looks = sum(member.n_components_ for member in members)
        looks = encoder.transform(HELD_OUT)[:, -n_looks:]
        cosines = [unit(member.transform(HELD_OUT)) @ unit(member.transform(HELD_OUT)).T
                   for member in members]  # fmt: skip
        expected = encoder.agreement_.looks_share * (0.8 * cosines[0] + 0.2 * cosines[1])
        np.testing.assert_allclose(looks @ looks.T, expected, atol=1e-4)

    @pytest.mark.parametrize(
        "options",
        [{"descriptors": ""}, {"preset": "classic"}, {"backbone": "looks"},
         {"backbone": "hog", "descriptors": "hog;n_components=16"}],
    )  # fmt: skip
    def test_none(self, options):
        options = WEAK | QUICK | {"epochs": 1} | options
        if options["backbone"] != "pixels":
            del options["backbone_options"]
        encoder = make_encoder("category", **options).fit(PICTURES, LABELS)
        assert encoder.descriptors_ is None

    def test_others_with_options(self):
        options = QUICK | {"epochs": 1, "descriptors": "hog;n_components=16"}
        encoder = make_encoder("category", **options).fit(PICTURES, LABELS)
        assert encoder.descriptors_.n_components_ == 16
        assert encoder.n_components_ == 4 + 64 + encoder.backbone_.n_components_ + 16

    @pytest.mark.parametrize("descriptors", ["", "looks"])
    def test_beside_an_encoder_that_is_itself_made_of_others(self, descriptors, tmp_path):
        options = QUICK | {"epochs": 1, "descriptors": descriptors, "backbone": "hybrid-looks"}
        options["backbone_options"] = ("encoders=hog+pixels;size=8", "weights=1,1")
        encoder = make_encoder("category", **options).fit(PICTURES, LABELS)
        encoder.save(tmp_path)
        vectors = encoder.transform(HELD_OUT)
        assert vectors.shape == (80, encoder.n_components_)
        np.testing.assert_array_equal(load_encoder(tmp_path).transform(HELD_OUT), vectors)

    @pytest.mark.parametrize("name", ["nothing", "supervised"])
    def test_what_cannot_be(self, name):
        with pytest.raises(OptionError, match=name):
            make_encoder("category", descriptors=name).fit(PICTURES, LABELS)


class TestClassic:
    def test_it_is_the_published_recipe(self):
        preset = PRESETS["classic"]
        assert (preset.hidden, preset.dropout) == ((1024, 512), 0.7)
        assert (preset.learning_rate, preset.epochs, preset.head_batch_size) == (4e-4, 32, 64)
        assert (preset.validation_share, preset.class_weight) == (0.2, "balanced")
        assert preset.distance == "standardized"

    def test_it_learns_and_its_numbers_are_options(self):
        encoder = make_encoder("category", preset="classic", epochs=8).fit(PICTURES, LABELS)
        assert encoder.n_components_ == 512
        assert len(encoder.history_["val_loss"]) == 8
        assert encoder.distance_.name == "standardized"
        assert same_shape_rate(encoder, PICTURES, LABELS, HELD_OUT, HELD_OUT_LABELS) > 0.8

    def test_dense_layers_before_the_classes_are_exact(self):
        encoder = make_encoder("category", preset="classic", epochs=2).fit(PICTURES, LABELS)
        logits = encoder.transform(HELD_OUT) @ encoder.weight_.T + encoder.bias_
        odds = np.exp(logits.astype(np.float64))
        expected = odds / odds.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(encoder.predict_proba(HELD_OUT), expected, atol=1e-5)


class TestLabels:
    def test_unlabelled_pictures_and_rare_classes_are_said(self, caplog):
        labels = [*NAMES[LABELS][:100], *[None] * 18, float("nan"), "lamp"]
        with caplog.at_level(logging.INFO, "vitrine"):
            encoder = make_encoder("category", **QUICK).fit(PICTURES, labels)
        assert "19 of 120 pictures have no label" in caplog.text
        assert "1 of 5 categories have fewer than 5 pictures (1 of them one)" in caplog.text
        assert "lamp" in encoder.classes_
        assert encoder.transform(PICTURES).shape[0] == 120

    def test_classes_are_in_order(self):
        labels = read_labels(["b", 2, "a", 10, None, "", np.float32(2.5)], 7)
        assert labels.classes == [2, 2.5, 10, "a", "b"]
        assert labels.known.tolist() == [0, 1, 2, 3, 6]
        assert labels.codes.tolist() == [4, 0, 3, 2, 1]

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (None, "--label"),
            ([None] * 120, "none of 120"),
            (["a"] * 3, "3 labels for 120"),
            ([("a",)] * 120, "not tuple"),
        ],
    )
    def test_what_is_no_labels(self, y, message):
        with pytest.raises(InputError, match=message):
            make_encoder("category").fit(PICTURES, y)

    def test_small_classes_are_never_watched(self):
        labels = read_labels(["a"] * 20 + ["b"] * 5 + ["c"] * 4 + ["d"], 30)
        watched = labels.codes[validation_part(labels, 0.2, 0)]
        assert np.bincount(watched, minlength=4).tolist() == [4, 1, 0, 0]
        assert not validation_part(labels, 0.0, 0).any()


class TestOptions:
    @pytest.mark.parametrize(
        "options",
        [
            {"preset": "modern"},
            {"backbone": "category"},
            {"dropout": 1.0},
            {"hidden": ()},
            {"epochs": 0},
            {"learning_rate": 0.0},
            {"cosine_scale": -1.0},
            {"embedding": "logits"},
            {"backbone": "unheard-of"},
        ],
        ids=str,
    )
    def test_values_that_cannot_be(self, options):
        with pytest.raises(OptionError):
            make_encoder("category", **options).fit(PICTURES, LABELS)

    def test_a_backbone_by_path_on_the_command_line(self):
        texts = [f"backbone={pooling_network()}", "backbone-options=mean=0.5,std=0.5", "hidden=64"]
        options = parse_options("category", texts)
        assert options["backbone_options"] == ("mean=0.5", "std=0.5")
        encoder = Category(**options, epochs=1, cache=False).fit(PICTURES, LABELS)
        assert isinstance(encoder.backbone_, Pretrained)
        assert encoder.backbone_.normalization_.mean == (0.5, 0.5, 0.5)


class TestCache:
    @pytest.fixture
    def counted(self, tmp_path, monkeypatch):
        """A fitted backbone, and the numbers of pictures it was run on."""
        monkeypatch.setattr(features_module, "features_path", lambda: tmp_path / "f" / "f.sqlite")
        backbone, run = make_encoder(pooling_network()).fit(PICTURES), []
        original = Pretrained._encode

        def counting(self, batch):
            run.append(len(batch))
            return original(self, batch)

        monkeypatch.setattr(Pretrained, "_encode", counting)
        return backbone, run

    def test_a_picture_that_is_seen_again_is_not_run_again(self, counted):
        backbone, run = counted
        first = features_of(backbone, PICTURES)
        assert sum(run) == 120
        order = np.random.default_rng(0).permutation(120)
        np.testing.assert_array_equal(features_of(backbone, PICTURES[order]), first[order])
        assert sum(run) == 120
        features_of(backbone, HELD_OUT)
        assert sum(run) == 200

    def test_other_preprocessing_is_another_vector(self, counted):
        backbone, _ = counted
        features_of(backbone, PICTURES)
        other = make_encoder(pooling_network(), mean=(0.1,)).fit(PICTURES)
        fresh = features_of(other, PICTURES, cache=False)
        np.testing.assert_array_equal(features_of(other, PICTURES), fresh)

    def test_a_damaged_cache_costs_time_only(self, counted, caplog):
        backbone, _ = counted
        path = features_module.features_path()
        path.parent.mkdir()
        path.write_bytes(b"no database at all" * 100)
        expected = backbone.transform(PICTURES)
        np.testing.assert_array_equal(features_of(backbone, PICTURES), expected)
        assert "cannot be used" in caplog.text
