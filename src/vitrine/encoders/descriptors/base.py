"""What every descriptor encoder does around its own description of a picture."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.preprocessing import Pictures, Preprocessing, has_colour, native_size
from vitrine.encoders.whitening import PartialWhitening
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance, DistanceName, unit

_SAMPLE = 20_000
_SAMPLE_BYTES = 2**28
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

    default_size = 96
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
        sample = self._sample(pictures, _SAMPLE)
        self._fit_description(sample)
        described = self._describe_sample(sample)
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

    def _fit_description(self, sample: Pictures) -> None:
        """Learn what `_describe` needs from a sample of pictures; most need nothing."""

    def _channels(self, pictures: Pictures) -> int:
        """Return 3 where the description of `pictures` should see colour."""
        return 3 if has_colour(pictures) else 1

    def _encode(self, batch: NDArray[np.uint8]) -> FloatArray:
        return self._finish(self._describe(batch))

    def _finish(self, described: FloatArray) -> FloatArray:
        vectors = described if self.whitening_ is None else self.whitening_.transform(described)
        return unit(vectors) if self.distance == "cosine" else vectors

    def _check_options(self) -> None:
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

    def _sample(self, pictures: Pictures, at_most: int) -> Pictures:
        """Return a seeded random choice of the pictures, in their order."""
        n = len(pictures)
        if n <= at_most:
            return pictures
        rng = np.random.default_rng(self.random_state)
        chosen = np.sort(rng.choice(n, at_most, replace=False))
        if isinstance(pictures, np.ndarray):
            return pictures[chosen]
        return [pictures[i] for i in chosen]

    def _describe_sample(self, pictures: Pictures) -> FloatArray:
        """Describe as many of the pictures as memory allows, float32 (m, D)."""
        batches = self.preprocessing_.batches(pictures, self.batch_size_)
        parts = [self._describe(next(batches))]
        row_bytes = parts[0].shape[1] * 4
        for batch in batches:
            if sum(len(part) for part in parts) * row_bytes > _SAMPLE_BYTES:
                break
            parts.append(self._describe(batch))
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
