"""Colours in a perceptual space: their layout and their histogram."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import FloatArray
from vitrine.encoders.descriptors.pooling import mirror_halves, pool
from vitrine.index.distance import unit

# Linear sRGB → CIE XYZ, divided by the white point D65 (IEC 61966-2-1).
_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.089]])
_LEVELS = np.arange(256) / 255.0
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4)

_HISTOGRAM_SIDE = 48
"""A histogram counts every pixel of pictures of this side, and every so many-th of larger ones."""


def to_lab(batch: NDArray[np.uint8]) -> FloatArray:
    """Return sRGB pictures, uint8 (..., 3), in CIE L*a*b*: L 0 to 100, a and b about ±100."""
    xyz = _LINEAR.astype(np.float32)[batch] @ _TO_XYZ.T.astype(np.float32)
    slope, offset = np.float32(24389 / 27 / 116), np.float32(16 / 116)
    f = np.where(xyz > np.float32(216 / 24389), np.cbrt(xyz), slope * xyz + offset)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    lab: FloatArray = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
    return lab


def describe_colours(
    batch: NDArray[np.uint8], layout: int, histogram: int, mirror: bool
) -> FloatArray:
    """Return each picture's colour layout beside the square roots of its colour histogram.

    Parameters
    ----------
    batch : ndarray of shape (n, h, w, c), uint8
        Grey pictures (c = 1) are taken as RGB with equal channels.
    layout : int
        The mean colours of layout × layout overlapping cells.
    histogram : int
        Steps of lightness in the histogram of the whole picture; a* and b* have twice as many.
        Each pixel is shared out between neighbouring steps.
    mirror : bool
        Average the layout with that of the mirrored picture.

    Returns
    -------
    ndarray of shape (n, D), float32
        Layout and histogram, each of unit length, divided by √2.
    """
    n = len(batch)
    lab = to_lab(np.repeat(batch, 3, axis=3) if batch.shape[3] == 1 else batch)
    cells = pool(lab.transpose(0, 3, 1, 2), layout)
    if mirror:
        cells = mirror_halves(cells, cells[..., ::-1])
    step = -(-max(batch.shape[1:3]) // _HISTOGRAM_SIDE)
    counts = _histogram(lab[:, ::step, ::step].reshape(n, -1, 3), histogram)
    joined: FloatArray = np.concatenate([unit(cells.reshape(n, -1)), unit(np.sqrt(counts))], axis=1)
    return joined / np.float32(np.sqrt(2))


def _histogram(lab: FloatArray, steps: int) -> FloatArray:
    """Return soft histograms, float32 (n, 4 · steps³), of pixels (n, pixels, 3)."""
    n, n_bins = len(lab), 4 * steps**3
    # Clothes rarely leave ±64 in a* and b*; what does counts as the outermost step.
    scale, shift = np.array([[1 / 100, 1 / 128, 1 / 128], [0, 0.5, 0.5]], np.float32)
    last = np.array([steps, 2 * steps, 2 * steps]) - 1
    at = np.clip(lab * scale + shift, 0, 1) * last.astype(np.float32)
    below = np.minimum(at.astype(np.intp), np.maximum(last - 1, 0))
    above = at - below  # share of the upper neighbour
    strides = np.array([4 * steps**2, 2 * steps, 1])
    first = below @ strides + np.arange(n)[:, None] * n_bins  # (n, pixels)
    counts = np.zeros(n * n_bins)
    for corner in product((0, 1), repeat=3):
        weight = np.prod(np.where(corner, above, 1 - above), axis=2)
        bins = first + strides @ np.minimum(corner, last)
        counts += np.bincount(bins.ravel(), weight.ravel(), minlength=n * n_bins)
    return counts.reshape(n, n_bins).astype(np.float32)
