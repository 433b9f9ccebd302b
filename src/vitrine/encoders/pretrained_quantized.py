"""A network's weights as 8-bit integers, by ONNX Runtime's dynamic quantisation."""

from __future__ import annotations

import logging
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.errors import MissingExtraError


def quantized(model: OnnxModel) -> OnnxModel:
    """Return a network with 8-bit weights, whose activations are quantised as they come.

    Convolutions within groups of channels keep their precision: they hold few weights, whose
    spreads differ too much between channels for one scale.

    Raises
    ------
    MissingExtraError
        If the onnx package is not installed.
    """
    if find_spec("onnx") is None:
        raise MissingExtraError("quantising a network", "train")
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    network = onnx.load_from_string(model.content)
    for number, node in enumerate(network.graph.node):
        node.name = f"node_{number}"  # they are left out by name, and may have none

    root = logging.getLogger()
    level = root.level
    with tempfile.TemporaryDirectory() as folder:
        after = Path(folder, "after.onnx")
        try:
            root.setLevel(logging.ERROR)  # it advises on the root logger, whatever was done
            quantize_dynamic(
                network,
                after,
                weight_type=QuantType.QUInt8,
                nodes_to_exclude=[node.name for node in network.graph.node if _is_grouped(node)],
            )
        finally:
            root.setLevel(level)
        content = after.read_bytes()
    return OnnxModel(
        content, model.name, output=model.output, threads=model.threads, cuda=model.cuda
    )


def _is_grouped(node: Any) -> bool:
    return any(attribute.name == "group" and attribute.i > 1 for attribute in node.attribute)
