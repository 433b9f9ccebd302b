"""A network's weights as 8-bit integers, by ONNX Runtime's dynamic quantisation."""

from __future__ import annotations

import logging
import tempfile
from importlib.util import find_spec
from pathlib import Path

from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.errors import MissingExtraError


def quantized(model: OnnxModel) -> OnnxModel:
    """Return a network with 8-bit weights, whose activations are quantised as they come.

    Raises
    ------
    MissingExtraError
        If the onnx package is not installed.
    """
    if find_spec("onnx") is None:
        raise MissingExtraError("quantising a network", "train")
    from onnxruntime.quantization import QuantType, quantize_dynamic

    root = logging.getLogger()
    level = root.level
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before.onnx"), Path(folder, "after.onnx")
        before.write_bytes(model.content)
        try:
            root.setLevel(logging.ERROR)  # it advises on the root logger, whatever was done
            quantize_dynamic(before, after, weight_type=QuantType.QUInt8)
        finally:
            root.setLevel(level)
        content = after.read_bytes()
    return OnnxModel(
        content, model.name, output=model.output, threads=model.threads, cuda=model.cuda
    )
