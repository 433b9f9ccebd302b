"""What a process that serves does differently from one that runs a command."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import AbstractContextManager

import faiss
from threadpoolctl import threadpool_limits


def one_thread_each() -> None:
    """Let FAISS use one thread for each search of this thread: many searches run at once."""
    faiss.omp_set_num_threads(1)


def one_blas_thread() -> AbstractContextManager[object]:
    """Let BLAS use one thread inside the context, in the whole process.

    Its other threads wait busily after each product, on cores where other requests, and other
    processes, could get on: searches by photo took twice as long beside them.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits


def return_memory() -> None:
    """Give back to the system what reading a shop has left over, which is as much as the shop."""
    gc.collect()
    gc.freeze()  # what is there now stays; it need not be looked at again and again
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim"):  # glibc's
            libc.malloc_trim(0)
