"""Linear steps that descriptors share, each a product with a small matrix."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from vitrine.encoders.base import FloatArray


def to_grey(batch: NDArray[np.uint8]) -> FloatArray:
    """Return uint8 pictures (n, h, w, c) as grey float32 (n, h, w), 0 to 1 (ITU-R 601 luma)."""
    if batch.shape[3] == 1:
        return np.divide(batch[..., 0], 255, dtype=np.float32)
    luma = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255)
    grey: FloatArray = batch.astype(np.float32) @ luma
    return grey


def pool(maps: FloatArray, n_cells: int) -> FloatArray:
    """Average maps (n, c, h, w) over n_cells × n_cells overlapping windows: (n, c, cells, cells).

    The windows are triangles that reach to their neighbours' centres; more cells than pixels
    interpolate.
    """
    return _apply(maps, _windows(maps.shape[2], n_cells), _windows(maps.shape[3], n_cells))


def blur(maps: FloatArray, sigma: float) -> FloatArray:
    """Blur the last two axes with a Gaussian of `sigma` pixels; borders are repeated."""
    if sigma == 0:
        return maps
    return _apply(maps, _gaussians(maps.shape[-2], sigma), _gaussians(maps.shape[-1], sigma))


def mirror_halves(maps: FloatArray, mirrored: FloatArray) -> FloatArray:
    """Average maps (n, c, y, x) with those of the mirrored pictures, and keep the left half.

    The right half of the average repeats the left; √2 stands in for it, so that inner products
    and distances stay the same.
    """
    width = maps.shape[3]
    half = (width + 1) // 2
    weights = np.full(half, np.sqrt(2) / 2, np.float32)
    if width % 2:
        weights[-1] = 0.5  # the middle column is there once
    folded: FloatArray = (maps[..., :half] + mirrored[..., :half]) * weights
    return folded


def _apply(maps: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Multiply the last two axes of `maps` by one matrix each: rows · map · columnsᵀ."""
    # Two large products; NumPy would make one small product a map, and BLAS threads for each.
    across = _last_axis(maps, columns).swapaxes(-1, -2)
    return _last_axis(across, rows).swapaxes(-1, -2)


def _last_axis(maps: FloatArray, matrix: FloatArray) -> FloatArray:
    product: FloatArray = maps.reshape(-1, maps.shape[-1]) @ matrix.T
    return product.reshape(*maps.shape[:-1], len(matrix))


@lru_cache
def _windows(length: int, n_cells: int) -> FloatArray:
    step = length / n_cells
    centres = (np.arange(n_cells) + 0.5) * step
    pixels = np.arange(length) + 0.5
    reach = max(step, 1.0)
    windows = np.maximum(0, 1 - np.abs(pixels - centres[:, None]) / reach)
    windows /= windows.sum(axis=1, keepdims=True)
    return np.asarray(windows, np.float32)


@lru_cache
def _gaussians(length: int, sigma: float) -> FloatArray:
    filtered = gaussian_filter1d(np.eye(length), sigma, axis=0, mode="nearest")
    return np.asarray(filtered, np.float32)
