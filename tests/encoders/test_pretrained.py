import json
import logging

import numpy as np
import pytest
from PIL import Image

from tests.encoders.tiny_models import pooling_network, write_network
from vitrine.encoders import load_encoder, make_encoder, parse_options
from vitrine.encoders.preprocessing import Preprocessing
from vitrine.encoders.pretrained import Pretrained
from vitrine.encoders.pretrained_graph import read_graph, with_output
from vitrine.encoders.pretrained_input import Normalization, read_preprocessor_config
from vitrine.encoders.pretrained_models import BACKBONES
from vitrine.errors import ArtifactError, BackboneError, InputError, MissingExtraError, OptionError

onnx = pytest.importorskip("onnx")

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (50, 70, 3), dtype=np.uint8)
PICTURES = RNG.integers(0, 256, (6, 24, 24, 3), dtype=np.uint8)


def seen(encoder, picture, side):
    """Return what the network reads of a picture, (3, side, side): its vectors are its input."""
    return encoder.fit([picture]).transform([picture]).reshape(3, side, side)


class TestPreprocessing:
    """Pixel for pixel what Pillow and a line of arithmetic give."""

    def test_shorter_side_then_centre(self, tmp_path):
        encoder = make_encoder(
            f"onnx:{write_network(tmp_path / 'm.onnx', side=16)}",
            resize="shorter-crop", shorter=20, interpolation="bicubic",
        )  # fmt: skip
        # 50×70 → 20×28, whose middle 16×16 begins at row 2 and column 6.
        resized = np.asarray(Image.fromarray(PICTURE).resize((28, 20), Image.Resampling.BICUBIC))
        cut = resized[2:18, 6:22].astype(np.float64) / 255
        expected = (cut - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        np.testing.assert_allclose(
            seen(encoder, PICTURE, 16), expected.transpose(2, 0, 1), atol=1e-5
        )

    def test_an_upright_picture_with_an_odd_remainder(self, tmp_path):
        encoder = make_encoder(
            f"onnx:{write_network(tmp_path / 'm.onnx', side=9)}",
            resize="shorter-crop", shorter=12, interpolation="lanczos", mean=(0.0,), std=(1.0,),
        )  # fmt: skip
        upright = PICTURE.transpose(1, 0, 2).copy()
        # 70×50 → 16.8 rows, rounded down; the middle begins at (16 − 9) // 2 and (12 − 9) // 2.
        resized = np.asarray(Image.fromarray(upright).resize((12, 16), Image.Resampling.LANCZOS))
        expected = resized[3:12, 1:10].transpose(2, 0, 1) / 255
        np.testing.assert_allclose(seen(encoder, upright, 9), expected, atol=1e-6)

    def test_stretched(self, tmp_path):
        encoder = make_encoder(
            f"onnx:{write_network(tmp_path / 'm.onnx', side=16)}",
            resize="stretch", interpolation="bicubic", mean=(0.5,), std=(0.5,),
        )  # fmt: skip
        resized = np.asarray(Image.fromarray(PICTURE).resize((16, 16), Image.Resampling.BICUBIC))
        expected = (resized.astype(np.float64) - 127.5) / 127.5
        np.testing.assert_allclose(
            seen(encoder, PICTURE, 16), expected.transpose(2, 0, 1), atol=1e-5
        )

    def test_channels_in_the_other_order(self, tmp_path):
        encoder = make_encoder(
            f"onnx:{write_network(tmp_path / 'm.onnx', side=24)}",
            channel_order="bgr", mean=(0.1, 0.2, 0.3), std=(1.0,),
        )  # fmt: skip
        values = PICTURES[0] / 255 - [0.1, 0.2, 0.3]
        expected = values[..., ::-1].transpose(2, 0, 1)
        np.testing.assert_allclose(seen(encoder, PICTURES[0], 24), expected, atol=1e-6)

    def test_channels_last(self, tmp_path):
        path = write_network(tmp_path / "m.onnx", side=24, layout="nhwc")
        encoder = make_encoder(f"onnx:{path}", mean=(0.0,), std=(1.0,)).fit(PICTURES)
        expected = PICTURES.reshape(6, -1) / 255
        np.testing.assert_allclose(encoder.transform(PICTURES), expected, atol=1e-6)

    def test_a_grey_picture_has_three_equal_channels(self, tmp_path):
        path = write_network(tmp_path / "m.onnx", side=24)
        encoder = make_encoder(f"onnx:{path}", mean=(0.0,), std=(1.0,))
        read = seen(encoder, PICTURES[0, ..., 0], 24)
        np.testing.assert_allclose(read, np.stack([PICTURES[0, ..., 0] / 255] * 3), atol=1e-6)

    def test_the_file_beside_the_model_is_read_and_options_win(self, tmp_path):
        path = write_network(tmp_path / "m.onnx", side=12)
        config = {"size": {"shortest_edge": 18}, "crop_size": 12, "do_center_crop": True,
                  "resample": 2, "image_mean": [0.2] * 3, "image_std": [2.0] * 3}  # fmt: skip
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(config))
        encoder = make_encoder(f"onnx:{path}", mean=(0.4,)).fit(PICTURES)
        expected = Preprocessing(12, 12, 3, "shorter-crop", "bilinear", 18)
        assert encoder.preprocessing_ == expected
        assert encoder.normalization_ == Normalization((0.4,) * 3, (2.0,) * 3)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"size": {"height": 20, "width": 30}, "resample": 3},
         Preprocessing(20, 30, 3, "stretch", "bicubic")),
        ({"size": 20, "resample": 0}, Preprocessing(20, 20, 3, "stretch", "nearest")),
        ({"size": 20, "crop_size": 16}, Preprocessing(16, 16, 3, "shorter-crop", "bilinear", 20)),
        ({"size": {"shortest_edge": 20}, "crop_size": {"height": 16, "width": 18}, "resample": 1},
         Preprocessing(16, 18, 3, "shorter-crop", "lanczos", 20)),
        ({"size": 224, "crop_pct": 0.875, "resample": 3},
         Preprocessing(224, 224, 3, "shorter-crop", "bicubic", 256)),
        ({"size": {"shortest_edge": 384}, "crop_pct": 1.0}, Preprocessing(384, 384)),
    ],
)  # fmt: skip
def test_preprocessor_configs(tmp_path, config, expected):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(config))
    assert read_preprocessor_config(path)[0] == expected


