"""Loops compiled by numba, typed for mypy and kept on disk between runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` at its first call, with sums in any order so that they vectorise.

    Single-threaded: the order of additions, and so a seed's result, never depends on the machine's
    load. The GIL is released.
    """
    return cast(Callable[P, R], numba.njit(cache=True, fastmath=True, nogil=True)(function))
