"""Small ONNX files that tests make: networks that average pixels, so their vectors are known."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path


def write_network(
    path: Path,
    *,
    side: int | str = "h",
    layout: str = "nchw",
    batch: int | str = "n",
    classes: int = 0,
    domain: str = "",
    output: str = "features",
) -> Path:
    """Write a network whose vectors are its input's pixels in one row, all 0 below 0 left out.

    With `classes`, the pixels are followed by a dense layer and a softmax called ``probs``, which
    is then the only output.
    """
    from onnx import TensorProto, helper, save

    sides = [side, "w" if side == "h" else side]
    shape = [batch, 3, *sides] if layout == "nchw" else [batch, *sides, 3]
    given = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, shape)
    nodes = [helper.make_node("Flatten", ["pictures"], ["pixels"])]
    made, constants = output, []
    if classes:
        weights = [float(i % 7) / 7 for i in range(3 * int(side) ** 2 * classes)]
        dims = (3 * int(side) ** 2, classes)
        constants.append(helper.make_tensor("w", TensorProto.FLOAT, dims, weights))
        nodes.append(helper.make_node("MatMul", ["pixels", "w"], ["logits_"]))
        nodes.append(helper.make_node("Softmax", ["logits_"], ["probs"]))
        made = "probs"
    else:
        nodes.append(helper.make_node("Identity", ["pixels"], [output], domain=domain))
    result = helper.make_tensor_value_info(made, TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "tiny", [given], [result], constants)
    opsets = [helper.make_opsetid("", 17)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


@cache
def pooling_network() -> str:
    """Return the name of a network that averages 24×24 pictures over 4×4 pixels."""
    from onnx import TensorProto, helper, save

    path = Path(tempfile.mkdtemp(prefix="vitrine-tests-")) / "pooling.onnx"
    given = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["n", 3, 24, 24])
    result = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 108])
    nodes = [
        helper.make_node(
            "AveragePool", ["pictures"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]
        ),
        helper.make_node("Flatten", ["cells"], ["features"]),
    ]
    graph = helper.make_graph(nodes, "pooling", [given], [result])
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return f"onnx:{path}"