def test_values_that_are_not_scaled(tmp_path):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(
        json.dumps({"size": 4, "do_rescale": False, "image_mean": [100] * 3, "image_std": [2] * 3})
    )
    normalized = read_preprocessor_config(path)[1].apply(np.full((1, 4, 4, 3), 104, np.uint8))
    np.testing.assert_allclose(normalized, 2.0)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"size": {"shortest_edge": 20}}', '{"size": 20, "resample": 9}',
             '{"size": 20, "image_mean": [1, 2]}'],
)  # fmt: skip
def test_a_config_that_is_not_understood(tmp_path, text):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(text)
    with pytest.raises((ArtifactError, OptionError)):
        read_preprocessor_config(path)


class TestOutputs:
    def test_before_a_classifier(self, tmp_path):
        path = write_network(tmp_path / "m.onnx", side=8, classes=5)
        encoder = make_encoder(f"onnx:{path}").fit(PICTURES)
        assert encoder.model_.output == "pixels"
        assert encoder.n_components_ == 3 * 8 * 8
        whole = make_encoder(f"onnx:{path}", output="probs").fit(PICTURES).transform(PICTURES)
        np.testing.assert_allclose(whole.sum(axis=1), 1, atol=1e-5)

    def test_an_unknown_one_is_answered_with_the_list(self, tmp_path):
        path = write_network(tmp_path / "m.onnx", side=8)
        with pytest.raises(OptionError, match=r"no output 'vectors'\. It can be: features"):
            make_encoder(f"onnx:{path}", output="vectors").fit(PICTURES)

    def test_a_network_without_a_classifier_has_nothing_before_it(self, tmp_path):
        path = write_network(tmp_path / "m.onnx", side=8)
        with pytest.raises(OptionError, match="no dense layer"):
            make_encoder(f"onnx:{path}", output="penultimate").fit(PICTURES)

    @pytest.mark.parametrize("shape", [(2, 5, 3, 4), (2, 7, 5)])
    def test_maps_are_averaged_and_of_tokens_the_first_is_taken(self, shape):
        from vitrine.encoders.pretrained import _pooled

        values = RNG.normal(size=shape).astype(np.float32)
        expected = values.mean(axis=(2, 3)) if len(shape) == 4 else values[:, 0]
        np.testing.assert_allclose(_pooled(values), expected)


