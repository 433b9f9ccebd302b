"""Exported networks: what ONNX Runtime computes is what torch computes."""

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from torch import nn

from vitrine.encoders._torch.export import check_against_torch, to_onnx
from vitrine.encoders._torch.networks import (
    ACTIVATIONS,
    conv_autoencoder,
    dense_autoencoder,
    initialise,
)
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.errors import ArtifactError, TrainingError


def scrambled(network, seed=0):
    """Give a network weights and biases that are all different."""
    generator = torch.Generator().manual_seed(seed)
    initialise(network, generator)
    for parameter in network.parameters():
        parameter.data.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return network


def check(network, shape):
    """Compare encoder and decoder with torch to 1e-5 on a batch of 5 and of 1."""
    pictures = torch.rand(5, *shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        vectors = network.encoder(pictures)
        drawn = network.sigmoid_decoder(vectors)
    encode = OnnxModel(to_onnx(network.encoder, ("pictures", "vectors"), shape, 2))
    width = (vectors.shape[1],)
    decode = OnnxModel(to_onnx(network.sigmoid_decoder, ("vectors", "pictures"), width, 4))
    for n in (5, 1):
        found = encode(pictures[:n].numpy())
        np.testing.assert_allclose(found, vectors[:n], atol=1e-5)
        np.testing.assert_allclose(decode(vectors[:n].numpy()), drawn[:n], atol=1e-5)
    assert drawn.shape == pictures.shape


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (9, 7)])
@pytest.mark.parametrize("channels", [1, 3])
def test_dense(activation, hidden, channels):
    shape = (6, 5, channels)
    check(scrambled(dense_autoencoder(shape, 3, hidden, activation, activation)), shape)


@pytest.mark.parametrize("shape", [(150, 150, 3), (28, 28, 1), (9, 14, 3), (1, 1, 1)])
def test_convolutional(shape):
    check(scrambled(conv_autoencoder(shape, (16, 8, 8))), shape)


def test_same_weights_same_bytes():
    network = scrambled(dense_autoencoder((4, 4, 1), 2, (), "relu", "relu"))
    one, other = (to_onnx(network.encoder, ("a", "b"), (4, 4, 1), 2) for _ in range(2))
    assert one == other


def test_the_file_names_its_ends():
    network = scrambled(dense_autoencoder((4, 4, 1), 2, (), "relu", "relu"))
    graph = onnx.load_from_string(
        to_onnx(network.encoder, ("pictures", "vectors"), (4, 4, 1), 2)
    ).graph
    assert [end.name for end in (*graph.input, *graph.output)] == ["pictures", "vectors"]
    axes = graph.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param or axis.dim_value for axis in axes] == ["n", 4, 4, 1]


def test_a_file_of_other_weights_is_refused():
    right, wrong = (
        scrambled(dense_autoencoder((4, 4, 1), 2, (), "relu", "relu"), seed) for seed in (0, 1)
    )
    content = to_onnx(wrong.encoder, ("pictures", "vectors"), (4, 4, 1), 2)
    with pytest.raises(TrainingError, match="differs"):
        check_against_torch(right.encoder, content, torch.rand(3, 4, 4, 1))


def test_weights_that_are_no_numbers_are_refused():
    network = scrambled(dense_autoencoder((4, 4, 1), 2, (), "linear", "linear"))
    network.encoder[1].weight.data[0, 0] = float("nan")
    content = to_onnx(network.encoder, ("pictures", "vectors"), (4, 4, 1), 2)
    with pytest.raises(TrainingError, match="lower learning_rate"):
        check_against_torch(network.encoder, content, torch.rand(3, 4, 4, 1))


class TestOnnxModel:
    def model(self):
        layers = nn.Sequential(nn.Linear(3, 2))
        return OnnxModel(to_onnx(layers, ("x", "y"), (3,), 2), "encoder.onnx")

    def test_copies_and_pickles_hold_the_file_alone(self):
        model, x = self.model(), np.ones((2, 3), np.float32)
        expected = model(x)
        size = len(pickle.dumps(model))
        assert size < len(model.content) + 500
        for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):  # noqa: S301 - made here
            np.testing.assert_array_equal(other(x), expected)

    def test_a_file_that_is_none(self):
        with pytest.raises(ArtifactError, match=r"encoder\.onnx: not an ONNX file"):
            OnnxModel(b"not a network", "encoder.onnx")(np.ones((1, 3), np.float32))
