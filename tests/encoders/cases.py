"""Every encoder that the contract is run over; see `tests.encoders.contracts.Case`."""

from tests.encoders.contracts import Case

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
]
