"""One made picture's vector, kept beside an encoder: loaded elsewhere it must give the same."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import Encoder

FILE = "canonical.json"
SIDE = 96
CLOSE = 1e-3
"""How far a vector may be from the kept one, in its length: other processors round differently."""


def encoder_files(encoder: Encoder) -> dict[str, bytes]:
    """Return a fitted encoder's files, and beside them the vector that it gives a made picture."""
    vector = encoder.transform([canonical_picture()])[0]
    kept = json.dumps([float(value) for value in vector]).encode()
    return {**encoder.to_artifact().to_files(), FILE: kept}


def reproduces(encoder: Encoder, files: Mapping[str, bytes]) -> bool:
    """Tell whether an encoder still gives the vector that was kept, where one was."""
    if FILE not in files:  # made before such vectors were kept
        return True
    kept = np.array(json.loads(files[FILE]), np.float64)
    made = encoder.transform([canonical_picture()])[0].astype(np.float64)
    if made.shape != kept.shape:
        return False
    length = float(np.linalg.norm(kept))
    return bool(np.linalg.norm(made - kept) <= CLOSE * max(length, 1e-9))


def canonical_picture() -> NDArray[np.uint8]:
    """Return a picture with edges, slopes and colours, uint8 (96, 96, 3), always the same."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    disc = (rows - 40) ** 2 + (columns - 56) ** 2 < 24**2
    stripes = (columns // 8) % 2 == 0
    red = np.where(disc, 220, 2 * columns)
    green = np.where(stripes & ~disc, 60, 2 * rows)
    blue = np.where(disc, rows, 200 - rows)
    return np.stack([red, green, blue], axis=-1).astype(np.uint8)
