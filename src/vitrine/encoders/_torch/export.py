"""A chain of torch layers as an ONNX file, checked against torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from vitrine.encoders._torch.networks import Permute
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.errors import TrainingError

OPSET = 17
IR_VERSION = 8
"""Old enough for every ONNX Runtime since 1.13."""

TOLERANCE = 1e-4
"""Largest difference between torch and ONNX Runtime, against the largest output or 1."""

Constants = dict[str, NDArray[Any]]
Translation = tuple[str, dict[str, Any], Constants]
"""An ONNX operator, its attributes, and its constant inputs in the order they are given."""


def to_onnx(
    layers: nn.Sequential, names: tuple[str, str], input_shape: tuple[int, ...], n_outputs: int
) -> bytes:
    """Write a chain of layers as one ONNX file with a free batch size.

    The file is written operator by operator, which needs no tracer and gives the same bytes for
    the same weights.

    Parameters
    ----------
    layers : Sequential
        Layers that `_TRANSLATIONS` names.
    names : (str, str)
        Of the input and of the output.
    input_shape : tuple of int
        Shape of one input, without the batch.
    n_outputs : int
        Number of axes of the output, the batch counted.
    """
    nodes, initializers = [], []
    value = names[0]
    translated = [layer for layer in layers if not isinstance(layer, nn.Identity)]
    for number, layer in enumerate(translated):
        operator, attributes, constants = _TRANSLATIONS[type(layer)](layer)
        inputs = [f"{name}_{number}" if name else "" for name in constants]
        for name, array in constants.items():
            if name:
                initializers.append(numpy_helper.from_array(array, f"{name}_{number}"))
        output = names[1] if number == len(translated) - 1 else f"value_{number}"
        nodes.append(helper.make_node(operator, [value, *inputs], [output], **attributes))
        value = output
    graph = helper.make_graph(
        nodes,
        "vitrine",
        [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, ["n", *input_shape])],
        [
            helper.make_tensor_value_info(
                names[1], TensorProto.FLOAT, ["n"] + [None] * (n_outputs - 1)
            )
        ],
        initializers,
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


@torch.no_grad()
def check_against_torch(layers: nn.Sequential, content: bytes, inputs: torch.Tensor) -> None:
    """Run a batch through torch and through the exported file.

    Raises
    ------
    TrainingError
        If an output differs by more than `TOLERANCE`, or is not finite.
    """
    expected = layers(inputs).numpy()
    found = OnnxModel(content)(inputs.numpy())
    allowed = TOLERANCE * max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(found - expected).max())
    if not difference <= allowed:  # also true for NaN
        raise TrainingError(
            f"the exported network differs from the trained one by {difference:g}, more than "
            f"{allowed:g}: the weights may have grown too large; lower learning_rate and fit again"
        )


def _linear(layer: nn.Linear) -> Translation:
    return "Gemm", {"transB": 1}, _weights(layer)


def _convolution(layer: nn.Conv2d) -> Translation:
    pads = [*layer.padding, *layer.padding]
    attributes = {"kernel_shape": list(layer.kernel_size), "pads": pads}
    return "Conv", attributes, _weights(layer)


def _max_pool(layer: nn.MaxPool2d) -> Translation:
    size = [layer.kernel_size, layer.kernel_size]
    return "MaxPool", {"kernel_shape": size, "strides": size}, {}


def _upsample(layer: nn.Upsample) -> Translation:
    attributes = {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    scale = float(layer.scale_factor)  # type: ignore[arg-type]
    return "Resize", attributes, {"": _EMPTY, "scales": np.array([1, 1, scale, scale], np.float32)}


def _zero_pad(layer: nn.ZeroPad2d) -> Translation:
    left, right, top, bottom = layer.padding
    return "Pad", {}, {"pads": np.array([0, 0, top, left, 0, 0, bottom, right], np.int64)}


def _unflatten(layer: nn.Unflatten) -> Translation:
    return "Reshape", {}, {"shape": np.array([-1, *layer.unflattened_size], np.int64)}


def _weights(layer: nn.Module) -> Constants:
    return {name: layer.get_parameter(name).detach().numpy() for name in ("weight", "bias")}


_EMPTY = np.empty(0, np.float32)
_TRANSLATIONS: dict[type[nn.Module], Callable[[Any], Translation]] = {
    nn.Linear: _linear,
    nn.Conv2d: _convolution,
    nn.MaxPool2d: _max_pool,
    nn.Upsample: _upsample,
    nn.ZeroPad2d: _zero_pad,
    nn.Unflatten: _unflatten,
    nn.Flatten: lambda _: ("Flatten", {"axis": 1}, {}),
    Permute: lambda layer: ("Transpose", {"perm": list(layer.axes)}, {}),
    nn.ReLU: lambda _: ("Relu", {}, {}),
    nn.ELU: lambda layer: ("Elu", {"alpha": layer.alpha}, {}),
    nn.Tanh: lambda _: ("Tanh", {}, {}),
    nn.Sigmoid: lambda _: ("Sigmoid", {}, {}),
}
