"""How many threads FAISS uses for what."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import faiss

FEW_QUERIES = 8
"""So many queries at once are answered one after the other, by the thread that asks."""


@contextmanager
def threads_for(n_queries: int) -> Iterator[None]:
    """Let FAISS use one thread while few queries are answered.

    Waking a second one for half a millisecond's work takes longer than the work where the cores
    are busy: 16 ms instead of 0.3 were measured. The setting is the calling thread's own.
    """
    before = faiss.omp_get_max_threads()
    if n_queries > FEW_QUERIES or before == 1:
        yield
        return
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
