"""Colour: which colours a picture has, and where."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import FloatArray
from vitrine.encoders.descriptors.base import DescriptorEncoder
from vitrine.encoders.descriptors.colours import describe_colours
from vitrine.errors import OptionError
from vitrine.index.distance import DistanceName


class Colour(DescriptorEncoder):
    """Layout and histogram of the colours in CIE L*a*b*.

    Grey pictures are described by their lightness.

    Parameters
    ----------
    size : int or None
        Side in pixels that pictures are resized to; None keeps equal pictures of up to 64 pixels
        as they are and resizes others to 32.
    layout : int
        Mean colours of layout × layout overlapping cells.
    histogram : int
        Steps of lightness in the histogram; a* and b* have twice as many.
    mirror : bool
        Average each picture with its mirror image.
    n_components : int or None
        Principal components to keep; None keeps the description.
    whitening : float
        Exponent of the eigenvalue that each component is divided by, 0 (none) to 0.5 (full).
    distance : {"euclidean", "standardized", "cosine"}
    random_state : int
        Seed of the sample that the components are fitted on.
    """

    kind: ClassVar[str] = "colour"
    default_size = 32

    def __init__(
        self,
        size: int | None = None,
        layout: int = 6,
        histogram: int = 4,
        mirror: bool = True,
        n_components: int | None = 64,
        whitening: float = 0.25,
        distance: DistanceName = "cosine",
        random_state: int = 0,
    ) -> None:
        self.size = size
        self.layout = layout
        self.histogram = histogram
        self.mirror = mirror
        self.n_components = n_components
        self.whitening = whitening
        self.distance = distance
        self.random_state = random_state

    def _check_options(self) -> None:
        """Raise `OptionError` where an option cannot be."""
        super()._check_options()
        if self.layout < 1 or self.histogram < 1:
            raise OptionError(f"layout={self.layout}, histogram={self.histogram}: both start at 1")

    def _describe(self, batch: NDArray[np.uint8]) -> FloatArray:
        return describe_colours(batch, self.layout, self.histogram, self.mirror)
