"""Networks, losses, the training loop and export: the only place that imports torch.

Importing anything from here without the extra ``train`` raises `MissingExtraError`.
"""

from importlib.util import find_spec

from vitrine.errors import MissingExtraError

if find_spec("torch") is None or find_spec("onnx") is None:
    raise MissingExtraError("training an encoder", "train")
