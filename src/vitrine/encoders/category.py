"""Learn a shop's own categories on top of another encoder's vectors."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.encoders.agreement import Agreement
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.category_labels import Labels, read_labels, validation_part
from vitrine.encoders.category_presets import PRESETS, Preset, check
from vitrine.encoders.composed import Composed
from vitrine.encoders.features import features_of_each
from vitrine.encoders.joined_preprocessing import JoinedPreprocessing
from vitrine.encoders.nesting import make_backbone, put_inside, take_out
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.encoders.preprocessing import Pictures
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance, DistanceName, unit

_LESSER = 0.5
"""Length of the descriptors in a look, beside the backbone's."""


class Category(Composed):
    """Another encoder's vectors → a small network that learned categories → vectors that know them.

    By default descriptors are laid beside the other encoder's vectors, as networks miss what these
    see, and a vector (`Agreement`) holds the categories' probabilities, which find the category,
    and what the network was shown, which finds the look within it.

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
    descriptors : str, optional
        An encoder without training whose vectors the network is shown as well, ``looks`` or
        ``looks;n_components=64``; "": none. The backbone itself is not laid beside itself.
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
        ``hidden``: the last hidden layer; ``mixed``: as above.
    looks_share : float, optional
        Share of the looks' similarity in that of ``mixed`` vectors, 0 to below 1.
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
    descriptors_ : Encoder or None
        What is laid beside it, fitted.
    """

    kind: ClassVar[str] = "category"

    def __init__(
        self,
        backbone: str = "looks",
        backbone_options: tuple[str, ...] = (),
        preset: Literal["default", "classic"] = "default",
        descriptors: str | None = None,
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
        self.descriptors = descriptors
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
        descriptors = self._make_descriptors(settings)
        if len(pictures) == 0:
            raise InputError("there are no pictures")
        labels = read_labels(y, len(pictures))
        self.backbone_ = backbone.fit(pictures)
        self.descriptors_ = None if descriptors is None else descriptors.fit(pictures)
        self._learn(features_of_each(self._members(), pictures, cache=self.cache), labels, settings)
        self._settle()  # last, for it is what tells that the encoder is fitted
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
        return self.proba_of(self.transform(pictures))

    def proba_of(self, vectors: FloatArray) -> FloatArray:
        """Return what `predict_proba` does from the pictures' vectors (n, d), which hold it."""
        if not self.mixed_:
            return self._shares(vectors)
        return self.agreement_.shares_of(vectors, len(self.classes_))

    def _make_descriptors(self, settings: Preset) -> Encoder | None:
        """Return the unfitted encoder that is laid beside the backbone, if any."""
        name, *options = settings.descriptors.split(";")
        return make_backbone(name, options) if name not in ("", self.backbone) else None

    def _settle(self) -> None:
        """Note what follows from the members."""
        parts = [member.preprocessing_ for member in self._members()]
        self.preprocessing_ = parts[0] if len(parts) == 1 else JoinedPreprocessing.of(parts)

    def _learn(self, features: list[FloatArray], labels: Labels, settings: Preset) -> None:
        """Fit the head on each member's features of all pictures, and measure the distance."""
        self.classes_ = labels.classes
        self.roots_ = settings.roots and bool(features[0].min() >= 0)
        self.mixed_, self.unit_ = settings.embedding == "mixed", settings.cosine_scale is not None
        prepared = self._prepare(features)
        self.agreement_ = Agreement.draw(prepared.shape[1], settings.looks_share, self.random_state)
        self._train(prepared[labels.known], labels, settings)
        vectors = self._combine(features)
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
        beside = [] if self.descriptors_ is None else [self.descriptors_]
        return [self.backbone_, *beside]

    def _split(self, batch: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        if self.descriptors_ is None:
            return super()._split(batch)
        assert isinstance(self.preprocessing_, JoinedPreprocessing)  # noqa: S101 - for the type
        return self.preprocessing_.split(batch)

    def _combine(self, vectors: list[FloatArray]) -> FloatArray:
        prepared = self._prepare(vectors)
        inner = self.head_(prepared)
        if not self.mixed_:
            return inner
        looks = prepared
        if len(vectors) > 1:
            looks = prepared.copy()
            looks[:, vectors[0].shape[1] :] *= np.float32(_LESSER)
        return self.agreement_.vectors(self._shares(inner), looks)

    def _prepare(self, vectors: list[FloatArray]) -> FloatArray:
        """Return what the head is shown (n, D) for the members' vectors."""
        first = np.sqrt(np.maximum(vectors[0], 0)) if self.roots_ else vectors[0]
        if len(vectors) == 1:
            return first
        return np.concatenate([unit(first), unit(vectors[1])], axis=1)

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
            "looks_share": self.agreement_.looks_share,
            "unit": self.unit_,
        }
        arrays = {"weight": self.weight_, "bias": self.bias_} | self.agreement_.arrays
        artifact = Artifact(self.kind, settings, arrays, {"head.onnx": self.head_.content})
        for name, member in zip(("backbone", "descriptors"), self._members(), strict=False):
            put_inside(artifact, name, member)
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        settings = artifact.settings
        self.backbone_ = take_out(artifact, "backbone")
        beside = "descriptors" in settings
        self.descriptors_ = take_out(artifact, "descriptors") if beside else None
        self._settle()
        self.classes_ = list(settings["classes"])
        self.history_ = {name: list(values) for name, values in settings["history"].items()}
        self.roots_, self.unit_ = bool(settings["roots"]), bool(settings["unit"])
        self.mixed_ = bool(settings["mixed"])
        share = float(settings["looks_share"])
        self.agreement_ = Agreement(share, artifact.arrays.get("frequencies"))
        self.weight_, self.bias_ = artifact.arrays["weight"], artifact.arrays["bias"]
        self.head_ = OnnxModel(artifact.blobs["head.onnx"], "head.onnx", threads=1)
