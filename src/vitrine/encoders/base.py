"""The contract of every encoder: pictures in, one vector each out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from vitrine.artifact import Artifact
from vitrine.encoders.histories import write_table
from vitrine.encoders.preprocessing import Pictures, Preprocessing
from vitrine.errors import ArtifactError, VitrineError
from vitrine.index.distance import Distance

MAX_INPUT = 50e6
"""Numbers of a picture that an encoder may want; a saved one that wants more is refused."""

FloatArray = NDArray[np.float32]


class Encoder(BaseEstimator, ABC):
    """Turns pictures into vectors.

    scikit-learn's contract holds: the constructor only assigns, `fit` returns self, fitted
    attributes end in an underscore, unfitted use raises `sklearn.exceptions.NotFittedError`.

    Attributes
    ----------
    n_components_ : int
        Length d of a vector.
    distance_ : Distance
        How vectors of this encoder are compared; part of the artifact.
    preprocessing_ : Preprocessing
        What a picture goes through first.
    """

    kind: ClassVar[str]
    """The encoder's name on the command line and in manifests."""

    n_components_: int
    distance_: Distance
    preprocessing_: Preprocessing

    @abstractmethod
    def fit(self, pictures: Pictures, y: Any = None) -> Self:
        """Learn from pictures: uint8 (n, h, w), (n, h, w, 3), or a sequence of such pictures.

        Parameters
        ----------
        pictures : array or sequence of pictures
        y : sequence of labels, optional
            One a picture; None where unknown. Encoders that need no labels ignore it.

        Raises
        ------
        InputError
            If there are no pictures or one is not a picture.
        """

    def transform(self, pictures: Pictures) -> FloatArray:
        """Return one vector a picture, float32 (n, d).

        The same picture gives the same vector, alone or in a batch.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        InputError
            As `fit`.
        """
        self._check_fitted()
        parts = [
            self._encode(batch) for batch in self.preprocessing_.batches(pictures, self.batch_size_)
        ]
        return np.concatenate(parts)

    def fit_transform(self, pictures: Pictures, y: Any = None) -> FloatArray:
        """Fit, then transform the same pictures."""
        return self.fit(pictures, y).transform(pictures)

    @property
    def batch_size_(self) -> int:
        """Pictures encoded at once: about 16 MB of bytes, 32 to 1,024 pictures."""
        return int(np.clip(2**24 // max(1, int(np.prod(self.preprocessing_.shape))), 32, 1024))

    @property
    def needs_labels(self) -> bool:
        """Whether `fit` needs `y`."""
        return False

    @abstractmethod
    def _encode(self, batch: NDArray[np.uint8]) -> FloatArray:
        """Encode preprocessed pictures, uint8 (b, h, w, c), as float32 (b, d)."""

    @abstractmethod
    def _state(self) -> Artifact:
        """Return the fitted state; `to_artifact` adds what every encoder has."""

    @abstractmethod
    def _restore(self, artifact: Artifact) -> None:
        """Set the fitted attributes from what `_state` returned."""

    def _check_fitted(self) -> None:
        check_is_fitted(self, "preprocessing_")

    def to_artifact(self) -> Artifact:
        """Return the fitted encoder as an artifact.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        """
        self._check_fitted()
        artifact = self._state()
        artifact.kind = self.kind
        artifact.settings |= {
            "params": self.get_params(deep=False),
            "n_components": self.n_components_,
            "distance": self.distance_.to_settings(),
            "preprocessing": self.preprocessing_.to_settings(),
        }
        return artifact

    @classmethod
    def from_artifact(cls, artifact: Artifact) -> Self:
        """Rebuild a fitted encoder.

        Raises
        ------
        ArtifactError
            If the artifact is of another kind, or something in it is missing or misshapen.
        """
        if artifact.kind != cls.kind:
            raise ArtifactError(f"the saved model is of kind {artifact.kind!r}, not {cls.kind!r}")
        settings = artifact.settings
        try:
            encoder = cls(**{name: _thaw(value) for name, value in settings["params"].items()})
            encoder.n_components_ = int(settings["n_components"])
            encoder.distance_ = Distance.from_settings(settings["distance"])
            encoder.preprocessing_ = Preprocessing.from_settings(settings["preprocessing"])
            encoder._restore(artifact)
            if not artifact.blobs:  # a network is tried when it is first run
                encoder._try_out()
        except VitrineError:
            raise
        except Exception as error:  # foreign settings and arrays make NumPy raise nearly anything
            raise ArtifactError(
                f"the saved {cls.kind} encoder does not hold together ({error!r}); fit it again"
            ) from error
        return encoder

    def _try_out(self) -> None:
        """Encode one picture; ValueError if no vector of the right length comes."""
        if np.prod(self.preprocessing_.shape, dtype=np.float64) > MAX_INPUT:
            raise ValueError(f"pictures of {self.preprocessing_.shape}")
        vectors = self.transform([np.zeros((8, 8, 3), np.uint8)])
        if vectors.shape != (1, self.n_components_) or not np.isfinite(vectors).all():
            raise ValueError(f"vectors of {vectors.shape}, not {self.n_components_} numbers")

    def save(self, folder: str | Path) -> Path:
        """Write the fitted encoder into `folder`, which is made.

        Beside it, for people: how its training went, ``history.csv``, if it was trained.
        """
        path = self.to_artifact().save(folder)
        write_table(self, path)
        return path

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read an encoder that `save` wrote.

        Raises
        ------
        ArtifactError
            If it is damaged, of another kind, or written by a newer version.
        """
        return cls.from_artifact(Artifact.load(folder))


def _thaw(value: Any) -> Any:
    """Undo what JSON does to an option: it turns tuples into lists."""
    return tuple(value) if isinstance(value, list) else value
