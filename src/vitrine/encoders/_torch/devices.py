"""Where networks are trained."""

from __future__ import annotations

import torch


def best_device() -> torch.device:
    """Return the GPU that torch sees, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