class TestRefused:
    def content(self, tmp_path, **options):
        return write_network(tmp_path / "m.onnx", side=8, **options)

    def test_foreign_operators(self, tmp_path):
        path = self.content(tmp_path, domain="com.example")
        with pytest.raises(ArtifactError, match=r"operators of com\.example"):
            make_encoder(f"onnx:{path}").fit(PICTURES)

    @pytest.mark.parametrize("where", ["initializer", "attribute", "branch"])
    def test_weights_in_other_files(self, tmp_path, where):
        model = onnx.load(self.content(tmp_path))
        tensor = onnx.helper.make_tensor("w", onnx.TensorProto.FLOAT, [1], [1.0])
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="../../secrets")
        inner = onnx.helper.make_graph([], "inner", [], [], [tensor])
        if where == "initializer":
            model.graph.initializer.append(tensor)
        else:
            given = {"value": tensor} if where == "attribute" else {"then_branch": inner}
            model.graph.node.append(onnx.helper.make_node("If", ["c"], ["d"], **given))
        with pytest.raises(ArtifactError, match="weights in other files"):
            read_graph(model.SerializeToString(), "m.onnx")

    def test_what_is_no_onnx_file(self, tmp_path):
        whole = self.content(tmp_path).read_bytes()
        for content in (b"", b"not a network", whole[: len(whole) // 2], b"\xff" * 40):
            with pytest.raises(ArtifactError, match="not an ONNX file"):
                read_graph(content, "m.onnx")

    def test_a_saved_one_is_looked_at_again(self, tmp_path):
        artifact = make_encoder(f"onnx:{self.content(tmp_path)}").fit(PICTURES).to_artifact()
        artifact.blobs["model.onnx"] = self.content(tmp_path, domain="com.example").read_bytes()
        with pytest.raises(ArtifactError, match=r"com\.example"):
            load_encoder(artifact)

    def test_a_file_that_reads_no_pictures(self, tmp_path):
        model = onnx.load(self.content(tmp_path))
        model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
        onnx.save(model, tmp_path / "int.onnx")
        with pytest.raises(ArtifactError):
            make_encoder(f"onnx:{tmp_path / 'int.onnx'}").fit(PICTURES)

    def test_vectors_that_are_no_numbers(self, tmp_path):
        encoder = make_encoder(f"onnx:{self.content(tmp_path)}", mean=(float("inf"),))
        with pytest.raises(ArtifactError, match="no numbers"):
            encoder.fit(PICTURES)


def test_one_more_output_changes_nothing_else(tmp_path):
    content = write_network(tmp_path / "m.onnx", side=8, classes=3).read_bytes()
    merged = onnx.load_from_string(with_output(content, "pixels"))
    assert [output.name for output in merged.graph.output] == ["probs", "pixels"]
    del merged.graph.output[1]
    assert merged.SerializeToString() == onnx.load_from_string(content).SerializeToString()


class TestRunning:
    def test_batches_and_threads_change_nothing(self):
        one, many = (
            make_encoder(pooling_network(), batch_size=size, threads=threads).fit(PICTURES)
            for size, threads in ((1, 1), (4, 2))
        )
        np.testing.assert_allclose(one.transform(PICTURES), many.transform(PICTURES), atol=1e-6)

    def test_averaged_with_the_mirror_image(self):
        plain = make_encoder(pooling_network()).fit(PICTURES)
        mirrored = np.ascontiguousarray(PICTURES[:, :, ::-1])
        expected = (plain.transform(PICTURES) + plain.transform(mirrored)) / 2
        both = make_encoder(pooling_network(), mirror=True).fit(PICTURES)
        np.testing.assert_allclose(both.transform(PICTURES), expected, atol=1e-6)

    def test_a_network_for_one_picture_at_a_time(self, tmp_path):
        path = write_network(tmp_path / "m.onnx", side=24, batch=1)
        encoder = make_encoder(f"onnx:{path}", mean=(0.0,), std=(1.0,)).fit(PICTURES)
        expected = PICTURES.transpose(0, 3, 1, 2).reshape(6, -1) / 255
        np.testing.assert_allclose(encoder.transform(PICTURES), expected, atol=1e-6)

    def test_quantised(self, tmp_path, caplog):
        path = write_network(tmp_path / "m.onnx", side=8, classes=6)
        plain = make_encoder(f"onnx:{path}", output="probs").fit(PICTURES)
        with caplog.at_level(logging.INFO, "vitrine"):
            encoder = plain.set_params(quantize=True).fit(PICTURES)
        assert 0.9 < encoder.quantization_agreement_ <= 1.0001
        assert "mean cosine" in caplog.text
        together = encoder.transform(PICTURES)
        alone = [encoder.transform(PICTURES[i : i + 1])[0] for i in range(6)]
        np.testing.assert_array_equal(together, alone)
        encoder.save(tmp_path / "saved")
        np.testing.assert_array_equal(
            load_encoder(tmp_path / "saved").transform(PICTURES), together
        )

    def test_a_broken_picture_is_refused_not_zero(self):
        encoder = make_encoder(pooling_network()).fit(PICTURES)
        with pytest.raises(InputError):
            encoder.transform([PICTURES[0], np.zeros((0, 5, 3), np.uint8)])

    @pytest.mark.parametrize("options", [{"batch_size": 0}, {"threads": 0}, {"mean": (1.0, 2.0)},
                                         {"std": (0.0,)}, {"resize": "shorter-crop"}])  # fmt: skip
    def test_options_that_cannot_be(self, options):
        with pytest.raises(OptionError):
            make_encoder(pooling_network(), **options).fit(PICTURES)


class TestNames:
    def test_options_of_a_path_with_colons(self):
        options = parse_options("onnx:C:/m.onnx", ["mean=0.5", "std=1,2,3", "quantize=yes"])
        assert options == {"mean": (0.5,), "std": (1.0, 2.0, 3.0), "quantize": True}
        assert make_encoder("onnx:C:/m.onnx", **options).model == "onnx:C:/m.onnx"

    def test_an_unknown_one_is_answered_with_those_there_are(self):
        with pytest.raises(OptionError, match=r"'resnet5'\. It can be: resnet18, resnet50"):
            make_encoder("pretrained:resnet5")

    @pytest.mark.parametrize("model", ["resnet50", "hub:resnet", "onnx:", "hub:a/b/c"])
    def test_names_that_are_none(self, model):
        with pytest.raises(OptionError, match="write pretrained:NAME"):
            Pretrained(model).fit(PICTURES)

    def test_a_file_that_is_not_there(self):
        with pytest.raises(BackboneError, match="no such file"):
            make_encoder("onnx:/nowhere/m.onnx").fit(PICTURES)

    @pytest.mark.parametrize("backbone", BACKBONES.values(), ids=BACKBONES)
    def test_descriptions_hold_together(self, backbone):
        assert backbone.revision is None or len(backbone.revision) == 40
        assert backbone.repository.count("/") == 1
        assert backbone.licence
        assert backbone.preprocessing.channels == 3


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A function that puts a file into an empty hub cache, as a download would."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("VITRINE_MODELS", str(tmp_path / "by-hand"))

    def put(repository, revision, file, content):
        folder = tmp_path / "hub" / f"models--{repository.replace('/', '--')}"
        path = folder / "snapshots" / revision / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        (folder / "refs").mkdir(exist_ok=True)
        (folder / "refs" / "main").write_text(revision)

    return put


class TestHub:
    def network(self, tmp_path):
        return write_network(tmp_path / "made.onnx", side=24).read_bytes()

    def test_offline_once_cached(self, tmp_path, cached):
        config = json.dumps({"size": 24, "image_mean": [0] * 3, "image_std": [1] * 3}).encode()
        cached("shop/net", "a" * 40, "onnx/model.onnx", self.network(tmp_path))
        cached("shop/net", "a" * 40, "preprocessor_config.json", config)
        encoder = make_encoder("hub:shop/net").fit(PICTURES)
        assert encoder.source_["revision"] == "a" * 40
        expected = PICTURES.transpose(0, 3, 1, 2).reshape(6, -1) / 255
        np.testing.assert_allclose(encoder.transform(PICTURES), expected, atol=1e-6)

    def test_blocked_says_what_will_be_fetched_and_how_to_bring_it(self, cached, caplog):
        with (
            caplog.at_level(logging.INFO, "vitrine"),
            pytest.raises(
                BackboneError, match=r"resolve/9574.*model\.onnx.*by-hand/resnet18\.onnx"
            ),
        ):
            make_encoder("pretrained:resnet18").fit(PICTURES)
        assert "47 MB, licence Apache-2.0" in caplog.text

    def test_a_file_brought_by_hand(self, tmp_path, cached):
        (tmp_path / "by-hand").mkdir()
        path = write_network(tmp_path / "by-hand" / "dinov2-small.onnx", side=224)
        with pytest.raises(ArtifactError, match="gives 384; it is another file"):
            make_encoder("pretrained:dinov2-small").fit(PICTURES)
        average = onnx.load(path)
        average.graph.node[0].CopyFrom(
            onnx.helper.make_node("AveragePool", ["pictures"], ["cells"], kernel_shape=[14, 28],
                                  strides=[14, 28])
        )  # fmt: skip
        average.graph.node.insert(1, onnx.helper.make_node("Flatten", ["cells"], ["pixels"]))
        onnx.save(average, path)
        encoder = make_encoder("pretrained:dinov2-small").fit([PICTURE])
        assert encoder.n_components_ == 384
        assert encoder.preprocessing_.shorter == 256
        assert encoder.source_["licence"] == "Apache-2.0"

    def test_without_the_extra(self, monkeypatch, tmp_path):
        monkeypatch.setenv("VITRINE_MODELS", str(tmp_path))
        monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
        with pytest.raises(MissingExtraError, match=r"vitrine\[hub\]"):
            make_encoder("pretrained:resnet50").fit(PICTURES)


@pytest.fixture(scope="module")
def photos(shared_data):
    folder = shared_data / "clothing" / "validation"
    paths = [path for kind in ("pants", "dress") for path in sorted((folder / kind).iterdir())[:8]]
    return [np.asarray(Image.open(path).convert("RGB")) for path in paths]


@pytest.fixture(scope="module")
def mobilenet(shared_data):
    return f"onnx:{shared_data / 'weights' / 'mobilenet_v2_imagenet.onnx'}"


@pytest.mark.shared_data
class TestMobileNet:
    """A real backbone on real photos."""

    def test_features_tell_dresses_from_pants(self, mobilenet, photos):
        encoder = make_encoder(mobilenet, mean=(0.5,), std=(0.5,)).fit(photos)
        vectors = encoder.distance_.prepare(encoder.transform(photos))
        near = vectors @ vectors.T - 9 * np.eye(len(photos))
        kinds = np.repeat([0, 1], 8)
        assert encoder.n_components_ == 1280
        assert (kinds[near.argmax(axis=1)] == kinds).mean() >= 0.8

    def test_it_survives_quantisation(self, mobilenet, photos):
        encoder = make_encoder(mobilenet, mean=(0.5,), std=(0.5,), quantize=True).fit(photos[:4])
        assert encoder.quantization_agreement_ > 0.95
        assert len(encoder.model_.content) < 5e6

    def test_its_penultimate_values_are_its_features(self, mobilenet, photos):
        options = {"mean": (0.5,), "std": (0.5,)}
        features, before = (
            make_encoder(mobilenet, output=output, **options).fit(photos[:2]).transform(photos[:2])
            for output in ("features", "penultimate")
        )
        np.testing.assert_allclose(before, features, atol=1e-5)
