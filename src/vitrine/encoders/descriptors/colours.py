"""Colours in a perceptual space: their histogram and their layout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import FloatArray
from vitrine.encoders.descriptors.gradients import pool

# Linear RGB of sRGB primaries → CIE XYZ, divided by the white point D65 (IEC 61966-2-1).
_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.089]])
_LEVELS = np.arange(256) / 255.0
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)


def to_lab(batch: NDArray[np.uint8]) -> FloatArray:
    """Return sRGB pictures, uint8 (..., 3), in CIE L*a*b*: L 0 to 100, a and b about ±100."""
    xyz = _LINEAR.astype(np.float32)[batch] @ _TO_XYZ.T.astype(np.float32)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def describe_colours(
    batch: NDArray[np.uint8], layout: int, histogram: int, mirror: bool
) -> FloatArray:
    """Return each picture's colour layout and the square roots of its colour histogram.

    Parameters
    ----------
    batch : ndarray of shape (n, h, w, c), uint8
        Grey pictures (c = 1) are taken as RGB with equal channels.
    layout : int
        The mean colour of layout × layout overlapping cells.
    histogram : int
        Histogram of the whole picture with this many steps of lightness and twice as many of a*
        and of b*, each pixel shared out between neighbouring steps.
    mirror : bool
        Average the layout with that of the mirrored picture.

    Returns
    -------
    ndarray of shape (n, 3 · layout² + 4 · histogram³), float32
    """
    rgb = np.repeat(batch, 3, axis=3) if batch.shape[3] == 1 else batch
    lab = to_lab(rgb)
    cells = pool(lab.transpose(0, 3, 1, 2), layout) / np.float32(lab[0, ..., 0].size)
    if mirror:
        cells = (cells + cells[..., ::-1]) / 2
    counts = _histogram(lab.reshape(len(batch), -1, 3), histogram)
    return np.concatenate([cells.reshape(len(batch), -1), counts], axis=1)


def _histogram(lab: FloatArray, steps: int) -> FloatArray:
    """Return soft histograms, float32 (n, 4 · steps³), of pixels (n, pixels, 3); unit length."""
    light = _shares(lab[..., 0] / 100, steps)  # (n, p, steps)
    # Clothes rarely leave ±64 in a* and b*; what does, counts as the outermost step.
    a = _shares(lab[..., 1] / 128 + 0.5, 2 * steps)
    b = _shares(lab[..., 2] / 128 + 0.5, 2 * steps)
    chroma = (a[..., :, None] * b[..., None, :]).reshape(*a.shape[:2], -1)
    counts = light.transpose(0, 2, 1) @ chroma  # (n, steps, 4 steps²)
    shares = np.sqrt(counts.reshape(len(lab), -1) / lab.shape[1])
    return shares.astype(np.float32)


def _shares(values: FloatArray, steps: int) -> FloatArray:
    """Share values (0 to 1) out to the two nearest of `steps` bins: (..., steps), sum 1."""
    at = np.clip(values, 0, 1) * np.float32(steps - 1)
    bins = np.arange(steps, dtype=np.float32)
    return np.maximum(0, 1 - np.abs(at[..., None] - bins))
