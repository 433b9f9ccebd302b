"""Histograms of oriented gradients over overlapping cells, a whole batch at a time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vitrine.encoders.base import FloatArray


def orientation_maps(grey: FloatArray, n_orientations: int = 8) -> FloatArray:
    """Share each pixel's gradient out to the two nearest of the orientations.

    Parameters
    ----------
    grey : ndarray of shape (n, h, w), float32
    n_orientations : int
        Orientations over half a turn, the first along x; a gradient and its opposite are one.

    Returns
    -------
    ndarray of shape (n, n_orientations, h, w), float32
        Gradient magnitudes; they sum over orientations to the gradient's length.
    """
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)), mode="edge")
    gx = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    gy = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    magnitude = np.hypot(gx, gy)
    turn = np.arctan2(gy, gx) * np.float32(n_orientations / np.pi)  # −n to n
    maps = np.empty((len(grey), n_orientations, *grey.shape[1:]), np.float32)
    for orientation in range(n_orientations):
        # Distance to this orientation on a circle of n_orientations steps.
        away = np.abs((turn - orientation + n_orientations / 2) % n_orientations)
        away = np.abs(away - n_orientations / 2)
        maps[:, orientation] = magnitude * np.maximum(0, 1 - away)
    return maps


def pool(maps: FloatArray, n_cells: int) -> FloatArray:
    """Sum maps (n, o, h, w) over n_cells × n_cells overlapping windows: (n, o, cells, cells)."""
    rows = _windows(maps.shape[2], n_cells)  # (cells, h)
    columns = _windows(maps.shape[3], n_cells)  # (cells, w)
    pooled: FloatArray = rows @ (maps @ columns.T)
    return pooled


def mirror_average(cells: FloatArray) -> FloatArray:
    """Average histograms (n, o, y, x) with those that the mirrored pictures would have."""
    n_orientations = cells.shape[1]
    mirrored = cells[:, -np.arange(n_orientations) % n_orientations, :, ::-1]
    return (cells + mirrored) / 2


def describe_gradients(
    grey: FloatArray, cells: tuple[int, ...], n_orientations: int, mirror: bool
) -> FloatArray:
    """Return the square roots of the cells' histograms, each level of unit length.

    Parameters
    ----------
    grey : ndarray of shape (n, h, w), float32
    cells : tuple of int
        Cells along each side, one number a level.
    n_orientations : int
    mirror : bool
        Average with the mirrored pictures' description.

    Returns
    -------
    ndarray of shape (n, Σ cells² · n_orientations), float32
    """
    maps = orientation_maps(grey, n_orientations)
    levels = []
    for n_cells in cells:
        level = np.sqrt(pool(maps, n_cells))
        length = np.sqrt(np.einsum("noyx,noyx->n", level, level))[:, None, None, None]
        level /= np.where(length > 0, length, 1)
        levels.append((mirror_average(level) if mirror else level).reshape(len(grey), -1))
    return np.concatenate(levels, axis=1)


@lru_cache
def _windows(length: int, n_cells: int) -> FloatArray:
    """Return triangular windows (n_cells, length), each reaching its neighbours' centres."""
    step = length / n_cells
    centres = (np.arange(n_cells) + 0.5) * step
    pixels = np.arange(length) + 0.5
    windows = np.maximum(0, 1 - np.abs(pixels - centres[:, None]) / step)
    return windows.astype(np.float32)


def to_grey(batch: NDArray[np.uint8]) -> FloatArray:
    """Return uint8 pictures (n, h, w, c) as grey float32 (n, h, w), 0 to 1 (ITU-R 601 luma)."""
    if batch.shape[3] == 1:
        return batch[..., 0] / np.float32(255)
    luma = np.array([0.299, 0.587, 0.114], np.float32) / 255
    return batch.astype(np.float32) @ luma
