"""What every autoencoder does around its network: load, fit, export, encode, draw."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.loading import load_sample
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.encoders.preprocessing import Pictures, Preprocessing
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance, DistanceName

if TYPE_CHECKING:
    from vitrine.encoders._torch.networks import Autoencoder as Network

DistanceOption = Literal["auto", "euclidean", "standardized", "cosine"]

_SCALE = 1 / 255
"""The encoder's file wants preprocessed bytes times this, channels last."""

_CLIP = 1e-7
"""Keras keeps predicted probabilities this far from 0 and 1 when it takes their logarithm."""


class Autoencoder(Encoder):
    """What both autoencoders share: fitting, export, encoding, decoding.

    A member's constructor has the arguments that are annotated here.

    Attributes
    ----------
    history_ : dict of str to list of float
        ``loss`` (mean binary cross-entropy of an epoch's batches, each before its step),
        ``val_loss`` (of the validation part after the epoch; empty without one) and ``seconds``,
        one entry an epoch.
    interrupted_ : bool
        Whether Ctrl-C ended the training; the best weights up to then were kept.
    layers_ : dict of str to list of (name, output shape, number of parameters)
        A row a layer of the ``encoder`` and the ``decoder``.
    encoder_, decoder_ : OnnxModel
        Pictures (n, h, w, c) of 0 to 1 → vectors, and back.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    validation_share: float
    patience: int | None
    max_minutes: float | None
    max_pictures: int | None
    distance: DistanceOption
    random_state: int

    history_: dict[str, list[float]]
    interrupted_: bool
    layers_: dict[str, list[tuple[str, tuple[int, ...], int]]]
    encoder_: OnnxModel
    decoder_: OnnxModel

    def fit(self, pictures: Pictures, y: Any = None) -> Self:
        """Train on the pictures; labels are not used.

        Ctrl-C stops training, not the program: the best weights so far are kept, a warning is
        logged and `interrupted_` is set.

        Raises
        ------
        InputError
            If there are no pictures or one is not a picture.
        OptionError
            If an option's value cannot be.
        TrainingError
            If the loss stops being a number.
        MissingExtraError
            If torch or onnx is not installed.
        """
        self._check_options()
        if len(pictures) == 0:
            raise InputError("there are no pictures")
        from vitrine.encoders._torch.autoencoders import fit_autoencoder
        from vitrine.encoders._torch.training import Plan

        preprocessing = self._choose_preprocessing(pictures)
        loaded = load_sample(pictures, preprocessing, self.max_pictures, self.random_state)
        trained = fit_autoencoder(
            self._make_network(preprocessing.shape),
            loaded,
            round(self.validation_share * len(loaded)) if len(loaded) > 1 else 0,
            Plan(
                self.epochs,
                self.batch_size,
                self.learning_rate,
                self.patience,
                max_seconds=None if self.max_minutes is None else 60 * self.max_minutes,
            ),
            self.random_state,
        )
        self.preprocessing_ = preprocessing
        self.n_components_ = trained.n_components
        self.layers_ = trained.layers
        self.encoder_ = OnnxModel(trained.encoder, "encoder.onnx")
        self.decoder_ = OnnxModel(trained.decoder, "decoder.onnx")
        self.interrupted_ = trained.history.interrupted
        history = trained.history
        self.history_ = {
            "loss": history.loss,
            "val_loss": history.val_loss,
            "seconds": history.seconds,
        }
        self.distance_ = self._measure_distance(loaded)
        return self

    def encode(self, pictures: Pictures) -> FloatArray:
        """Return the pictures' codes, float32 (n, d): `transform` by its other name."""
        return self.transform(pictures)

    def decode(self, vectors: FloatArray) -> NDArray[np.uint8]:
        """Draw pictures from codes.

        Parameters
        ----------
        vectors : array of float, (n, d)

        Returns
        -------
        ndarray of uint8, (n, h, w) grey or (n, h, w, 3) RGB

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        InputError
            If the vectors are not (n, d).
        """
        self._check_fitted()
        given = np.ascontiguousarray(vectors, dtype=np.float32)
        if given.ndim != 2 or given.shape[1] != self.n_components_ or len(given) == 0:
            raise InputError(
                f"codes of this encoder are (n, {self.n_components_}), n at least 1; "
                f"these are {given.shape}"
            )
        size = self.batch_size_
        parts = [
            np.rint(self.decoder_(given[start : start + size]) * 255).astype(np.uint8)
            for start in range(0, len(given), size)
        ]
        drawn = np.concatenate(parts)
        return drawn[..., 0] if self.preprocessing_.channels == 1 else drawn

    def reconstruct(self, pictures: Pictures) -> NDArray[np.uint8]:
        """Encode pictures and draw them again, at the size they are learned at; see `decode`."""
        return self.decode(self.transform(pictures))

    def reconstruction_loss(self, pictures: Pictures) -> float:
        """Return the mean binary cross-entropy per pixel between pictures and reconstructions.

        It is the loss that training lowers. As in Keras, predictions are kept 1e-7 from 0 and 1.
        """
        self._check_fitted()
        total, n_values = 0.0, 0
        for batch in self.preprocessing_.batches(pictures, self.batch_size_):
            x = _unit(batch)
            s = np.clip(self.decoder_(self.encoder_(x)), _CLIP, 1 - _CLIP)
            entropy = x * np.log(s) + (1 - x) * np.log1p(-s)
            total -= float(entropy.sum(dtype=np.float64))
            n_values += x.size
        return total / n_values

    def summary(self) -> None:
        """Print each layer with its output shape and its number of parameters."""
        self._check_fitted()
        print(f"{'layer':<20}{'output shape':<20}{'parameters':>12}")
        for part, rows in self.layers_.items():
            print(part)
            for name, shape, n_parameters in rows:
                print(f"  {name:<18}{'×'.join(map(str, shape)):<20}{n_parameters:>12,}")
        print(f"{'total':<40}{self.n_parameters_:>12,}")

    @property
    def n_parameters_(self) -> int:
        """Number of trained weights and biases."""
        return sum(row[2] for rows in self.layers_.values() for row in rows)

    @abstractmethod
    def _make_network(self, shape: tuple[int, int, int]) -> Network:
        """Return the network for preprocessed pictures (h, w, c)."""

    @abstractmethod
    def _choose_preprocessing(self, pictures: Pictures) -> Preprocessing:
        """Return what pictures go through first."""

    def _check_options(self) -> None:
        """Raise `OptionError` if a value of an option cannot be."""
        for name in ("epochs", "batch_size", "patience", "max_pictures"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OptionError(f"{name} is {value}; it starts at 1")
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise OptionError(f"max_minutes is {self.max_minutes}; it must be above 0")
        if not self.learning_rate > 0:
            raise OptionError(f"learning_rate is {self.learning_rate}; it must be above 0")
        if not 0 <= self.validation_share < 1:
            raise OptionError(
                f"validation_share is {self.validation_share}; it is at least 0 and below 1"
            )
        if self.distance != "auto":
            Distance.fit(self.distance, np.ones((1, 1), np.float32))

    def _measure_distance(self, loaded: NDArray[np.uint8]) -> Distance:
        name: DistanceName
        if self.distance != "auto":
            name = self.distance
        else:
            name = "euclidean" if self.n_components_ <= 2 else "cosine"
        if name != "standardized":
            return Distance(name)
        size = self.batch_size_
        codes = [self._encode(loaded[i : i + size]) for i in range(0, len(loaded), size)]
        return Distance.fit(name, np.concatenate(codes))

    def _encode(self, batch: NDArray[np.uint8]) -> FloatArray:
        return self.encoder_(_unit(batch))

    def _state(self) -> Artifact:
        settings = {
            "input": {"layout": "nhwc", "scale": _SCALE},
            "history": self.history_,
            "interrupted": self.interrupted_,
            "layers": self.layers_,
        }
        blobs = {"encoder.onnx": self.encoder_.content, "decoder.onnx": self.decoder_.content}
        return Artifact(self.kind, settings, blobs=blobs)

    def _restore(self, artifact: Artifact) -> None:
        settings = artifact.settings
        self.history_ = {name: list(values) for name, values in settings["history"].items()}
        self.interrupted_ = bool(settings["interrupted"])
        self.layers_ = {
            part: [(name, tuple(shape), count) for name, shape, count in rows]
            for part, rows in settings["layers"].items()
        }
        self.encoder_ = OnnxModel(artifact.blobs["encoder.onnx"], "encoder.onnx")
        self.decoder_ = OnnxModel(artifact.blobs["decoder.onnx"], "decoder.onnx")


def _unit(batch: NDArray[np.uint8]) -> FloatArray:
    """Return bytes as float32 of 0 to 1."""
    return np.multiply(batch, np.float32(_SCALE), dtype=np.float32)
