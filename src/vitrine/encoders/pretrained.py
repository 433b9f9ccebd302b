"""Pretrained networks as encoders: any ONNX file that turns pictures into vectors."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.encoders.preprocessing import Pictures, Preprocessing, Resize
from vitrine.encoders.pretrained_graph import Graph, read_graph, with_output
from vitrine.encoders.pretrained_hub import Found, find, sha256
from vitrine.encoders.pretrained_input import Normalization, read_preprocessor_config, three
from vitrine.encoders.pretrained_quantized import quantized
from vitrine.errors import ArtifactError, BackboneError, InputError, OptionError
from vitrine.index.distance import Distance, DistanceName

logger = logging.getLogger(__name__)

_LARGEST = 10**9
"""Bytes of a model that is still kept within its artifact."""
_VECTORS = ("image_embeds", "pooler_output", "features", "embeddings", "embedding")
_CLASSES = ("logits", "probs", "probabilities", "output_probabilities")
_COMPARED = 32
_GOOD_AGREEMENT = 0.95
"""Below this mean cosine the loss by quantisation is a warning."""


class Pretrained(Encoder):
    """A network that was trained elsewhere, run by ONNX Runtime, on a GPU where that can use one.

    Nothing is learned in `fit`: it finds the file, looks into it and settles its preprocessing.
    Where the options leave something open, it is what the known network's description says, else
    what a ``preprocessor_config.json`` beside the file says, else ImageNet's usual: the middle of
    the picture at the input's size, mean and spread of ImageNet's colours.

    Parameters
    ----------
    model : str
        ``pretrained:NAME`` (one of `BACKBONES`), ``onnx:PATH`` or ``hub:OWNER/MODEL[@REVISION]``.
    output : str
        Name of an output, ``penultimate`` (what a classifier's last layer reads) or ``auto``: an
        output called image_embeds, pooler_output, features or embeddings; before logits or
        probabilities, the penultimate; else the first. Of an output that has rows and columns the
        mean is taken, of a sequence the first token.
    size : int, optional
        Side of the square that the network reads, in pixels.
    resize : {"stretch", "crop", "pad", "shorter-crop"}, optional
    shorter : int, optional
        As in `Preprocessing`.
    interpolation : {"nearest", "bilinear", "bicubic", "lanczos"}, optional
    mean, std : one or three floats, optional
        Of the channels, red first, on pixels of 0 to 1.
    channel_order : {"rgb", "bgr"}, optional
    mirror : bool
        Average the vectors of the picture and of its mirror image; takes twice the time.
    batch_size : int
        Pictures that are run at once. One at a time where the file or `quantize` allows no more.
    threads : int, optional
        Threads of one run; None: ONNX Runtime's choice.
    quantize : bool
        Weights as 8-bit integers, activations quantised on the fly; needs the extra ``train``.
        How much is lost is logged and kept in `quantization_agreement_`.
    distance : {"euclidean", "standardized", "cosine"}
    random_state : int
        Not used, as nothing is drawn; every encoder has it.

    Attributes
    ----------
    source_ : dict
        Where the model is from: ``file``, ``sha256``, and from a hub ``repository``, ``revision``
        and ``licence``.
    quantization_agreement_ : float or None
        Mean cosine between vectors of the model before and after it was quantised, on up to 32 of
        the pictures that were fitted on.
    """

    kind: ClassVar[str] = "pretrained"

    def __init__(
        self,
        model: str = "pretrained:resnet50",
        output: str = "auto",
        size: int | None = None,
        resize: Resize | None = None,
        shorter: int | None = None,
        interpolation: str | None = None,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
        channel_order: Literal["rgb", "bgr"] | None = None,
        mirror: bool = False,
        batch_size: int = 32,
        threads: int | None = None,
        quantize: bool = False,
        distance: DistanceName = "cosine",
        random_state: int = 0,
    ) -> None:
        self.model = model
        self.output = output
        self.size = size
        self.resize = resize
        self.shorter = shorter
        self.interpolation = interpolation
        self.mean = mean
        self.std = std
        self.channel_order = channel_order
        self.mirror = mirror
        self.batch_size = batch_size
        self.threads = threads
        self.quantize = quantize
        self.distance = distance
        self.random_state = random_state

    def fit(self, pictures: Pictures, y: Any = None) -> Self:
        """Find the model and settle what pictures go through; labels are not used.

        Raises
        ------
        InputError
            If there are no pictures or the first is not a picture.
        OptionError
            If an option's value cannot be.
        BackboneError
            If the model is not at hand and cannot be downloaded.
        ArtifactError
            If the file is refused (`read_graph`) or is not a network that reads pictures.
        MissingExtraError
            If it must be downloaded, or quantised, and what that needs is not installed.
        """
        if len(pictures) == 0:
            raise InputError("there are no pictures")
        if self.batch_size < 1 or (self.threads is not None and self.threads < 1):
            raise OptionError(f"batch_size={self.batch_size}, threads={self.threads}: 1 at least")
        found = find(self.model)
        content = found.read()
        graph = read_graph(content, found.model.name)
        output = self._choose_output(graph, found)
        if output not in graph.outputs:
            content = with_output(content, output)
        model = OnnxModel(content, found.model.name, output=output, threads=self.threads, cuda=True)
        preprocessing, normalization = self._choose_input(found, *_input_of(model))
        first = preprocessing.stack(pictures[:1])
        self.model_, self.normalization_, self.source_ = (
            model,
            normalization,
            _source(found, content),
        )
        self.quantization_agreement_: float | None = None
        if self.quantize:
            self._quantize(preprocessing.stack(pictures[:_COMPARED]))
        self.n_components_ = self._encode(first).shape[1]
        if found.backbone and found.backbone.n_components != self.n_components_:
            raise ArtifactError(
                f"{found.model}: gives vectors of {self.n_components_} numbers, "
                f"{found.backbone.title} gives {found.backbone.n_components}; it is another file"
            )
        self.distance_ = Distance.fit(self.distance, self._sample(preprocessing, pictures))
        self.preprocessing_ = preprocessing
        return self

    @property
    def batch_size_(self) -> int:
        """Pictures encoded at once."""
        return self.batch_size

    def _sample(self, preprocessing: Preprocessing, pictures: Pictures) -> FloatArray:
        if self.distance != "standardized":
            return np.ones((1, self.n_components_), np.float32)
        part = preprocessing.batches(pictures[:1024], self.batch_size)
        return np.concatenate([self._encode(batch) for batch in part])

    def _choose_output(self, graph: Graph, found: Found) -> str:
        wanted = self.output
        if wanted == "auto" and found.backbone is not None:
            wanted = found.backbone.output
        if wanted == "auto":
            named = [name for name in _VECTORS if name in graph.outputs]
            wanted = (named or graph.outputs)[0]
            if wanted in _CLASSES:
                wanted = "penultimate"
        if wanted == "penultimate":
            classes = [name for name in graph.outputs if name in _CLASSES]
            return graph.before_classifier((classes or graph.outputs)[0])
        if wanted not in graph.outputs:
            raise OptionError(
                f"{found.model.name} has no output {wanted!r}. It can be: "
                f"{', '.join(graph.outputs)}, penultimate or auto"
            )
        return wanted

    def _choose_input(
        self, found: Found, side: int | None, layout: Literal["nchw", "nhwc"]
    ) -> tuple[Preprocessing, Normalization]:
        if found.backbone is not None:
            preprocessing = found.backbone.preprocessing
            normalization = found.backbone.normalization
        elif found.config is not None:
            preprocessing, normalization = read_preprocessor_config(found.config)
        else:
            side = side or 224
            preprocessing, normalization = Preprocessing(side, side, 3, "crop"), Normalization()
        changed: dict[str, Any] = {"layout": layout}
        changed |= {} if self.mean is None else {"mean": three(self.mean)}
        changed |= {} if self.std is None else {"std": three(self.std)}
        changed |= {} if self.channel_order is None else {"channel_order": self.channel_order}
        return self._change(preprocessing), replace(normalization, **changed)

    def _change(self, preprocessing: Preprocessing) -> Preprocessing:
        """Return the preprocessing with what the options say instead."""
        changed: dict[str, Any] = {}
        if self.size is not None:
            changed |= {"height": self.size, "width": self.size}
        if self.interpolation is not None:
            changed["interpolation"] = self.interpolation
        if self.resize is not None:
            changed |= {"resize": self.resize, "shorter": None}
        if self.shorter is not None:
            changed["shorter"] = self.shorter
        return replace(preprocessing, **changed)

    def _quantize(self, batch: NDArray[np.uint8]) -> None:
        before = self._encode_with(self.model_, batch, 1)
        self.model_ = quantized(self.model_)
        after = self._encode_with(self.model_, batch, 1)
        lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
        cosines = (before * after).sum(axis=1) / np.where(lengths > 0, lengths, 1.0)
        self.quantization_agreement_ = float(cosines.mean())
        poor = self.quantization_agreement_ < _GOOD_AGREEMENT
        logger.log(
            logging.WARNING if poor else logging.INFO,
            "%s: quantised to 8 bits, %.1f instead of %.1f MB; its vectors agree with those before "
            "to a mean cosine of %.4f on %d pictures",
            self.model, len(self.model_.content) / 1e6, self.source_["bytes"] / 1e6,
            self.quantization_agreement_, len(batch),
        )  # fmt: skip

    def _encode(self, batch: NDArray[np.uint8]) -> FloatArray:
        # The scale of quantised activations is one for a batch: its pictures would depend on
        # each other.
        fixed = self.model_.session.get_inputs()[0].shape[0]
        alone = self.quantize or isinstance(fixed, int)
        size = 1 if alone else len(batch)
        vectors = self._encode_with(self.model_, batch, size)
        if self.mirror:
            mirrored = self._encode_with(self.model_, batch[:, :, ::-1], size)
            vectors = (vectors + mirrored) * np.float32(0.5)
        return vectors

    def _encode_with(self, model: OnnxModel, batch: NDArray[np.uint8], size: int) -> FloatArray:
        values = self.normalization_.apply(batch)
        parts = [_pooled(model(values[i : i + size])) for i in range(0, len(values), size)]
        vectors = np.concatenate(parts)
        if not np.isfinite(vectors).all():
            raise ArtifactError(
                f"{self.model}: gives vectors that are no numbers; mean, std or the file are wrong"
            )
        return vectors

    def _state(self) -> Artifact:
        settings = {
            "source": self.source_,
            "output": self.model_.output,
            "normalization": self.normalization_.to_settings(),
            "quantization_agreement": self.quantization_agreement_,
        }
        content = self.model_.content
        blobs = {"model.onnx": content} if len(content) < _LARGEST else {}
        return Artifact(self.kind, settings, blobs=blobs)

    def _restore(self, artifact: Artifact) -> None:
        settings = artifact.settings
        self.source_ = dict(settings["source"])
        self.normalization_ = Normalization.from_settings(settings["normalization"])
        self.quantization_agreement_ = settings["quantization_agreement"]
        output = str(settings["output"])
        content = artifact.blobs.get("model.onnx")
        if content is None:
            content = self._find_again(output)
        read_graph(content, "model.onnx")
        self.model_ = OnnxModel(
            content, "model.onnx", output=output, threads=self.threads, cuda=True
        )

    def _find_again(self, output: str) -> bytes:
        """Return the file of a model that is too large for an artifact."""
        content = find(self.model).read()
        if output not in read_graph(content, self.model).outputs:
            content = with_output(content, output)
        if sha256(content) != self.source_["sha256"]:
            raise BackboneError(f"{self.model}: is not the file that this encoder was made with")
        return content


def _input_of(model: OnnxModel) -> tuple[int | None, Literal["nchw", "nhwc"]]:
    """Return the side that a network's input asks for, if it does, and the order of its axes."""
    inputs = model.session.get_inputs()
    shape = list(inputs[0].shape)
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(shape) != 4:
        described = ", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs)
        raise ArtifactError(
            f"{model.name}: reads {described}; an encoder reads one float tensor of pictures, "
            "(n, 3, h, w) or (n, h, w, 3)"
        )
    if shape[0] not in (None, 1) and not isinstance(shape[0], str):
        raise ArtifactError(f"{model.name}: reads {shape[0]} pictures at once; export it for any")
    last = shape[3] == 3 and shape[1] != 3
    sides = [side for side in (shape[1:3] if last else shape[2:4]) if isinstance(side, int)]
    return (sides[0] if sides else None), "nhwc" if last else "nchw"


def _pooled(output: FloatArray) -> FloatArray:
    """Return one vector a picture: maps (b, d, h, w) are averaged, tokens (b, t, d) led by one."""
    if output.ndim == 4:
        output = output.mean(axis=(2, 3))
    elif output.ndim == 3:
        output = output[:, 0]
    if output.ndim != 2:
        raise ArtifactError(f"the model's output has {output.ndim} axes; name another with output=")
    return np.ascontiguousarray(output, dtype=np.float32)


def _source(found: Found, content: bytes) -> dict[str, Any]:
    source = {"file": found.model.name, "bytes": len(content), "sha256": sha256(content)}
    if found.revision is not None:
        source["revision"] = found.revision
    if found.backbone is not None:
        source["repository"] = found.backbone.repository
        source["licence"] = found.backbone.licence
    return source
