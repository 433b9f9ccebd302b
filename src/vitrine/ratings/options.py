"""Rating models' parameters as they are written on a command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from vitrine.errors import OptionError
from vitrine.ratings.registry import rating_model_class

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def parse_model_options(name: str, texts: Iterable[str]) -> dict[str, Any]:
    """Read ``key=value`` texts as parameters of the model called `name`.

    Raises
    ------
    OptionError
        If the model or a parameter is unknown, or a value is not of the parameter's type.

    Examples
    --------
    >>> parse_model_options("bayesian-svdpp", ["n_factors=8", "noise_freedom=none"])
    {'n_factors': 8, 'noise_freedom': None}
    """
    types = get_type_hints(rating_model_class(name).__init__)
    types.pop("return", None)
    options = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        key = key.replace("-", "_")
        if not equals:
            raise OptionError(f"{text!r} is not an option; write it as name=value")
        if key not in types:
            close = difflib.get_close_matches(key, types, n=1)
            there = f"did you mean {close[0]!r}?" if close else f"it has: {', '.join(types)}"
            raise OptionError(f"{name} has no option {key!r}; {there}")
        try:
            options[key] = _parsed(value, types[key])
        except ValueError as error:
            raise OptionError(f"{name}: {key}={value} is not {error}") from None
    return options


def _parsed(text: str, kind: Any) -> Any:
    """Return a text as a value of a type.

    Raises
    ------
    ValueError
        If it is none; the message says what is wanted.
    """
    if get_origin(kind) is Literal:
        if text not in get_args(kind):
            raise ValueError(f"one of {', '.join(map(str, get_args(kind)))}")
        return text
    options = get_args(kind) or (kind,)
    if NoneType in options and text.lower() == "none":
        return None
    if bool in options:
        if text.lower() not in _WORDS:
            raise ValueError("yes or no")
        return _WORDS[text.lower()]
    for number, wanted in ((int, "a whole number"), (float, "a number")):
        if number in options:
            try:
                return number(text)
            except ValueError:
                raise ValueError(wanted) from None
    if str in options and len(options) == 1:
        return text
    raise ValueError("something that can be given here; use Python for it")
