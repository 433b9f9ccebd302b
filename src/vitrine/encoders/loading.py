"""Pictures held in memory at the size that they are learned at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.preprocessing import Pictures, Preprocessing
from vitrine.progress import track

_MAX_BYTES = 2**31
"""Pictures that are held in memory for training, where `max_pictures` says nothing else."""

_READ = 256
"""Pictures read at once."""


def sample_codes(n: int, at_most: int, random_state: int) -> NDArray[np.intp]:
    """Return the numbers of all n pictures, or of a seeded sample of `at_most`, in order."""
    if n <= at_most:
        return np.arange(n)
    return np.sort(np.random.default_rng(random_state).choice(n, at_most, replace=False))


def room_for(preprocessing: Preprocessing, max_pictures: int | None) -> int:
    """Return how many pictures may be held: `max_pictures`, else as many as 2 GiB hold."""
    return max_pictures or max(1, _MAX_BYTES // int(np.prod(preprocessing.shape)))


def load(
    pictures: Pictures, preprocessing: Preprocessing, chosen: NDArray[np.intp]
) -> NDArray[np.uint8]:
    """Return the pictures with these numbers, ascending, as uint8 (n, h, w, c)."""
    n = len(chosen)
    loaded = np.empty((n, *preprocessing.shape), np.uint8)
    for start in track(range(0, n, _READ), "reading pictures"):
        part = slice(start, min(start + _READ, n))
        whole = n == len(pictures)  # a slice is read faster than picture by picture
        read = pictures[part] if whole else [pictures[i] for i in chosen[part]]
        loaded[part] = preprocessing.stack(read)
    return loaded


def load_sample(
    pictures: Pictures, preprocessing: Preprocessing, max_pictures: int | None, random_state: int
) -> NDArray[np.uint8]:
    """Return the pictures to learn from, uint8 (n, h, w, c): all, or a seeded sample in order."""
    at_most = room_for(preprocessing, max_pictures)
    return load(pictures, preprocessing, sample_codes(len(pictures), at_most, random_state))
