"""All that can be seen without learning: pixels, edges and colours in one vector."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import FloatArray
from vitrine.encoders.descriptors.base import DescriptorEncoder
from vitrine.encoders.descriptors.colours import describe_colours, to_lab
from vitrine.encoders.descriptors.gradients import describe_gradients
from vitrine.encoders.descriptors.pixels import describe_pixels
from vitrine.encoders.descriptors.pooling import to_grey
from vitrine.errors import OptionError
from vitrine.index.distance import DistanceName, unit

_PIXEL_CELLS = 14
"""Finer than that, pixels say what edges say better."""
_EDGE_CELLS, _EDGE_BLURS = (12, 9), (0.0, 1.0)
_LAYOUT, _HISTOGRAM = 6, 4


class Looks(DescriptorEncoder):
    """Weighted union of pixels, edges and, where pictures have any, colours.

    Pictures with colour have the edges of their lightness and of both their colour axes in it.
    The colours' weight is a choice between items of one kind and items of one colour: more of it
    finds nearer colours among more mixed kinds.

    Each block has unit length before its weight; the union is projected on its principal
    components, each divided by a power of its eigenvalue.

    Parameters
    ----------
    size : int or None
        Side in pixels that pictures are resized to; None keeps equal pictures of up to 64 pixels
        as they are and resizes others to 64.
    pixels_weight, hog_weight, colour_weight : float
        Weights of the blocks; 0 leaves one out.
    mirror : bool
        Average each picture with its mirror image.
    n_components : int or None
        Principal components to keep; None keeps the union as it is.
    whitening : float
        Exponent of the eigenvalue that each component is divided by, 0 (none) to 0.5 (full).
    distance : {"euclidean", "standardized", "cosine"}
    random_state : int
        Seed of the sample that the components are fitted on.
    """

    kind: ClassVar[str] = "looks"

    def __init__(
        self,
        size: int | None = None,
        pixels_weight: float = 0.25,
        hog_weight: float = 1.0,
        colour_weight: float = 0.25,
        mirror: bool = True,
        n_components: int | None = 192,
        whitening: float = 0.25,
        distance: DistanceName = "cosine",
        random_state: int = 0,
    ) -> None:
        self.size = size
        self.pixels_weight = pixels_weight
        self.hog_weight = hog_weight
        self.colour_weight = colour_weight
        self.mirror = mirror
        self.n_components = n_components
        self.whitening = whitening
        self.distance = distance
        self.random_state = random_state

    def _check_options(self) -> None:
        """Raise `OptionError` where an option cannot be."""
        super()._check_options()
        weights = self.pixels_weight, self.hog_weight, self.colour_weight
        # Grey pictures have no colour block, so colour alone would leave them with nothing.
        if min(weights) < 0 or not (self.pixels_weight or self.hog_weight):
            raise OptionError(
                f"weights {weights} of pixels, edges and colours: none is negative, and that of "
                "pixels or of edges is above 0 (for colours alone there is the encoder 'colour')"
            )

    def _describe(self, batch: NDArray[np.uint8]) -> FloatArray:
        blocks = []
        if self.pixels_weight:
            pixels = describe_pixels(batch, 0.5, self.mirror, _PIXEL_CELLS)
            blocks.append(self.pixels_weight * unit(pixels))
        if self.hog_weight:
            for plane in _planes(batch):
                edges = describe_gradients(plane, _EDGE_CELLS, _EDGE_BLURS, mirror=self.mirror)
                blocks.append(self.hog_weight * edges)
        if self.colour_weight and batch.shape[3] == 3:
            colours = describe_colours(batch, _LAYOUT, _HISTOGRAM, self.mirror)
            blocks.append(self.colour_weight * colours)
        return np.concatenate(blocks, axis=1, dtype=np.float32)


def _planes(batch: NDArray[np.uint8]) -> list[FloatArray]:
    """Return what edges are looked for in, each (n, h, w): grey, or L*, a* and b* over 100.

    A red print on a green shirt of the same lightness has edges in a* alone.
    """
    if batch.shape[3] == 1:
        return [to_grey(batch)]
    lab = to_lab(batch) / np.float32(100)
    return [np.ascontiguousarray(lab[..., plane]) for plane in range(3)]
