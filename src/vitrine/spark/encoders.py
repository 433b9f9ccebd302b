"""Which encoder a job uses: a shop's own, or one that needs nothing learned first."""

from __future__ import annotations

import numpy as np

from vitrine.encoders.base import Encoder
from vitrine.encoders.pretrained import Pretrained
from vitrine.errors import OptionError


def ready_files(encoder: Encoder) -> dict[str, bytes]:
    """Return the artifact of an encoder that can be used without having seen a picture.

    Raises
    ------
    OptionError
        If it has to learn from pictures first.
    """
    if not isinstance(encoder, Pretrained):
        raise OptionError(
            f"--encoder {encoder.kind}: it learns from pictures first; make a shop of a sample "
            f"(vitrine create SHOP SAMPLE --encoder {encoder.kind}), then: --like SHOP"
        )
    if encoder.distance == "standardized":
        raise OptionError("distance=standardized is measured on pictures; cosine or euclidean")
    blank = np.zeros((1, 8, 8, 3), np.uint8)  # only looked at, nothing is learned from it
    return encoder.fit(blank).to_artifact().to_files()
