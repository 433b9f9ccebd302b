"""Known pretrained networks: where each lies, what it wants, what it gives, and on what terms.

Revisions are full commits of the hub's repositories. Sizes, licences and preprocessing are those
that the repositories state.
"""

from __future__ import annotations

from dataclasses import dataclass

from vitrine.encoders.preprocessing import Preprocessing
from vitrine.encoders.pretrained_input import IMAGENET_MEAN, IMAGENET_STD, Normalization

_CLIP = Normalization((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
_HALF = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_IMAGENET = Normalization(IMAGENET_MEAN, IMAGENET_STD)


@dataclass(frozen=True)
class Backbone:
    """One known network.

    Parameters
    ----------
    name : str
        What follows ``pretrained:``.
    title : str
    repository : str
        On the Hugging Face hub, ``owner/model``.
    revision : str or None
        Commit; None where none is known here: then the newest is taken, which is said when it is
        downloaded, and the commit that was taken is kept with the encoder.
    file : str
        Within the repository.
    n_components : int
    megabytes : int
    licence : str
    preprocessing : Preprocessing
    normalization : Normalization
    output : str
        As `Pretrained`'s option.
    """

    name: str
    title: str
    repository: str
    revision: str | None
    file: str
    n_components: int
    megabytes: int
    licence: str
    preprocessing: Preprocessing
    normalization: Normalization = _IMAGENET
    output: str = "auto"


def _cropped(shorter: int) -> Preprocessing:
    return Preprocessing(224, 224, 3, "shorter-crop", "bicubic", shorter)


BACKBONES = {
    backbone.name: backbone
    for backbone in (
        Backbone(
            name="resnet18",
            title="ResNet-18, ImageNet",
            repository="Xenova/resnet-18",
            revision="957422cff86e0c0a2807a472a90cc0e4daf44b18",
            file="onnx/model.onnx",
            n_components=512,
            megabytes=47,
            licence="Apache-2.0",
            preprocessing=_cropped(256),
            output="penultimate",
        ),
        Backbone(
            name="resnet50",
            title="ResNet-50, ImageNet",
            repository="Xenova/resnet-50",
            revision="936b56fe2d6ce1c50a0800db815aeed121524979",
            file="onnx/model.onnx",
            n_components=2048,
            megabytes=102,
            licence="Apache-2.0",
            preprocessing=_cropped(256),
            output="penultimate",
        ),
        Backbone(
            name="clip-vit-b-32",
            title="CLIP ViT-B/32, its picture side",
            repository="Qdrant/clip-ViT-B-32-vision",
            revision="a636590e595dbbd798647c9dd4550d5652fba969",
            file="model.onnx",
            n_components=512,
            megabytes=352,
            licence="MIT",
            preprocessing=_cropped(224),
            normalization=_CLIP,
        ),
        Backbone(
            name="unicom-vit-b-32",
            title="Unicom ViT-B/32, made for telling products apart",
            repository="Qdrant/Unicom-ViT-B-32",
            revision=None,
            file="model.onnx",
            n_components=512,
            megabytes=480,
            licence="Apache-2.0 or MIT: the repository and its copies differ",
            preprocessing=_cropped(224),
            normalization=_CLIP,
        ),
        Backbone(
            name="fashion-siglip",
            title="Marqo FashionSigLIP, its picture side",
            repository="Marqo/marqo-fashionSigLIP",
            revision="e5619578fd528afa0bf88d8fae37748336a57fa2",
            file="onnx/vision_model.onnx",
            n_components=768,
            megabytes=372,
            licence="Apache-2.0",
            preprocessing=Preprocessing(224, 224, 3, "stretch", "bicubic"),
            normalization=_HALF,
        ),
        Backbone(
            name="dinov2-small",
            title="DINOv2 ViT-S/14",
            repository="Xenova/dinov2-small",
            revision="bd222e886723524568931e43031f6d9327896fac",
            file="onnx/model.onnx",
            n_components=384,
            megabytes=88,
            licence="Apache-2.0",
            preprocessing=_cropped(256),
        ),
    )
}
"""By name."""
