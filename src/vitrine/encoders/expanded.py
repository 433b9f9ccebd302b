"""Vectors that lean on those of the catalogue's most alike pictures."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.artifact import Artifact
from vitrine.encoders.base import Encoder, FloatArray
from vitrine.encoders.composed import Composed
from vitrine.encoders.features import features_of_sample
from vitrine.encoders.nesting import make_backbone, put_inside, take_out
from vitrine.encoders.preprocessing import Pictures
from vitrine.errors import InputError, OptionError
from vitrine.index.distance import Distance, unit
from vitrine.topk import blocked_top_k

_ITSELF = 0.9999
"""Cosine from which a remembered picture is taken for the one that is asked about."""


class Expanded(Composed):
    """Another encoder's vectors, each moved towards its nearest of the pictures it was fitted on.

    What one picture shows by chance, a fold or a shadow, evens out among its neighbours. Known in
    retrieval as query expansion and, on the catalogue's side, as database augmentation; here both
    sides get the same. No labels are used. The vectors of the pictures it was fitted on are part of
    the encoder, and are searched for every picture that is encoded.

    Parameters
    ----------
    backbone : str
        The encoder whose vectors are moved, by name; one that needs no labels and compares by
        cosine.
    backbone_options : sequence of str
        Its options, each ``name=value``.
    n_neighbours : int
        How many are leant on.
    exponent : float
        They weigh by their cosine to this power; 0: all the same.
    share : float
        How far a vector is moved, 0 (not) to 1 (onto the neighbours' mean).
    max_pictures : int
        Remember at most so many, drawn with the seed.
    random_state : int

    Attributes
    ----------
    backbone_ : Encoder
        The other encoder, fitted.
    remembered_ : ndarray of shape (m, d), float16
        Its vectors of the pictures it was fitted on, of length 1.

    References
    ----------
    R. Arandjelović and A. Zisserman. Three things everyone should know to improve object retrieval.
    CVPR 2012. The weights: F. Radenović, G. Tolias and O. Chum. Fine-tuning CNN image retrieval
    with no human annotation. PAMI 2019.
    """

    kind: ClassVar[str] = "expanded"

    def __init__(
        self,
        backbone: str = "looks",
        backbone_options: tuple[str, ...] = (),
        n_neighbours: int = 8,
        exponent: float = 8.0,
        share: float = 0.5,
        max_pictures: int = 60_000,
        random_state: int = 0,
    ) -> None:
        self.backbone = backbone
        self.backbone_options = backbone_options
        self.n_neighbours = n_neighbours
        self.exponent = exponent
        self.share = share
        self.max_pictures = max_pictures
        self.random_state = random_state

    def fit(self, pictures: Pictures, y: object = None) -> Self:
        """Fit the other encoder and remember its vectors; labels are not used.

        Raises
        ------
        InputError
            If there are no pictures or one is not a picture.
        OptionError
            If an option's value cannot be, the other encoder needs labels, or it does not compare
            by cosine.
        """
        if self.n_neighbours < 1 or self.max_pictures < 1 or self.exponent < 0:
            raise OptionError(
                f"n_neighbours={self.n_neighbours}, max_pictures={self.max_pictures}, exponent="
                f"{self.exponent}: whole numbers start at 1, the exponent at 0"
            )
        if not 0 <= self.share <= 1:
            raise OptionError(f"share is {self.share}; it lies in 0 to 1")
        if len(pictures) == 0:
            raise InputError("there are no pictures")
        backbone = make_backbone(self.backbone, self.backbone_options).fit(pictures)
        if backbone.distance_.name != "cosine":
            raise OptionError(
                f"backbone={self.backbone}: its vectors are compared by {backbone.distance_.name} "
                "distance, and only those that are compared by cosine can be leant on"
            )
        vectors = features_of_sample(backbone, pictures, self.max_pictures, self.random_state)
        self.backbone_, self.preprocessing_ = backbone, backbone.preprocessing_
        self._remember(unit(vectors).astype(np.float16))
        self.n_components_, self.distance_ = vectors.shape[1], Distance("cosine")
        return self

    def _remember(self, vectors: NDArray[np.float16]) -> None:
        self.remembered_ = vectors
        self._searched = vectors.astype(np.float32)

    def _members(self) -> list[Encoder]:
        return [self.backbone_]

    def _combine(self, vectors: list[FloatArray]) -> FloatArray:
        own, k = unit(vectors[0]), self.n_neighbours
        positions, cosines = blocked_top_k(own, self._searched, k + 1)
        weights = np.maximum(cosines, 0) ** np.float32(self.exponent)
        weights[positions < 0] = 0
        itself = cosines[:, 0] > _ITSELF
        weights[itself, 0] = 0
        weights[~itself, k] = 0
        leant_on = np.einsum("nk,nkd->nd", weights, self._searched[positions])
        moved: FloatArray = unit((1 - self.share) * own + self.share * unit(leant_on))
        return moved

    def _state(self) -> Artifact:
        artifact = Artifact(self.kind, {}, {"remembered": self.remembered_})
        put_inside(artifact, "backbone", self.backbone_)
        return artifact

    def _restore(self, artifact: Artifact) -> None:
        self.backbone_ = take_out(artifact, "backbone")
        self.preprocessing_ = self.backbone_.preprocessing_  # which may be of a kind of its own
        self._remember(artifact.arrays["remembered"])
