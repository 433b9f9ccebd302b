"""Learn a shop's own categories on top of another encoder's vectors."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.beside_looks import shares_of, with_roots
from vitrine.encoders.category_features import features_of
from vitrine.encoders.category_labels import Labels, read_labels, validation_part
from vitrine.encoders.category_presets import PRESETS, Preset, check
from vitrine.encoders.composed import Composed
from vitrine.encoders.nesting import make_backbone, put_inside, take_out
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.encoders.preprocessing import Pictures
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance, DistanceName, unit


class Category(Composed):
    """Another encoder's vectors → a small network that learned categories → vectors that know them.

    By default a vector has two parts: the roots of the categories' probabilities, whose inner
    product is the Bhattacharyya coefficient, and the other encoder's own vector. The first finds
    the category, the second the look within it.

    Parameters
    ----------
    backbone : str
        An encoder that needs no labels, by name: ``looks``, ``pretrained:resnet50``,
        ``onnx:PATH`` … It is fitted as well, then frozen.
    backbone_options : sequence of str
        Its options, each ``name=value``.
    preset : {"default", "classic"}
        What the options below are where they are None. ``classic``: standardise, dense 1024 ReLU,
        dropout 0.7, dense 512 ReLU (the vector), dropout 0.7, softmax; Adam at 4e-4, 32 epochs of
        batches of 64, a fifth held out, balanced class weights, vectors standardised again.
    roots : bool, optional
        Take the square roots of the backbone's features where none is negative, as after a ReLU.
    standardize : {"each", "shared"}, optional
        Whether each feature gets the same spread, or all keep theirs relative to each other.
    hidden : sequence of int, optional
        Widths of the layers.
    dropout : float, optional
        0 to below 1.
    cosine_scale : float, optional
        Classes are told apart by the angle to the vector, times this; 0: by a dense layer.
    label_smoothing : float, optional
        Share of each label that is spread over all classes, 0 to below 1.
    class_weight : {"balanced", "none"}, optional
        Whether each class counts the same, or each picture.
    epochs, head_batch_size : int, optional
    learning_rate : float, optional
    validation_share : float, optional
        Share of each class that is watched instead of learned; the best epoch's weights are kept.
    embedding : {"hidden", "mixed"}, optional
        ``hidden``: the last hidden layer; ``mixed``: the two parts above.
    looks_share : float, optional
        Share of the backbone's similarity in that of ``mixed`` vectors, 0 to below 1.
    distance : {"euclidean", "standardized", "cosine"}, optional
    cache : bool
        Keep a pretrained backbone's vectors in the user's cache, so that the next fit on the same
        pictures takes seconds.
    random_state : int

    Attributes
    ----------
    classes_ : list of str or of numbers
        In the order of `predict_proba`'s columns.
    history_ : dict of str to list of float
        ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy`` and ``seconds``, one entry an epoch.
    backbone_ : Encoder
        The other encoder, fitted.
    """

    kind: ClassVar[str] = "category"

    def __init__(
        self,
        backbone: str = "looks",
        backbone_options: tuple[str, ...] = (),
        preset: Literal["default", "classic"] = "default",
        roots: bool | None = None,
        standardize: Literal["each", "shared"] | None = None,
        hidden: tuple[int, ...] | None = None,
        dropout: float | None = None,
        cosine_scale: float | None = None,
        label_smoothing: float | None = None,
        class_weight: Literal["balanced", "none"] | None = None,
        epochs: int | None = None,
        head_batch_size: int | None = None,
        learning_rate: float | None = None,
        validation_share: float | None = None,
        embedding: Literal["hidden", "mixed"] | None = None,
        looks_share: float | None = None,
        distance: DistanceName | None = None,
        cache: bool = True,
        random_state: int = 0,
    ) -> None:
        self.backbone = backbone
        self.backbone_options = backbone_options
        self.preset = preset
        self.roots = roots
        self.standardize = standardize
        self.hidden = hidden
        self.dropout = dropout
        self.cosine_scale = cosine_scale
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.epochs = epochs
        self.head_batch_size = head_batch_size
        self.learning_rate = learning_rate
        self.validation_share = validation_share
        self.embedding = embedding
        self.looks_share = looks_share
        self.distance = distance
        self.cache = cache
        self.random_state = random_state

    @property
    def needs_labels(self) -> bool:
        """Always."""
        return True

    def fit(self, pictures: Pictures, y: Any = None) -> Self:
        """Fit the backbone on all pictures and the head on those with labels.

        What has no label is not learned from, and a class too small to be watched is learned
        whole; both are logged.

        Raises
        ------
        InputError
            If there are no pictures, one is not a picture, or there are no labels for them.
        OptionError
            If an option's value cannot be.
        TrainingError
            If the loss stops being a number.
        MissingExtraError
            If torch or onnx is not installed.
        """
        settings = self._settings()
        backbone = make_backbone(self.backbone, self.backbone_options)
        if len(pictures) == 0:
            raise InputError("there are no pictures")
        labels = read_labels(y, len(pictures))
        backbone.fit(pictures)
        features = features_of(backbone, pictures, cache=self.cache)
        self._learn(features, labels, settings)
        self.backbone_, self.preprocessing_ = backbone, backbone.preprocessing_
        return self

    def predict(self, pictures: Pictures) -> NDArray[Any]:
        """Return each picture's most probable class, (n,)."""
        best = self.predict_proba(pictures).argmax(axis=1)
        classes: NDArray[Any] = np.array(self.classes_)[best]
        return classes

    def predict_proba(self, pictures: Pictures) -> FloatArray:
        """Return each picture's probability of each of `classes_`, float32 (n, C), rows sum to 1.

        Raises
        ------
        NotFittedError
            If the encoder is not fitted.
        InputError
            As `fit`.
        """
        self._check_fitted()
        batches = self.preprocessing_.batches(pictures, self.batch_size_)
        parts = [self._prepare(self.backbone_._encode(batch)) for batch in batches]
        return self._shares(self.head_(np.concatenate(parts)))

    def proba_of(self, vectors: FloatArray) -> FloatArray:
        """Return what `predict_proba` does from the pictures' vectors (n, d), which hold it."""
        if not self.mixed_:
            return self._shares(vectors)
        return shares_of(vectors, len(self.classes_), self.looks_share_)

    @property
    def batch_size_(self) -> int:
        """Pictures encoded at once: as the backbone does."""
        return self.backbone_.batch_size_

    def _learn(self, features: FloatArray, labels: Labels, settings: Preset) -> None:
        """Fit the head on features (n, D) of all pictures, and measure the distance."""
        self.classes_ = labels.classes
        self.roots_ = settings.roots and bool(features.min() >= 0)
        self.mixed_, self.looks_share_ = settings.embedding == "mixed", settings.looks_share
        self.unit_ = settings.cosine_scale is not None
        self._train(self._prepare(features[labels.known]), labels, settings)
        vectors = self._embed(features)
        self.n_components_ = vectors.shape[1]
        self.distance_ = Distance.fit(settings.distance, vectors)

    def _train(self, features: FloatArray, labels: Labels, settings: Preset) -> None:
        from vitrine.encoders._torch.category import HeadSettings, fit_head
        from vitrine.encoders._torch.training import Plan

        n_classes = len(labels.classes)
        counts = np.bincount(labels.codes, minlength=n_classes)
        weights = np.ones(n_classes, np.float32)
        if settings.class_weight == "balanced":
            weights = (len(labels.codes) / (n_classes * counts)).astype(np.float32)
        trained = fit_head(
            features,
            labels.codes,
            validation_part(labels, settings.validation_share, self.random_state),
            weights,
            HeadSettings(
                settings.hidden,
                settings.dropout,
                settings.cosine_scale,
                settings.label_smoothing,
                settings.standardize,
            ),
            Plan(settings.epochs, settings.head_batch_size, settings.learning_rate),
            self.random_state,
        )
        self.head_ = OnnxModel(trained.embedding, "head.onnx", threads=1)
        self.weight_, self.bias_, self.history_ = trained.weight, trained.bias, trained.history

    def _settings(self) -> Preset:
        """Return the preset with what the options say instead."""
        if self.preset not in PRESETS:
            raise OptionError(f"preset {self.preset!r} is not one of {', '.join(PRESETS)}")
        values = dict(vars(PRESETS[self.preset]))
        values |= {name: getattr(self, name) for name in values if getattr(self, name) is not None}
        values["cosine_scale"] = values["cosine_scale"] or None
        settings = Preset(**values)
        check(settings)
        return settings

    def _members(self) -> list[Encoder]:
        return [self.backbone_]

    def _split(self, batch: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        return [batch]

    def _combine(self, vectors: list[FloatArray]) -> FloatArray:
        return self._embed(vectors[0])

    def _embed(self, features: FloatArray) -> FloatArray:
        prepared = self._prepare(features)
        inner = self.head_(prepared)
        if not self.mixed_:
            return inner
        return with_roots(self._shares(inner), prepared, self.looks_share_)

    def _prepare(self, features: FloatArray) -> FloatArray:
        return np.sqrt(np.maximum(features, 0)) if self.roots_ else features

    def _shares(self, inner: FloatArray) -> FloatArray:
        """Return the classes' probabilities (n, C) from the last hidden layer (n, d)."""
        logits = (unit(inner) if self.unit_ else inner) @ self.weight_.T + self.bias_
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: FloatArray = odds / odds.sum(axis=1, keepdims=True)
        return shares

    def _state(self) -> Artifact:
        settings = {
            "classes": self.classes_,
            "history": self.history_,
            "roots": self.roots_,
            "mixed": self.mixed_,
            "looks_share": self.looks_share_,
            "unit": self.unit_,
        }
        arrays = {"weight": self.weight_, "bias": self.bias_}
        artifact = Artifact(self.kind, settings, arrays, {"head.onnx": self.head_.content})
        put_inside(artifact, "backbone", self.backbone_)
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        settings = artifact.settings
        self.backbone_ = take_out(artifact, "backbone")
        self.preprocessing_ = self.backbone_.preprocessing_  # which may be of a kind of its own
        self.classes_ = list(settings["classes"])
        self.history_ = {name: list(values) for name, values in settings["history"].items()}
        self.roots_, self.unit_ = bool(settings["roots"]), bool(settings["unit"])
        self.mixed_, self.looks_share_ = bool(settings["mixed"]), float(settings["looks_share"])
        self.weight_, self.bias_ = artifact.arrays["weight"], artifact.arrays["bias"]
        self.head_ = OnnxModel(artifact.blobs["head.onnx"], "head.onnx", threads=1)
