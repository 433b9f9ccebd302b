"""Shape: where a picture's edges are and which way they run."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import FloatArray
from vitrine.encoders.descriptors.base import DescriptorEncoder
from vitrine.encoders.descriptors.gradients import describe_gradients
from vitrine.encoders.descriptors.pooling import to_grey
from vitrine.encoders.preprocessing import Pictures
from vitrine.errors import OptionError
from vitrine.index.distance import DistanceName


class Hog(DescriptorEncoder):
    """Histograms of oriented gradients over overlapping cells.

    Parameters
    ----------
    size : int or None
        Side in pixels that pictures are resized to; None keeps equal pictures of up to 64 pixels
        as they are and resizes others to 64.
    cells : tuple of int
        Cells along each side, one number a level.
    blurs : tuple of float
        Standard deviation, in pixels, by which each level's pictures are blurred first.
    n_orientations : int
        Orientations over half a turn.
    mirror : bool
        Average each picture with its mirror image.
    n_components : int or None
        Principal components to keep; None keeps the histograms.
    whitening : float
        Exponent of the eigenvalue that each component is divided by, 0 (none) to 0.5 (full).
    distance : {"euclidean", "standardized", "cosine"}
    random_state : int
        Seed of the sample that the components are fitted on.

    References
    ----------
    Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
    """

    kind: ClassVar[str] = "hog"

    def __init__(
        self,
        size: int | None = None,
        cells: tuple[int, ...] = (12, 9),
        blurs: tuple[float, ...] = (0.0, 1.0),
        n_orientations: int = 8,
        mirror: bool = True,
        n_components: int | None = 192,
        whitening: float = 0.25,
        distance: DistanceName = "cosine",
        random_state: int = 0,
    ) -> None:
        self.size = size
        self.cells = cells
        self.blurs = blurs
        self.n_orientations = n_orientations
        self.mirror = mirror
        self.n_components = n_components
        self.whitening = whitening
        self.distance = distance
        self.random_state = random_state

    def _channels(self, pictures: Pictures) -> int:
        return 1

    def _describe(self, batch: NDArray[np.uint8]) -> FloatArray:
        grey = to_grey(batch)
        return describe_gradients(grey, self.cells, self.blurs, self.n_orientations, self.mirror)

    def _check_options(self) -> None:
        """Raise `OptionError` where an option cannot be."""
        super()._check_options()
        if not self.cells or len(self.cells) != len(self.blurs):
            raise OptionError(
                f"cells={self.cells}, blurs={self.blurs}: each level has one number of cells and "
                "one blur, and there is at least one level"
            )
        if min(self.cells) < 1 or min(self.blurs) < 0 or self.n_orientations < 2:
            raise OptionError(
                f"cells={self.cells}, blurs={self.blurs}, n_orientations={self.n_orientations}: "
                "cells start at 1, blurs at 0, orientations at 2"
            )
