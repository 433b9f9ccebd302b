"""Another look at a picture: cropped, mirrored, in other light, as another photo would be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from vitrine.encoders.preprocessing import Picture, Pictures

_LEAST_SIDE = 0.75
"""Share of either side that a crop keeps at least."""
_LIGHT = 0.25
"""How far brightness and contrast move, as a share of what they are."""
_TINT = 0.2
"""How far one channel moves against the others: lamps are warm or cold. With less, colours alone
found the other view of a photo, though they are worst at finding its category."""
_NOISE = 4.0
"""Standard deviation of the noise, in grey levels of 0 to 255."""


def view_of(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a picture cropped, perhaps mirrored, in other light and with noise, uint8.

    Parameters
    ----------
    picture : ndarray of shape (h, w) or (h, w, 3), uint8
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of the picture's shape, uint8
    """
    height, width = picture.shape[:2]
    h, w = (side * rng.uniform(_LEAST_SIDE, 1.0) for side in (height, width))
    top, left = rng.uniform(0, height - h), rng.uniform(0, width - w)
    image = Image.fromarray(picture).resize(
        (width, height), Image.Resampling.BILINEAR, box=(left, top, left + w, top + h)
    )
    values = np.asarray(image, dtype=np.float32)
    if rng.random() < 0.5:
        values = values[:, ::-1]
    contrast, brightness = rng.uniform(1 - _LIGHT, 1 + _LIGHT, 2)
    mean = values.mean()
    values = ((values - mean) * contrast + mean) * brightness
    if values.ndim == 3:
        values = values * rng.uniform(1 - _TINT, 1 + _TINT, 3)
    values = values + rng.normal(0, _NOISE, values.shape)
    view: Picture = np.clip(values, 0, 255).astype(np.uint8)
    return view


def views_of(pictures: Pictures, positions: Sequence[int], random_state: int) -> list[Picture]:
    """Return one view of each of some pictures; the same seed gives the same views."""
    return [
        view_of(pictures[position], np.random.default_rng([random_state, position]))
        for position in positions
    ]
