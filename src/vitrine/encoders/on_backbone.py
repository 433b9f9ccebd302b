"""What encoders share that learn a network on another encoder's vectors."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.composed import Composed
from vitrine.encoders.features import features_of_sample
from vitrine.encoders.nesting import make_backbone, put_inside, take_out
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.encoders.preprocessing import Pictures
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance, DistanceName

if TYPE_CHECKING:
    from vitrine.encoders._torch.neighbour_map import TrainedMap


class OnBackbone(Composed):
    """Another encoder's vectors → a network.

    A member's constructor has the arguments that are annotated here; it defines `_learn`.

    Attributes
    ----------
    backbone_ : Encoder
        The other encoder, fitted.
    network_ : OnnxModel
        Its vectors → vectors.
    history_ : dict of str to list of float
        ``loss`` and ``seconds``, one entry an epoch.
    interrupted_ : bool
        Whether Ctrl-C ended the training; the best weights up to then were kept.
    """

    distance_name: ClassVar[DistanceName]
    """How vectors are compared."""

    backbone: str
    backbone_options: tuple[str, ...]
    max_pictures: int | None
    max_minutes: float | None
    random_state: int

    backbone_: Encoder
    network_: OnnxModel
    history_: dict[str, list[float]]
    interrupted_: bool

    def fit(self, pictures: Pictures, y: Any = None) -> Self:
        """Fit the backbone, then the network on its vectors; labels are not used.

        Ctrl-C stops training, not the program: the best weights so far are kept, a warning is
        logged and `interrupted_` is set.

        Raises
        ------
        InputError
            If there are no pictures or one is not a picture.
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

        self.backbone_ = make_backbone(self.backbone, self.backbone_options).fit(pictures)
        vectors = self._describe(pictures)
        seconds = None
        if self.max_minutes is not None:
            seconds = max(1.0, 60 * self.max_minutes - (time.perf_counter() - started))
        trained = self._learn(vectors, seconds)
        self.network_ = OnnxModel(trained.network, "network.onnx", threads=1)
        self.history_ = {"loss": trained.history.loss, "seconds": trained.history.seconds}
        self.interrupted_ = trained.history.interrupted
        self.preprocessing_ = self.backbone_.preprocessing_
        self.n_components_ = self._encode(self.preprocessing_.stack(pictures[:1])).shape[1]
        self.distance_ = Distance(self.distance_name)
        return self

    @abstractmethod
    def _learn(self, vectors: FloatArray, max_seconds: float | None) -> TrainedMap:
        """Train the network on what `_describe` returned."""

    def _describe(self, pictures: Pictures) -> FloatArray:
        """Return the backbone's vectors (n, D) of all pictures, or of a seeded sample in order."""
        at_most = self.max_pictures or len(pictures)
        return features_of_sample(self.backbone_, pictures, at_most, self.random_state)

    def _check_options(self) -> None:
        """Raise `OptionError` where an option cannot be."""
        if self.max_pictures is not None and self.max_pictures < 1:
            raise OptionError(f"max_pictures is {self.max_pictures}; it starts at 1")
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise OptionError(f"max_minutes is {self.max_minutes}; it must be above 0")

    def _members(self) -> list[Encoder]:
        return [self.backbone_]

    def _combine(self, vectors: list[FloatArray]) -> FloatArray:
        return self.network_(vectors[0])

    def _state(self) -> Artifact:
        artifact = Artifact(
            self.kind,
            {"history": self.history_, "interrupted": self.interrupted_},
            blobs={"network.onnx": self.network_.content},
        )
        put_inside(artifact, "backbone", self.backbone_)
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        settings = artifact.settings
        self.backbone_ = take_out(artifact, "backbone")
        self.preprocessing_ = self.backbone_.preprocessing_  # which may be of a kind of its own
        self.history_ = {name: list(values) for name, values in settings["history"].items()}
        self.interrupted_ = bool(settings["interrupted"])
        self.network_ = OnnxModel(artifact.blobs["network.onnx"], "network.onnx", threads=1)
