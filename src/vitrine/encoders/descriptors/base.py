"""What every descriptor encoder does around its own description of a picture."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.descriptors.parallel import describe_in_threads
from vitrine.encoders.preprocessing import Pictures, Preprocessing, has_colour, native_size
from vitrine.encoders.whitening import PartialWhitening
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance, DistanceName, unit
from vitrine.progress import task

_SAMPLE = 20_000
_SAMPLE_BYTES = 2**28
_BLOCK = 128
"""Pictures that a sample takes in a row: a slice is decoded in parallel, single ones are not."""
_SMALL = 64
"""Pictures of at most this side are described at their own size."""


class DescriptorEncoder(Encoder):
    """Describe each picture, then project the descriptions and weigh their components.

    A member defines `_describe`, and has the constructor arguments `size`, `n_components`,
    `whitening`, `distance` and `random_state`. The projection is fitted on a seeded sample of at
    most 20,000 pictures (fewer where a description is long), so memory does not grow with the
    catalogue.
    """

    size: int | None
    n_components: int | None
    whitening: float
    distance: DistanceName
    random_state: int

    default_size = 64
    """Side, in pixels, of pictures that are not all equal and small."""

    whitening_: PartialWhitening | None

    def fit(self, pictures: Pictures, y: Any = None) -> Self:
        """Choose the preprocessing and fit the projection; labels are not used.

        Raises
        ------
        InputError
            If there are no pictures or one is not a picture.
        OptionError
            If an option's value cannot be.
        """
        if len(pictures) == 0:
            raise InputError("there are no pictures")
        self._check_options()
        self.preprocessing_ = self._choose_preprocessing(pictures)
        described = self._describe_sample(pictures)
        self.whitening_ = None
        if self.n_components is not None and len(described) > 1:
            self.whitening_ = PartialWhitening(self.n_components, self.whitening).fit(described)
        vectors = self._finish(described)
        self.n_components_ = vectors.shape[1]
        self.distance_ = Distance.fit(self.distance, vectors)
        return self

    @abstractmethod
    def _describe(self, batch: NDArray[np.uint8]) -> FloatArray:
        """Describe preprocessed pictures, uint8 (b, h, w, c), as float32 (b, D)."""

    def _channels(self, pictures: Pictures) -> int:
        """Return 3 where the description of `pictures` should see colour."""
        return 3 if has_colour(pictures) else 1

    def _encode(self, batch: NDArray[np.uint8]) -> FloatArray:
        return self._finish(describe_in_threads(self._describe, batch))

    def _finish(self, described: FloatArray) -> FloatArray:
        vectors = described if self.whitening_ is None else self.whitening_.transform(described)
        return unit(vectors) if self.distance == "cosine" else vectors

    def _check_options(self) -> None:
        """Raise `OptionError` where an option cannot be."""
        if self.size is not None and self.size < 8:
            raise OptionError(f"size={self.size}: a picture needs at least 8 pixels a side")
        # Said here and not only when it is fitted, so that one picture is as strict as many.
        PartialWhitening(self.n_components, self.whitening).check_options()

    def _choose_preprocessing(self, pictures: Pictures) -> Preprocessing:
        if self.size is not None:
            height = width = self.size
        else:
            height, width = native_size(pictures, _SMALL, self.default_size)
        return Preprocessing(height, width, self._channels(pictures))

    def _describe_sample(self, pictures: Pictures) -> FloatArray:
        """Describe a sample of the pictures that memory has room for, float32 (m, D)."""
        first = self._describe(self.preprocessing_.stack(pictures[:1]))
        if self.n_components is None and self.distance != "standardized":
            return first  # nothing is fitted
        at_most = min(_SAMPLE, max(_BLOCK, _SAMPLE_BYTES // first.nbytes))
        parts = []
        if len(pictures) <= at_most:
            batches = self.preprocessing_.batches(pictures, self.batch_size_)
        else:
            blocks = _blocks(len(pictures), at_most // _BLOCK, self.random_state)
            batches = (self.preprocessing_.stack(pictures[block]) for block in blocks)
        with task(f"fitting {self.kind}", min(len(pictures), at_most)) as progress:
            for batch in batches:
                parts.append(describe_in_threads(self._describe, batch))
                progress.advance(len(batch))
        return np.concatenate(parts)

    def _state(self) -> Artifact:
        if self.whitening_ is None:
            return Artifact(self.kind)
        return Artifact(
            self.kind,
            arrays={
                "mean": self.whitening_.mean_,
                "components": self.whitening_.components_,
                "explained_variance": self.whitening_.explained_variance_,
            },
        )

    def _restore(self, artifact: Artifact) -> None:
        self.whitening_ = None
        if "components" in artifact.arrays:
            self.whitening_ = PartialWhitening.from_arrays(
                artifact.arrays["mean"],
                artifact.arrays["components"],
                artifact.arrays["explained_variance"],
                power=self.whitening,
            )


def _blocks(n: int, n_blocks: int, seed: int) -> Iterator[slice]:
    """Yield slices of 128, one at a random place in each of `n_blocks` equal parts of n rows."""
    edges = np.linspace(0, n, n_blocks + 1).astype(int)
    rng = np.random.default_rng(seed)
    for low, high in pairwise(edges):
        start = int(rng.integers(low, max(low, high - _BLOCK) + 1))
        yield slice(start, start + _BLOCK)
