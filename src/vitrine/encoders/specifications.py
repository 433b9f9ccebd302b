"""Encoders as one writes them in a line: NAME:option=value:option=value, several with commas."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vitrine.encoders.base import Encoder
from vitrine.encoders.registry import make_encoder, parse_options

_NEW_OPTION = re.compile(r":(?=\w+=)")
_CONTINUED = re.compile(r"\w+=|[-+.\d]+(?=:|$)")


def split_list(text: str) -> list[str]:
    """Split ``NAME,NAME:option=value,…``; commas within an option's value do not split.

    >>> split_list("hog:cells=9,6:blurs=0,looks,category:backbone_options=mean=0.5,std=0.5")
    ['hog:cells=9,6:blurs=0', 'looks', 'category:backbone_options=mean=0.5,std=0.5']
    """
    parts: list[str] = []
    for part in text.split(","):
        if parts and _CONTINUED.match(part.strip()):
            parts[-1] += f",{part}"
        elif part.strip():
            parts.append(part.strip())
    return parts


def split_options(text: str) -> tuple[str, list[str]]:
    """Split a name from its options; names and values may hold colons themselves.

    >>> split_options("onnx:net.onnx:mean=0.5:std=0.5")
    ('onnx:net.onnx', ['mean=0.5', 'std=0.5'])
    """
    name, *options = _NEW_OPTION.split(text.strip())
    return name, options


def join_options(name: str, options: Iterable[str]) -> str:
    """Write a name and its options so that they can stand within another encoder's option.

    There a semicolon does what a colon does outside.

    >>> join_options("onnx:net.onnx", ["mean=0.5", "std=0.5"])
    'onnx:net.onnx;mean=0.5;std=0.5'
    """
    return ";".join([name, *options])


def read_encoder(text: str, random_state: int = 0) -> Encoder:
    """Make the unfitted encoder that a text describes.

    Parameters
    ----------
    text : str
        ``NAME:option=value:option=value``.
    random_state : int
        Its seed, unless an option says another.

    Raises
    ------
    OptionError
        If the name or an option is unknown.

    Examples
    --------
    >>> read_encoder("pixels:n_components=2")
    Pixels(n_components=2)
    """
    name, texts = split_options(text)
    options = parse_options(name, texts)
    if "random_state" in make_encoder(name).get_params(deep=False):
        options.setdefault("random_state", random_state)
    return make_encoder(name, **options)
