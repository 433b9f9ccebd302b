"""The pixels themselves: the baseline that every other encoder must beat."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import FloatArray
from vitrine.encoders.descriptors.base import DescriptorEncoder
from vitrine.encoders.descriptors.pooling import mirror_halves, pool
from vitrine.errors import OptionError
from vitrine.index.distance import DistanceName


class Pixels(DescriptorEncoder):
    """Flattened pixels, or their principal components.

    As it stands, raw pixels compared by Euclidean distance; ``n_components=2`` gives PCA-2.

    Parameters
    ----------
    size : int or None
        Side in pixels that pictures are resized to; None keeps equal pictures of up to 64 pixels
        as they are and resizes others to 32.
    exponent : float
        Pixels of 0 to 1 are raised to it; 0.5, their square root, evens out bright and dark.
    mirror : bool
        Average each picture with its mirror image.
    n_components : int or None
        Principal components to keep; None keeps the pixels.
    whitening : float
        Exponent of the eigenvalue that each component is divided by, 0 (none) to 0.5 (full).
    distance : {"euclidean", "standardized", "cosine"}
    random_state : int
        Seed of the sample that the components are fitted on.
    """

    kind: ClassVar[str] = "pixels"
    default_size = 32

    def __init__(
        self,
        size: int | None = None,
        exponent: float = 1.0,
        mirror: bool = False,
        n_components: int | None = None,
        whitening: float = 0.0,
        distance: DistanceName = "euclidean",
        random_state: int = 0,
    ) -> None:
        self.size = size
        self.exponent = exponent
        self.mirror = mirror
        self.n_components = n_components
        self.whitening = whitening
        self.distance = distance
        self.random_state = random_state

    def _check_options(self) -> None:
        """Raise `OptionError` where an option cannot be."""
        super()._check_options()
        if not self.exponent > 0:
            raise OptionError(f"exponent={self.exponent}: it must be above 0")

    def _describe(self, batch: NDArray[np.uint8]) -> FloatArray:
        return describe_pixels(batch, self.exponent, self.mirror)


def describe_pixels(
    batch: NDArray[np.uint8], exponent: float, mirror: bool, cells: int | None = None
) -> FloatArray:
    """Return pixels of 0 to 1, raised to `exponent`, one row a picture.

    Parameters
    ----------
    batch : ndarray of shape (n, h, w, c), uint8
    exponent : float
    mirror : bool
        Average with the mirrored picture.
    cells : int or None
        Means of cells × cells overlapping windows instead of single pixels.

    Returns
    -------
    ndarray of shape (n, D), float32
    """
    # 256 powers looked up cost less than one power a pixel.
    levels = ((np.arange(256) / 255.0) ** exponent).astype(np.float32)
    if not mirror and cells is None:
        return levels[batch].reshape(len(batch), -1)
    maps = levels[batch].transpose(0, 3, 1, 2)
    if cells is not None:
        maps = pool(maps, cells)
    if mirror:
        maps = mirror_halves(maps, maps[..., ::-1])
    return maps.reshape(len(batch), -1)
