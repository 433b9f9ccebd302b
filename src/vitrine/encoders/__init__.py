"""Turn pictures into vectors: the contract, and the registry of every encoder by name."""

from vitrine.encoders.base import Encoder
from vitrine.encoders.registry import (
    ENCODERS,
    encoder_class,
    encoder_names,
    load_encoder,
    make_encoder,
    parse_options,
)

__all__ = [
    "ENCODERS",
    "Encoder",
    "encoder_class",
    "encoder_names",
    "load_encoder",
    "make_encoder",
    "parse_options",
]
