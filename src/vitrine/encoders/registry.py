"""Every encoder by name: made from options, or rebuilt from what was saved."""

from __future__ import annotations

import difflib
import importlib
import inspect
import math
from collections.abc import Iterable
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder
from vitrine.errors import ArtifactError, OptionError

ENCODERS: dict[str, str] = {
    "pixels": "vitrine.encoders.descriptors:Pixels",
    "hog": "vitrine.encoders.descriptors:Hog",
    "colour": "vitrine.encoders.descriptors:Colour",
    "looks": "vitrine.encoders.descriptors:Looks",
    "dense-autoencoder": "vitrine.encoders.autoencoder:DenseAutoencoder",
    "conv-autoencoder": "vitrine.encoders.autoencoder:ConvAutoencoder",
    "pretrained": "vitrine.encoders.pretrained:Pretrained",
    "category": "vitrine.encoders.category:Category",
    "hybrid-looks": "vitrine.encoders.hybrid_looks:HybridLooks",
    "expanded": "vitrine.encoders.expanded:Expanded",
    "supervised": "vitrine.encoders.supervised:Supervised",
    "contrastive": "vitrine.encoders.contrastive:Contrastive",
    "neighbour-map": "vitrine.encoders.neighbour_map:NeighbourMap",
}
"""Where each kind's class lies, ``module:class``; imported only when it is asked for."""

MODEL_PREFIXES = ("pretrained", "onnx", "hub")
"""What may stand before the colon of a pretrained encoder's name."""


def encoder_names() -> list[str]:
    """Return the names that `make_encoder` knows; ``onnx:PATH`` and ``hub:OWNER/MODEL`` also work.

    >>> "pretrained:resnet50" in encoder_names()
    True
    """
    from vitrine.encoders.pretrained_models import BACKBONES

    kinds = [kind for kind in ENCODERS if kind != "pretrained"]
    return kinds + [f"pretrained:{name}" for name in BACKBONES]


def encoder_class(name: str) -> type[Encoder]:
    """Return the class of the encoder called `name`.

    Raises
    ------
    OptionError
        If no encoder is called that.
    """
    prefix, colon, _ = name.partition(":")
    kind = "pretrained" if colon and prefix in MODEL_PREFIXES else name
    if kind not in ENCODERS:
        raise OptionError(
            f"no encoder is called {name!r}{_hint(name, encoder_names())}, onnx:PATH, "
            "hub:OWNER/MODEL"
        )
    module, _, attribute = ENCODERS[kind].partition(":")
    found: type[Encoder] = getattr(importlib.import_module(module), attribute)
    return found


def make_encoder(name: str, **options: Any) -> Encoder:
    """Make an unfitted encoder.

    Parameters
    ----------
    name : str
        One of `encoder_names`, ``onnx:PATH`` or ``hub:OWNER/MODEL``.
    **options
        Its constructor's arguments.

    Raises
    ------
    OptionError
        If the name or an option is unknown.

    Examples
    --------
    >>> make_encoder("pixels", n_components=2)
    Pixels(n_components=2)
    """
    found = encoder_class(name)
    known = inspect.signature(found).parameters
    for option in options:
        if option not in known:
            raise OptionError(f"{name} has no option {option!r}{_hint(option, known)}")
    if ":" in name:
        options = {"model": _checked_model(name), **options}
    return found(**options)


def parse_options(name: str, texts: Iterable[str]) -> dict[str, Any]:
    """Read options as they are written on a command line.

    Parameters
    ----------
    name : str
        One of `encoder_names`; decides the options' types.
    texts : iterable of str
        ``key=value`` each. Tuples are written with commas (``hidden=128,64``, an empty value is
        the empty tuple), ``none`` stands for None where the option allows it.

    Raises
    ------
    OptionError
        If the encoder or an option is unknown, or a value is not of the option's type.

    Examples
    --------
    >>> parse_options("pixels", ["n_components=2", "mirror=yes"])
    {'n_components': 2, 'mirror': True}
    """
    found = encoder_class(name)
    known = inspect.signature(found).parameters
    types = get_type_hints(found.__init__)
    options = {}
    for text in texts:
        option, equals, value = text.partition("=")
        option = option.strip().replace("-", "_")
        if not equals:
            raise OptionError(f"{text!r} is not an option; write it as name=value")
        if option not in known:
            raise OptionError(f"{name} has no option {option!r}{_hint(option, known)}")
        try:
            options[option] = _parse(value.strip(), types[option])
        except ValueError:
            raise OptionError(
                f"{name}: {option}={value} is not {_describe(types[option])}"
            ) from None
    return options


def load_encoder(source: Artifact | str | Path) -> Encoder:
    """Rebuild a fitted encoder of whatever kind from its artifact or the folder it was saved in.

    Raises
    ------
    ArtifactError
        If it is damaged, of an unknown kind, or written by a newer version.
    """
    artifact = source if isinstance(source, Artifact) else Artifact.load(source)
    if artifact.kind not in ENCODERS:
        raise ArtifactError(
            f"the saved model is of kind {artifact.kind!r}, which is no encoder of this Vitrine "
            f"({', '.join(ENCODERS)}); a newer version may know it"
        )
    return encoder_class(artifact.kind).from_artifact(artifact)


def _checked_model(name: str) -> str:
    """Return the name of a pretrained model; OptionError if it should be known and is not."""
    prefix, _, rest = name.partition(":")
    if prefix == "pretrained":
        from vitrine.encoders.pretrained_hub import known

        known(rest)
    return name


def _hint(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    meant = f"; did you mean {close[0]!r}?" if close else "."
    return f"{meant} It can be: {', '.join(names)}"


def _parse(text: str, kind: Any) -> Any:
    """Read `text` as the annotated type `kind`; ValueError if it is not one."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _parse_union(text, arguments)
    if origin is Literal:
        if text not in arguments:
            raise ValueError(text)
        return text
    if origin is tuple:
        return tuple(_parse(part.strip(), arguments[0]) for part in text.split(",") if part.strip())
    if kind is type(None):
        if text.lower() not in ("none", "null"):
            raise ValueError(text)
        return None
    if kind is bool:
        return _parse_bool(text)
    value = kind(text)
    if kind is float and not math.isfinite(value):
        raise ValueError(text)
    return value


def _parse_union(text: str, kinds: tuple[Any, ...]) -> Any:
    # None first: the word would pass as a string. An int would pass as a float, hence int before.
    order = [type(None), bool, int, float]
    for kind in sorted(kinds, key=lambda k: order.index(k) if k in order else len(order)):
        try:
            return _parse(text, kind)
        except ValueError:
            continue
    raise ValueError(text)


def _parse_bool(text: str) -> bool:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if text.lower() not in words:
        raise ValueError(text)
    return words[text.lower()]


def _describe(kind: Any) -> str:
    """Say in words what `_parse` accepts."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(_describe(argument) for argument in arguments)
    if origin is Literal:
        return "one of " + ", ".join(arguments)
    if origin is tuple:
        return f"{_describe(arguments[0])}s with commas between"
    words = {int: "a whole number", float: "a number", bool: "yes or no", type(None): "none"}
    return words.get(kind, "a text")
