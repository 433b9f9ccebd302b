"""Every encoder that the contract is run over; see `tests.encoders.contracts.Case`."""

from tests.encoders.contracts import Case
from tests.encoders.tiny_models import pooling_network

CASES = [
    Case("pixels", changed={"exponent": 0.5}),
    Case("hog", changed={"n_orientations": 4}),
    Case("colour", changed={"layout": 3}, floor=0.5),
    Case("looks", changed={"hog_weight": 3.0}),
    Case(
        "dense-autoencoder",
        {"n_components": 16, "epochs": 40, "batch_size": 16},
        changed={"n_components": 4},
        floor=0.7,
        needs=("torch", "onnx"),
    ),
    Case(
        "conv-autoencoder",
        {"size": 24, "epochs": 20, "batch_size": 16, "filters": (4, 4)},
        changed={"filters": (4, 2)},
        floor=0.7,
        needs=("torch", "onnx"),
    ),
    Case(
        "pretrained",
        {"model": pooling_network, "mean": (0.0,), "std": (1.0,)},
        changed={"mean": (0.5,)},
        floor=0.65,
        needs=("onnx",),
    ),
    Case(
        "category",
        {"epochs": 30, "hidden": (64,), "head_batch_size": 16, "learning_rate": 3e-3},
        changed={"looks_share": 0.2},
        needs=("torch", "onnx"),
    ),
    Case(
        "hybrid-looks",
        {"encoders": ("hog", "pixels"), "weights": (0.6, 0.4)},
        changed={"weights": (0.1, 0.9)},
    ),
    Case("expanded", changed={"share": 0.9}),
    Case(
        "supervised",
        {"filters": (4, 8), "hidden": (32,), "epochs": 8, "batch_size": 32, "learning_rate": 1e-2},
        changed={"looks_share": 0.1},
        needs=("torch", "onnx"),
    ),
    Case(
        "contrastive",
        {"hidden": (32,), "n_components": 16, "epochs": 30, "batch_size": 64},
        changed={"looks_share": 0.2},
        needs=("torch", "onnx"),
    ),
    Case(
        "neighbour-map",
        {"hidden": (32, 32), "epochs": 80, "batch_size": 64, "learning_rate": 5e-3},
        changed={"n_neighbours": 2},
        floor=0.85,
        needs=("torch", "onnx"),
    ),
]
