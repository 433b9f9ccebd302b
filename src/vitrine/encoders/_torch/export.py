"""A chain of torch layers as an ONNX file, checked against torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    graph = Graph()
    output = graph.chain(layers, names[0])
    return graph.to_bytes({names[0]: input_shape}, {names[1]: (output, n_outputs)})


class Graph:
    """ONNX operators, added one after another; values go by the names that `add` returns."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []

    def add(
        self,
        operator: str,
        values: Sequence[str],
        constants: Constants | None = None,
        **settings: Any,
    ) -> str:
        """Add an operator with one output, whose name is returned.

        Parameters
        ----------
        operator : str
            Its ONNX name.
        values : sequence of str
            Names of its inputs.
        constants : dict of str to ndarray, optional
            Inputs that follow, in this order; one without a name is left out.
        **settings
            Its ONNX attributes.
        """
        return self.add_split(operator, values, 1, constants, **settings)[0]

    def add_split(
        self,
        operator: str,
        values: Sequence[str],
        n_outputs: int,
        constants: Constants | None = None,
        **settings: Any,
    ) -> list[str]:
        """Add an operator as `add` does, with several outputs."""
        number = len(self._nodes)
        inputs = list(values)
        for name, array in (constants or {}).items():
            inputs.append(f"{name}_{number}" if name else "")
            if name:
                self._initializers.append(numpy_helper.from_array(array, inputs[-1]))
        outputs = [f"value_{number}_{i}" for i in range(n_outputs)]
        self._nodes.append(helper.make_node(operator, inputs, outputs, **settings))
        return outputs

    def chain(self, layers: Iterable[nn.Module], value: str) -> str:
        """Add layers that `_TRANSLATIONS` names, one after another; return the last one's value."""
        for layer in layers:
            if not isinstance(layer, nn.Identity):
                operator, attributes, constants = _TRANSLATIONS[type(layer)](layer)
                value = self.add(operator, [value], constants, **attributes)
        return value

    def to_bytes(
        self, inputs: dict[str, tuple[int, ...]], outputs: dict[str, tuple[str, int]]
    ) -> bytes:
        """Return the file, with a free batch size.

        Parameters
        ----------
        inputs : dict of str to tuple of int
            Shape of one example, without the batch.
        outputs : dict of str to (str, int)
            For each name the value it stands for, and its number of axes, the batch counted.
        """
        ends = [
            helper.make_node("Identity", [value], [name]) for name, (value, _) in outputs.items()
        ]
        graph = helper.make_graph(
            [*self._nodes, *ends],
            "vitrine",
            [_value(name, ["n", *shape]) for name, shape in inputs.items()],
            [_value(name, ["n"] + [None] * (n - 1)) for name, (_, n) in outputs.items()],
            self._initializers,
        )
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        content: bytes = model.SerializeToString()
        return content


def _value(name: str, shape: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


@torch.no_grad()
def check_against_torch(layers: nn.Sequential, content: bytes, inputs: torch.Tensor) -> None:
    """Run a batch through torch and through the exported file.

    Raises
    ------
    TrainingError
        If an output differs by more than `TOLERANCE`, or is not finite.
    """
    check_equal(layers(inputs).numpy(), OnnxModel(content)(inputs.numpy()))


def check_equal(expected: NDArray[np.float32], found: NDArray[np.float32]) -> None:
    """Compare what torch gives with what the exported file gives.

    Raises
    ------
    TrainingError
        As `check_against_torch`.
    """
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
    attributes = {
        "kernel_shape": list(layer.kernel_size),
        "pads": pads,
        "strides": list(layer.stride),
    }
    return "Conv", attributes, _weights(layer)


def _max_pool(layer: nn.MaxPool2d) -> Translation:
    size = [layer.kernel_size, layer.kernel_size]
    return "MaxPool", {"kernel_shape": size, "strides": size}, {}


def _average_pool(layer: nn.AvgPool2d) -> Translation:
    size = [layer.kernel_size, layer.kernel_size]
    return "AveragePool", {"kernel_shape": size, "strides": size}, {}


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
    nn.AvgPool2d: _average_pool,
    nn.AdaptiveAvgPool2d: lambda _: ("GlobalAveragePool", {}, {}),
    nn.Upsample: _upsample,
    nn.ZeroPad2d: _zero_pad,
    nn.Unflatten: _unflatten,
    nn.Flatten: lambda _: ("Flatten", {"axis": 1}, {}),
    Permute: lambda layer: ("Transpose", {"perm": list(layer.axes)}, {}),
    nn.ReLU: lambda _: ("Relu", {}, {}),
    nn.ELU: lambda layer: ("Elu", {"alpha": layer.alpha}, {}),
    nn.Tanh: lambda _: ("Tanh", {}, {}),
    nn.LogSoftmax: lambda layer: ("LogSoftmax", {"axis": layer.dim}, {}),
    nn.Sigmoid: lambda _: ("Sigmoid", {}, {}),
}
