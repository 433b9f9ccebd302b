"""One array that holds what several encoders each want to see of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.preprocessing import Picture, Preprocessing, check_picture


@dataclass(frozen=True)
class JoinedPreprocessing(Preprocessing):
    """The results of several preprocessings one behind the other, as one row of bytes.

    So a picture is prepared for all of them where it is decoded, and never again; each encoder
    gets exactly what it would have made of the picture itself.

    Parameters
    ----------
    parts : tuple of Preprocessing
    """

    parts: tuple[Preprocessing, ...] = ()

    @classmethod
    def of(cls, parts: Sequence[Preprocessing]) -> Self:
        """Join preprocessings."""
        length = sum(int(np.prod(part.shape)) for part in parts)
        return cls(1, length, 1, parts=tuple(parts))

    @property
    def cover(self) -> int:
        """Shorter side, in pixels, that a decoder must keep: the most that any part needs."""
        return max(part.cover for part in self.parts)

    def apply(self, picture: Picture) -> NDArray[np.uint8]:
        """Return one picture as uint8 (1, L, 1)."""
        check_picture(picture)
        if picture.shape == (1, self.width):  # `prepare` has seen it already
            return picture[..., None]
        row = np.concatenate([part.apply(picture).ravel() for part in self.parts])
        return row[None, :, None]

    def split(self, batch: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
        """Return each part's pictures, uint8 (b, h, w, c), of a batch (b, 1, L, 1)."""
        ends = np.cumsum([int(np.prod(part.shape)) for part in self.parts])[:-1]
        rows = np.split(batch[:, 0, :, 0], ends, axis=1)
        return [
            row.reshape(len(batch), *part.shape) for row, part in zip(rows, self.parts, strict=True)
        ]

    def to_settings(self) -> dict[str, Any]:
        """Return the shape alone: the parts are kept with their encoders."""
        return {"height": self.height, "width": self.width, "channels": self.channels}
