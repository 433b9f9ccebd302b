"""Describe a batch on all cores: small pieces, each in one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from vitrine.encoders.base import FloatArray
from vitrine.threads import available_threads

_PIECE = 32
"""Pictures described at once: few enough for a processor's cache, and never fewer or more on
another machine, so that the result does not depend on the number of cores."""


def describe_in_threads(
    describe: Callable[[NDArray[np.uint8]], FloatArray], batch: NDArray[np.uint8]
) -> FloatArray:
    """Return ``describe(batch)``, computed piece by piece on all cores."""
    pieces = [batch[start : start + _PIECE] for start in range(0, len(batch), _PIECE)]
    if len(pieces) == 1:
        return describe(batch)
    with _one_blas_thread(), ThreadPoolExecutor(available_threads()) as pool:
        return np.concatenate(list(pool.map(describe, pieces)))


class _Limit:
    """How many are inside `_one_blas_thread`; BLAS has one setting for the whole process."""

    lock = threading.Lock()
    inside = 0
    undo: Callable[[], object]


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Keep BLAS to one thread: several wait more than they compute on matrices this small."""
    with _Limit.lock:
        if _Limit.inside == 0:
            _Limit.undo = _blas().limit(limits=1, user_api="blas").restore_original_limits
        _Limit.inside += 1
    try:
        yield
    finally:
        with _Limit.lock:
            _Limit.inside -= 1
            if _Limit.inside == 0:
                _Limit.undo()


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()  # looks through all loaded libraries, hence once
