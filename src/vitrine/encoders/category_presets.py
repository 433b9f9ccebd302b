"""The numbers that a category encoder is made with: two sets, and what each may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vitrine.errors import OptionError
from vitrine.index.distance import DistanceName


@dataclass(frozen=True)
class Preset:
    """Values of the options that are left open."""

    descriptors: str
    roots: bool
    standardize: Literal["each", "shared"]
    hidden: tuple[int, ...]
    dropout: float
    cosine_scale: float | None
    label_smoothing: float
    class_weight: Literal["balanced", "none"]
    epochs: int
    head_batch_size: int
    learning_rate: float
    validation_share: float
    embedding: Literal["hidden", "mixed"]
    looks_share: float
    distance: DistanceName


PRESETS = {
    "default": Preset(
        descriptors="looks",
        roots=True,
        standardize="shared",
        hidden=(512,),
        dropout=0.5,
        cosine_scale=16.0,
        label_smoothing=0.1,
        class_weight="none",
        epochs=8,
        head_batch_size=64,
        learning_rate=1e-3,
        validation_share=0.0,
        embedding="mixed",
        looks_share=0.8,
        distance="cosine",
    ),
    "classic": Preset(
        descriptors="",
        roots=False,
        standardize="each",
        hidden=(1024, 512),
        dropout=0.7,
        cosine_scale=None,
        label_smoothing=0.0,
        class_weight="balanced",
        epochs=32,
        head_batch_size=64,
        learning_rate=4e-4,
        validation_share=0.2,
        embedding="hidden",
        looks_share=0.0,
        distance="standardized",
    ),
}
"""``classic``: the published recipe on ResNet-50 features; ``default``: what measured better."""


def check(settings: Preset) -> None:
    """Raise `OptionError` where a number cannot be."""
    shares = ("dropout", "label_smoothing", "looks_share", "validation_share")
    for name in shares:
        if not 0 <= getattr(settings, name) < 1:
            raise OptionError(f"{name} is {getattr(settings, name)}; it is at least 0 and below 1")
    sizes: Sequence[int] = (settings.epochs, settings.head_batch_size, *settings.hidden)
    if not settings.hidden or min(sizes) < 1 or not settings.learning_rate > 0:
        raise OptionError(
            f"hidden={settings.hidden}, epochs={settings.epochs}, head_batch_size="
            f"{settings.head_batch_size}, learning_rate={settings.learning_rate}: one layer at "
            "least, and numbers above 0"
        )
    if settings.cosine_scale is not None and settings.cosine_scale < 0:
        raise OptionError(f"cosine_scale is {settings.cosine_scale}; it is 0 (off) or above")
    for name, known in (("standardize", ("each", "shared")), ("embedding", ("hidden", "mixed")),
                        ("class_weight", ("balanced", "none"))):  # fmt: skip
        if getattr(settings, name) not in known:
            raise OptionError(f"{name}={getattr(settings, name)!r}: it is {' or '.join(known)}")
