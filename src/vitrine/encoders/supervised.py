"""Learn a shop's categories from its own pictures, with no network from elsewhere."""

from __future__ import annotations

import time
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.encoders.agreement import Agreement
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.category_labels import Labels, read_labels, validation_part
from vitrine.encoders.features import features_of
from vitrine.encoders.loading import load, room_for, sample_codes
from vitrine.encoders.nesting import make_backbone, put_inside, take_out
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.encoders.preprocessing import Pictures
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance

_AFTER, _AFTER_MAP = 0.05, 0.12
"""Share of the time for what follows training: weighing the votes, laying out a map, export."""

_WATCHED, _MAPPED = 0.05, 0.1
"""Share that is watched, and share that is watched and then laid out as a map."""
_STEPS, _EPOCHS = 1500, 14
"""Least batches that are learned, and least times that every picture is seen."""


class Supervised(Encoder):
    """A convolutional network on pixels beside a dense one on descriptors, learned from labels.

    Both tell the categories apart by angles to one vector a category; their votes are weighed on
    the validation part. A picture's vector (`Agreement`) holds the categories' probabilities, which
    find the category, and its descriptor, which finds the look within it.

    Parameters
    ----------
    n_components : int, optional
        None: vectors of these parts. A number: positions in so many dimensions that keep
        pictures of like probabilities together; 2 is a map to look at.
    backbone : str
        An encoder that needs no labels and describes the pictures, by name.
    backbone_options : sequence of str
        Its options, each ``name=value``.
    filters : sequence of int
        Channels of the convolutions: one of the first number, then two of each further one behind
        a pooling. Empty: descriptors alone, which takes a tenth of the time.
    hidden : sequence of int
        Widths of the dense layers on the descriptor.
    dropout : float
        Share of the dense layers' outputs that is dropped in training, 0 to below 1.
    cosine_scale : float
        What the cosines are multiplied by.
    label_smoothing : float
        Share of each label that is spread over all categories, 0 to below 1.
    shift, zoom : float
        How far pictures are moved and scaled in training, as shares of their side.
    flips : bool
        Mirror half of the pictures in training, and look at every picture both ways.
    looks_share : float
        Share of the descriptors' similarity in that of the vectors, 0 to below 1.
    epochs : int, optional
        Times that every picture is seen. None: 14, or as many as make 1,500 batches.
    batch_size : int
    learning_rate : float
        The largest of one cycle.
    weight_decay : float
        Share of each weight, times the rate, that every step takes away.
    validation_share : float, optional
        Share of each category that is watched instead of learned; the best epoch's weights are
        kept. None: 0.05, or 0.1 for a map, which is learned on this part.
    max_pictures : int, optional
        Learn from at most so many, drawn with the seed. None: as many as 2 GiB of bytes hold.
    max_minutes : float, optional
        Time that fitting may take; training is shortened to fit into it.
    random_state : int

    Attributes
    ----------
    classes_ : list of str or of numbers
        In the order of `predict_proba`'s columns.
    history_ : dict of str to list of float
        ``loss``, ``val_loss``, ``val_accuracy`` and ``seconds``, one entry an epoch.
    interrupted_ : bool
        Whether Ctrl-C ended the training; the best weights up to then were kept.
    backbone_ : Encoder
        The other encoder, fitted.

    References
    ----------
    Y. Movshovitz-Attias, A. Toshev, T. K. Leung, S. Ioffe and S. Singh. No fuss distance metric
    learning using proxies. ICCV 2017.
    """

    kind: ClassVar[str] = "supervised"

    def __init__(
        self,
        n_components: int | None = None,
        backbone: str = "looks",
        backbone_options: tuple[str, ...] = (),
        filters: tuple[int, ...] = (32, 64, 128),
        hidden: tuple[int, ...] = (512, 512),
        dropout: float = 0.4,
        cosine_scale: float = 16.0,
        label_smoothing: float = 0.1,
        shift: float = 0.07,
        zoom: float = 0.0,
        flips: bool = True,
        looks_share: float = 0.4,
        epochs: int | None = None,
        batch_size: int = 128,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.02,
        validation_share: float | None = None,
        max_pictures: int | None = None,
        max_minutes: float | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.backbone = backbone
        self.backbone_options = backbone_options
        self.filters = filters
        self.hidden = hidden
        self.dropout = dropout
        self.cosine_scale = cosine_scale
        self.label_smoothing = label_smoothing
        self.shift = shift
        self.zoom = zoom
        self.flips = flips
        self.looks_share = looks_share
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.validation_share = validation_share
        self.max_pictures = max_pictures
        self.max_minutes = max_minutes
        self.random_state = random_state

    @property
    def needs_labels(self) -> bool:
        """Whether `fit` needs `y`: yes."""
        return True

    def fit(self, pictures: Pictures, y: Any = None) -> Self:
        """Learn from labelled pictures.

        Ctrl-C stops training, not the program: the best weights so far are kept, a warning is
        logged and `interrupted_` is set.

        Parameters
        ----------
        pictures : array or sequence of pictures
        y : sequence of str or of numbers
            One a picture; None, NaN or "" where unknown: such a picture is not learned from.

        Raises
        ------
        InputError
            If there are no pictures, one is not a picture, or there are no labels.
        OptionError
            If an option's value cannot be, or the backbone needs labels.
        MissingExtraError
            If torch or onnx is not installed.
        TrainingError
            If the loss stops being a number.
        """
        started = time.perf_counter()
        self._check_options()
        if len(pictures) == 0:
            raise InputError("there are no pictures")
        import vitrine.encoders._torch  # noqa: F401 - says what is missing before the long part

        labels = read_labels(y, len(pictures))
        backbone = make_backbone(self.backbone, self.backbone_options).fit(pictures)
        at_most = room_for(backbone.preprocessing_, self.max_pictures)
        part = sample_codes(len(labels.known), at_most, self.random_state)
        loaded = load(pictures, backbone.preprocessing_, labels.known[part])
        grey = loaded.shape[3] == 1
        descriptions = features_of(backbone, loaded[..., 0] if grey else loaded)
        self.preprocessing_, self.backbone_ = backbone.preprocessing_, backbone
        self.classes_ = labels.classes
        seconds = None
        if self.max_minutes is not None:
            after = _AFTER if self.n_components is None else _AFTER_MAP
            seconds = 60 * self.max_minutes * (1 - after) - (time.perf_counter() - started)
            seconds = max(1.0, seconds)
        self._learn(loaded, descriptions, Labels(labels.classes, part, labels.codes[part]), seconds)
        return self

    def predict(self, pictures: Pictures) -> NDArray[Any]:
        """Return each picture's likeliest category, as the labels were given, (n,).

        Raises
        ------
        NotFittedError, InputError
            As `transform`.
        """
        best: NDArray[Any] = np.array(self.classes_)[self.predict_proba(pictures).argmax(axis=1)]
        return best

    def predict_proba(self, pictures: Pictures) -> FloatArray:
        """Return the categories' probabilities, float32 (n, C), in the order of `classes_`.

        Raises
        ------
        NotFittedError, InputError
            As `transform`.
        """
        self._check_fitted()
        batches = self.preprocessing_.batches(pictures, self.batch_size_)
        return np.concatenate([self._shares(self._run(batch)[1]["logits"]) for batch in batches])

    def proba_of(self, vectors: FloatArray) -> FloatArray | None:
        """Return what `predict_proba` does from the pictures' vectors; None: a map has no such."""
        if self.n_components is not None:
            return None
        return self.agreement_.shares_of(vectors, len(self.classes_))

    def _learn(
        self,
        loaded: NDArray[np.uint8],
        descriptions: FloatArray,
        labels: Labels,
        max_seconds: float | None,
    ) -> None:
        from vitrine.encoders._torch.supervised import fit_sides
        from vitrine.encoders._torch.training import Plan
        from vitrine.encoders._torch.two_sided import Examples, NetworkSettings

        n_batches = -(-len(loaded) // self.batch_size)
        trained = fit_sides(
            Examples(
                loaded,
                descriptions,
                labels.codes,
                validation_part(labels, self._watched_share, self.random_state),
            ),
            len(self.classes_),
            self.n_components,
            NetworkSettings(
                self.filters,
                self.hidden,
                self.dropout,
                self.cosine_scale,
                self.label_smoothing,
                self.shift,
                self.zoom,
                self.flips,
            ),
            Plan(
                self.epochs or max(_EPOCHS, -(-_STEPS // n_batches)),
                self.batch_size,
                self.learning_rate,
                one_cycle=True,
                max_seconds=max_seconds,
                weight_decay=self.weight_decay,
            ),
            self.random_state,
        )
        self.network_ = OnnxModel(trained.network, "network.onnx")
        self.history_, self.interrupted_ = trained.history, trained.interrupted
        self.agreement_ = Agreement.draw(descriptions.shape[1], self.looks_share, self.random_state)
        vectors = self._encode(loaded[:1])
        self.n_components_ = vectors.shape[1]
        self.distance_ = Distance("cosine" if self.n_components is None else "euclidean")

    @property
    def batch_size_(self) -> int:
        """Pictures encoded at once: as the backbone does."""
        return self.backbone_.batch_size_

    def _run(self, batch: NDArray[np.uint8]) -> tuple[FloatArray, dict[str, FloatArray]]:
        """Return the descriptors of preprocessed pictures, and all that the network says."""
        descriptions = self.backbone_._encode(batch)
        inputs = {"descriptions": descriptions}
        if self.filters:
            inputs["pictures"] = np.multiply(batch, np.float32(1 / 255), dtype=np.float32)
        return descriptions, self.network_.outputs(inputs)

    def _encode(self, batch: NDArray[np.uint8]) -> FloatArray:
        descriptions, outputs = self._run(batch)
        if self.n_components is not None:
            return outputs["positions"]
        return self.agreement_.vectors(self._shares(outputs["logits"]), descriptions)

    @property
    def _watched_share(self) -> float:
        if self.validation_share is not None:
            return self.validation_share
        return _WATCHED if self.n_components is None else _MAPPED

    @staticmethod
    def _shares(logits: FloatArray) -> FloatArray:
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: FloatArray = odds / odds.sum(axis=1, keepdims=True)
        return shares

    def _check_options(self) -> None:
        """Raise `OptionError` where an option cannot be."""
        if not 0 <= self._watched_share < 1:
            raise OptionError(f"validation_share is {self.validation_share}; it lies in 0 to 1")
        for name in ("dropout", "label_smoothing", "looks_share", "shift", "zoom"):
            if not 0 <= getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}; it is at least 0 and below 1")
        for name in ("n_components", "epochs", "batch_size", "max_pictures"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise OptionError(f"{name} is {value}; it starts at 1")
        for name in ("learning_rate", "cosine_scale", "max_minutes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise OptionError(f"{name} is {value}; it must be above 0")
        if not self.hidden or min((*self.hidden, *self.filters)) < 1 or self.weight_decay < 0:
            raise OptionError(
                f"hidden={self.hidden}, filters={self.filters}, weight_decay={self.weight_decay}: "
                "one hidden layer at least, widths start at 1, the decay at 0"
            )

    def _state(self) -> Artifact:
        settings = {
            "classes": self.classes_,
            "history": self.history_,
            "interrupted": self.interrupted_,
        }
        artifact = Artifact(self.kind, settings, blobs={"network.onnx": self.network_.content})
        artifact.arrays |= self.agreement_.arrays
        put_inside(artifact, "backbone", self.backbone_)
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        settings = artifact.settings
        self.backbone_ = take_out(artifact, "backbone")
        self.preprocessing_ = self.backbone_.preprocessing_  # which may be of a kind of its own
        self.classes_ = list(settings["classes"])
        self.history_ = {name: list(values) for name, values in settings["history"].items()}
        self.interrupted_ = bool(settings["interrupted"])
        self.network_ = OnnxModel(artifact.blobs["network.onnx"], "network.onnx")
        self.agreement_ = Agreement(self.looks_share, artifact.arrays.get("frequencies"))
