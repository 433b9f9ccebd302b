"""An encoder inside another: made by name, and kept within the other's artifact."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder
from vitrine.errors import OptionError

T = TypeVar("T")


def make_backbone(name: str, options: Iterable[str]) -> Encoder:
    """Make the unfitted encoder that another one builds on.

    Parameters
    ----------
    name : str
        As `make_encoder` knows it.
    options : iterable of str
        ``name=value`` each.

    Raises
    ------
    OptionError
        If the name or an option is unknown, or the encoder needs labels itself.
    """
    # Here, as the registry imports by name what imports this module.
    from vitrine.encoders.registry import make_encoder, parse_options

    backbone = make_encoder(name, **parse_options(name, options))
    if backbone.needs_labels:
        raise OptionError(f"backbone={name}: it needs labels itself; take another")
    return backbone


def put_inside(outer: Artifact, name: str, encoder: Encoder) -> None:
    """Add a fitted encoder to an artifact.

    Parameters
    ----------
    outer : Artifact
        Gets the encoder's settings under `name`, its arrays and blobs under `name` _ their own.
    name : str
        Lower case letters.
    encoder : Encoder
    """
    inner, prefix = encoder.to_artifact(), f"{name}_"
    outer.settings[name] = {"kind": inner.kind, "settings": inner.settings}
    outer.arrays |= {prefix + own: array for own, array in inner.arrays.items()}
    outer.blobs |= {prefix + own: content for own, content in inner.blobs.items()}


def take_out(outer: Artifact, name: str) -> Encoder:
    """Rebuild the encoder that `put_inside` added.

    Raises
    ------
    KeyError
        If there is none under `name`.
    ArtifactError
        If it does not hold together.
    """
    from vitrine.encoders.registry import load_encoder

    inside, prefix = outer.settings[name], f"{name}_"
    arrays, blobs = _under(prefix, outer.arrays), _under(prefix, outer.blobs)
    return load_encoder(Artifact(inside["kind"], inside["settings"], arrays, blobs))


def _under(prefix: str, named: dict[str, T]) -> dict[str, T]:
    return {
        name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)
    }
