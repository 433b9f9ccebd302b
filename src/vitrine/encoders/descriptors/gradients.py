"""Histograms of oriented gradients over overlapping cells, a whole batch at a time."""

from __future__ import annotations

import numpy as np

from vitrine.encoders.base import FloatArray
from vitrine.encoders.descriptors.pooling import blur, mirror_halves, pool

_NEIGHBOURHOOD = 2.0
"""Standard deviation, in pixels, of the neighbourhood whose contrast is evened out."""
_FAINT = 0.1
"""Mean gradient, with pixels from 0 to 1, under which a neighbourhood is left faint."""


def orientation_maps(grey: FloatArray, n_orientations: int = 8) -> FloatArray:
    """Share each pixel's gradient out to the two nearest orientations.

    Each gradient is first divided by the mean gradient around it, so that a faint seam counts
    like a bold outline.

    Parameters
    ----------
    grey : ndarray of shape (n, h, w), float32
        0 to 1.
    n_orientations : int
        Orientations over half a turn, the first along x; a gradient and its opposite are one.

    Returns
    -------
    ndarray of shape (n, n_orientations, h, w), float32
    """
    n, h, w = grey.shape
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    gx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    gy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    magnitude = np.sqrt(gx * gx + gy * gy)
    magnitude /= blur(magnitude, _NEIGHBOURHOOD) + np.float32(_FAINT)
    turn = np.arctan2(gy, gx) * np.float32(n_orientations / np.pi)  # −n to n
    below = np.floor(turn)
    share = turn - below  # of the orientation above
    nearest = below.astype(np.intp) % n_orientations
    maps = np.zeros((n, n_orientations, h, w), np.float32)
    picture, y, x = np.ogrid[:n, :h, :w]
    maps[picture, nearest, y, x] = magnitude * (1 - share)
    maps[picture, (nearest + 1) % n_orientations, y, x] = magnitude * share
    return maps


def describe_gradients(
    grey: FloatArray,
    cells: tuple[int, ...],
    blurs: tuple[float, ...],
    n_orientations: int = 8,
    mirror: bool = True,
) -> FloatArray:
    """Return the square roots of the cells' histograms, each level of equal length.

    Parameters
    ----------
    grey : ndarray of shape (n, h, w), float32
        0 to 1, or any other plane of the pictures in which 1 is much.
    cells : tuple of int
        Cells along each side, one number a level.
    blurs : tuple of float
        Standard deviation, in pixels, by which each level's pictures are blurred first.
    n_orientations : int
    mirror : bool
        Average with the mirrored pictures' description.

    Returns
    -------
    ndarray of shape (n, D), float32, rows of unit length
        About Σ cells² · n_orientations long, half of that with `mirror`.
    """
    levels = []
    for n_cells, sigma in zip(cells, blurs, strict=True):
        maps = orientation_maps(blur(grey, sigma), n_orientations)
        level = _unit_maps(np.sqrt(pool(maps, n_cells)))
        if mirror:
            # A mirror turns the orientation at step o into the one at step −o.
            turned = level[:, -np.arange(n_orientations) % n_orientations, :, ::-1]
            level = mirror_halves(level, turned)
        levels.append(level.reshape(len(grey), -1))
    joined: FloatArray = np.concatenate(levels, axis=1) * np.float32(len(levels) ** -0.5)
    return joined


def _unit_maps(maps: FloatArray) -> FloatArray:
    squares = np.einsum("noyx,noyx->n", maps, maps)
    lengths = np.sqrt(np.where(squares > 0, squares, 1)).astype(np.float32)
    scaled: FloatArray = maps / lengths[:, None, None, None]
    return scaled
