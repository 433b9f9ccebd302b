"""What autoencoders do beyond the contract of every encoder."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.encoders.contracts import shapes
from vitrine.artifact import Artifact
from vitrine.encoders.autoencoder import ConvAutoencoder, DenseAutoencoder
from vitrine.errors import InputError, OptionError, TrainingError

GREY, _ = shapes(120)
COLOUR, _ = shapes(60, colour=True)


@pytest.fixture(scope="module")
def classic():
    pytest.importorskip("torch")
    return DenseAutoencoder(16, epochs=60, batch_size=16, learning_rate=5e-3).fit(GREY)


@pytest.fixture(scope="module")
def convolutional():
    pytest.importorskip("torch")
    return ConvAutoencoder(
        size=24, filters=(8, 4), epochs=60, batch_size=16, learning_rate=1e-2
    ).fit(COLOUR)


WITHOUT = """
import importlib.machinery as machinery
find = machinery.PathFinder.find_spec
machinery.PathFinder.find_spec = classmethod(
    lambda cls, name, *rest: None if name in MISSING else find(name, *rest)
)
"""


def python(code: str, without: tuple[str, ...] = ()) -> subprocess.CompletedProcess:
    """Run code in a process of its own, as if some modules were not installed."""
    code = f"MISSING = {without}" + WITHOUT + code
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def _rows(encoder):
    return [row for rows in encoder.layers_.values() for row in rows]


class TestSizes:
    @pytest.mark.parametrize(("n_components", "expected"), [(2, 3_922), (64, 101_200)])
    def test_the_classic_parameter_counts(self, n_components, expected):
        pytest.importorskip("torch")
        pictures = np.zeros((3, 28, 28), np.uint8)
        assert DenseAutoencoder(n_components, epochs=1).fit(pictures).n_parameters_ == expected

    def test_hidden_layers_are_mirrored(self):
        pytest.importorskip("torch")
        encoder = DenseAutoencoder(3, hidden=(20, 10), epochs=1).fit(GREY[:4])
        widths = [shape[-1] for _, shape, count in _rows(encoder) if count]
        assert widths == [20, 10, 3, 10, 20, 24 * 24]

    def test_the_convolutional_shapes(self):
        pytest.importorskip("torch")
        encoder = ConvAutoencoder(epochs=1).fit(COLOUR[:2])
        shapes = [shape for _, shape, _ in _rows(encoder)]
        assert shapes[:2] == [(152, 152, 3), (152, 152, 16)]
        assert (19, 19, 8) in shapes
        assert shapes[-1] == (150, 150, 3)
        assert encoder.n_components_ == 19 * 19 * 8
        assert encoder.n_parameters_ == 4_963
        assert encoder.reconstruct(COLOUR[:1]).shape == (1, 150, 150, 3)

    def test_sizes_and_colours_can_be_given(self):
        pytest.importorskip("torch")
        encoder = DenseAutoencoder(2, size=(10, 12), colour=True, epochs=1).fit(GREY[:4])
        assert encoder.reconstruct(GREY[:3]).shape == (3, 10, 12, 3)
        conv = ConvAutoencoder((4, 2), size=None, colour=False, epochs=1).fit(COLOUR[:4])
        assert conv.reconstruct(COLOUR[:3]).shape == (3, 24, 24)

    def test_summary(self, classic, capsys):
        classic.summary()
        lines = [line.split() for line in capsys.readouterr().out.splitlines()]
        assert ["Dense", "16", "9,232"] in lines
        assert ["Reshape", "24×24×1", "0"] in lines
        assert lines[-1] == ["total", "19,024"]


class TestDrawing:
    def test_reconstructions_look_like_the_pictures(self, classic):
        drawn = classic.reconstruct(GREY)
        assert drawn.dtype == np.uint8
        error = np.square(drawn.astype(float) - GREY).mean()
        assert error < 0.25 * np.square(GREY.mean(axis=0) - GREY).mean()

    def test_convolutional_reconstructions_keep_the_colour(self, convolutional):
        drawn = convolutional.reconstruct(COLOUR)
        assert drawn.shape == COLOUR.shape
        error = np.square(drawn.astype(float) - COLOUR).mean()
        assert error < 0.6 * np.square(COLOUR.mean(axis=0) - COLOUR).mean()

    def test_encode_then_decode_is_reconstruct(self, classic):
        vectors = classic.encode(GREY[:7])
        np.testing.assert_array_equal(vectors, classic.transform(GREY[:7]))
        np.testing.assert_array_equal(classic.decode(vectors), classic.reconstruct(GREY[:7]))
        np.testing.assert_array_equal(classic.decode(vectors[2:3])[0], classic.decode(vectors)[2])

    @pytest.mark.parametrize("shape", [(16,), (3, 15), (0, 16)])
    def test_what_is_not_codes_is_refused(self, classic, shape):
        with pytest.raises(InputError, match=r"\(n, 16\)"):
            classic.decode(np.zeros(shape, np.float32))

    def test_reconstruction_loss_is_the_loss_of_training(self):
        torch = pytest.importorskip("torch")
        encoder = DenseAutoencoder(4, epochs=3, validation_share=0.5, batch_size=16).fit(GREY)
        numbers = torch.randperm(len(GREY), generator=_after_initialising(encoder))
        held_out = GREY[numbers[:60].numpy()]
        best = min(encoder.history_["val_loss"])
        assert encoder.reconstruction_loss(held_out) == pytest.approx(best, abs=1e-5)


def _after_initialising(encoder):
    """Return a generator in the state in which the validation part is drawn."""
    import torch

    from vitrine.encoders._torch.networks import initialise

    generator = torch.Generator().manual_seed(encoder.random_state)
    initialise(encoder._make_network(encoder.preprocessing_.shape), generator)
    return generator


class TestTraining:
    def test_history_is_kept_and_saved(self, classic, tmp_path):
        history = classic.history_
        assert len(history["loss"]) == len(history["seconds"]) == 60
        assert history["val_loss"] == []
        assert history["loss"][-1] < 0.8 * history["loss"][0]
        loaded = DenseAutoencoder.load(classic.save(tmp_path))
        assert loaded.history_ == history
        assert loaded.layers_ == classic.layers_
        assert loaded.interrupted_ is False
        np.testing.assert_array_equal(loaded.reconstruct(GREY), classic.reconstruct(GREY))

    def test_the_manifest_says_what_the_file_wants(self, classic, tmp_path):
        settings = json.loads((classic.save(tmp_path) / "manifest.json").read_text())["settings"]
        assert settings["input"] == {"layout": "nhwc", "scale": 1 / 255}
        assert settings["preprocessing"]["height"] == 24
        assert settings["distance"]["name"] == "cosine"

    def test_same_seed_same_weights_another_seed_others(self):
        pytest.importorskip("torch")
        fits = [
            DenseAutoencoder(epochs=2, random_state=seed).fit(GREY).encoder_.content
            for seed in (0, 0, 1)
        ]
        assert fits[0] == fits[1] != fits[2]

    def test_torch_s_own_state_is_left_alone(self):
        torch = pytest.importorskip("torch")
        before = torch.get_rng_state(), torch.get_num_threads()
        DenseAutoencoder(epochs=1, validation_share=0.2).fit(GREY)
        assert torch.equal(before[0], torch.get_rng_state())
        assert before[1] == torch.get_num_threads()

    def test_a_validation_part_and_patience(self):
        pytest.importorskip("torch")
        encoder = DenseAutoencoder(
            2, epochs=300, batch_size=8, learning_rate=0.1, validation_share=0.25, patience=3
        ).fit(GREY)
        watched = encoder.history_["val_loss"]
        assert len(watched) < 300
        assert len(watched) - 1 - np.argmin(watched) == 3

    def test_a_rate_that_is_too_high(self):
        pytest.importorskip("torch")
        with pytest.raises(TrainingError, match="learning_rate"):
            DenseAutoencoder(learning_rate=1e20, epochs=5, activation="linear").fit(GREY)

    def test_ctrl_c(self, monkeypatch, caplog):
        pytest.importorskip("torch")
        from vitrine.encoders._torch.autoencoders import PictureBatches

        read, calls = PictureBatches.__call__, 0

        def interrupting(self, codes):
            nonlocal calls
            calls += 1
            if calls == 20:
                raise KeyboardInterrupt
            return read(self, codes)

        monkeypatch.setattr(PictureBatches, "__call__", interrupting)
        encoder = DenseAutoencoder(batch_size=16).fit(GREY)
        assert encoder.interrupted_
        assert "interrupted" in caplog.text
        assert len(encoder.history_["loss"]) == 2
        assert encoder.transform(GREY).shape == (120, 2)

    def test_a_sample_of_the_pictures_is_read(self):
        pytest.importorskip("torch")

        class Counted(list):
            read = 0

            def __getitem__(self, index):
                Counted.read += 1
                return super().__getitem__(index)

        pictures = Counted(GREY)
        one = DenseAutoencoder(size=24, colour=False, epochs=1, max_pictures=30).fit(pictures)
        assert Counted.read == 30
        other = DenseAutoencoder(size=24, colour=False, epochs=1, max_pictures=30).fit(GREY)
        assert one.encoder_.content == other.encoder_.content

    @pytest.mark.parametrize(
        ("distance", "n_components", "expected"),
        [
            ("auto", 2, "euclidean"),
            ("auto", 5, "cosine"),
            ("standardized", 5, "standardized"),
            ("euclidean", 5, "euclidean"),
        ],
    )
    def test_distances(self, distance, n_components, expected):
        pytest.importorskip("torch")
        encoder = DenseAutoencoder(n_components, epochs=1, distance=distance).fit(GREY)
        assert encoder.distance_.name == expected
        if expected == "standardized":
            scale = encoder.transform(GREY).std(axis=0)
            np.testing.assert_allclose(
                encoder.distance_.scale, np.where(scale > 0, scale, 1), rtol=1e-4
            )


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (DenseAutoencoder(0), "n_components=0"),
        (DenseAutoencoder(hidden=(8, 0)), "widths start at 1"),
        (DenseAutoencoder(activation="cube"), "relu"),
        (DenseAutoencoder(code_activation="cube"), "relu"),
        (DenseAutoencoder(epochs=0), "epochs is 0"),
        (DenseAutoencoder(batch_size=0), "batch_size is 0"),
        (DenseAutoencoder(patience=0), "patience is 0"),
        (DenseAutoencoder(max_pictures=0), "max_pictures is 0"),
        (DenseAutoencoder(learning_rate=0.0), "learning_rate"),
        (DenseAutoencoder(validation_share=1.0), "validation_share"),
        (DenseAutoencoder(distance="manhattan"), "manhattan"),
        (ConvAutoencoder(filters=()), "filters"),
        (ConvAutoencoder(size=(1, 2, 3)), "size"),
        (ConvAutoencoder(size=0), "sizes start at 1"),
    ],
)
def test_options_that_cannot_be(encoder, message):
    with pytest.raises(OptionError, match=message):
        encoder.fit(GREY)


def test_importing_and_making_loads_neither_torch_nor_onnx():
    code = (
        "import sys; from vitrine.encoders.autoencoder import *; DenseAutoencoder();"
        "assert not {'torch', 'onnx', 'onnxruntime'} & set(sys.modules)"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", ["torch", "onnx"])
def test_fitting_without_the_extra_names_it(missing):
    done = python(
        "import numpy as np; from vitrine.encoders.autoencoder import DenseAutoencoder\n"
        "DenseAutoencoder().fit(np.zeros((2, 4, 4), np.uint8))",
        without=(missing,),
    )
    assert 'pip install "vitrine[train]"' in done.stderr.splitlines()[-1]


def test_a_fitted_one_runs_without_torch(classic, tmp_path):
    classic.save(tmp_path)
    np.save(tmp_path / "pictures.npy", GREY)
    done = python(
        "import numpy as np; from vitrine.encoders import load_encoder\n"
        f"encoder = load_encoder({str(tmp_path)!r})\n"
        f"pictures = np.load({str(tmp_path / 'pictures.npy')!r})\n"
        "print(encoder.transform(pictures).sum(), encoder.reconstruct(pictures).sum())",
        without=("torch", "onnx"),
    )
    assert done.returncode == 0, done.stderr
    vectors, pixels = map(float, done.stdout.split())
    assert vectors == pytest.approx(classic.transform(GREY).sum(), rel=1e-4)
    assert pixels == classic.reconstruct(GREY).sum()


@pytest.mark.parametrize("missing", ["encoder.onnx", "decoder.onnx"])
def test_a_part_is_missing(classic, missing):
    from vitrine.errors import ArtifactError

    artifact = Artifact.from_files(classic.to_artifact().to_files())
    del artifact.blobs[missing]
    with pytest.raises(ArtifactError, match="fit it again"):
        DenseAutoencoder.from_artifact(artifact)


def test_a_budget_of_time_ends_training_and_keeps_what_was_best():
    pytest.importorskip("torch")
    started = time.perf_counter()
    encoder = DenseAutoencoder(epochs=100_000, max_minutes=0.02).fit(GREY)
    assert time.perf_counter() - started < 30
    assert 1 <= len(encoder.history_["loss"]) < 100_000
    assert np.isfinite(encoder.transform(GREY[:3])).all()
    with pytest.raises(OptionError, match="max_minutes"):
        DenseAutoencoder(max_minutes=0.0).fit(GREY)
