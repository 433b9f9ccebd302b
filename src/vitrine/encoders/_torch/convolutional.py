"""A small convolutional network, and what makes its pictures vary while it learns."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitrine.encoders._torch.networks import Permute, Shape

_BLOCK = 500
"""Pictures that are changed at once."""
_LARGE = 40
"""Side, in pixels, beyond which the first convolution takes every second pixel."""
_LARGEST = 96
"""Side beyond which pixels are averaged first."""


def convolutions(shape: Shape, filters: tuple[int, ...]) -> nn.Sequential:
    """Return pictures (b, h, w, c) of 0 to 1 → features (b, filters[-1]), on no device.

    The first number of filters stands for one convolution, each further one for two of 3×3 pixels
    behind a 2×2 max-pooling; batch normalisation and ReLU follow each, the mean over all places
    comes last.

    Parameters
    ----------
    shape : (height, width, channels)
    filters : tuple of int
    """
    side = max(shape[:2])
    with torch.device("meta"):
        layers: list[nn.Module] = [Permute(0, 3, 1, 2)]
        if side > _LARGEST:
            factor = -(-side // _LARGEST)
            layers.append(nn.AvgPool2d(factor))
            side //= factor
        first = nn.Conv2d(shape[2], filters[0], 3, padding=1, bias=False)
        if side > _LARGE:
            first = nn.Conv2d(shape[2], filters[0], 5, stride=2, padding=2, bias=False)
        layers += _normalised(first)
        width = filters[0]
        for n_filters in filters[1:]:
            layers += [
                nn.MaxPool2d(2),
                *_normalised(nn.Conv2d(width, n_filters, 3, padding=1, bias=False)),
                *_normalised(nn.Conv2d(n_filters, n_filters, 3, padding=1, bias=False)),
            ]
            width = n_filters
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


@torch.no_grad()
def without_normalisation(layers: nn.Sequential) -> nn.Sequential:
    """Return the same function with each batch normalisation inside its convolution."""
    folded: list[nn.Module] = []
    for layer in layers:
        if not isinstance(layer, nn.BatchNorm2d):
            folded.append(layer)
            continue
        before = folded.pop()
        mean, variance = layer.get_buffer("running_mean"), layer.get_buffer("running_var")
        scale = layer.weight / torch.sqrt(variance + layer.eps)
        weight = before.get_parameter("weight") * scale[:, None, None, None]
        folded.append(_convolution_like(before, weight, layer.bias - mean * scale))
    return nn.Sequential(*folded)


def vary(
    pictures: Tensor, shift: float, scale: float, flips: bool, generator: torch.Generator
) -> Tensor:
    """Return each picture moved, scaled and mirrored at random; borders are repeated.

    Parameters
    ----------
    pictures : Tensor of shape (b, h, w, c)
    shift, scale : float
        Largest change, as shares of the side.
    flips : bool
        Whether half of them are mirrored.
    generator : torch.Generator
        On the CPU.
    """
    b, h, w, _ = pictures.shape
    draws = 2 * torch.rand(4, b, generator=generator) - 1
    zoom = 1 + scale * draws[0]
    rows = _source(h, zoom, shift * draws[1])
    columns = _source(w, zoom, shift * draws[2])
    if flips:
        columns = torch.where(draws[3, :, None] > 0, columns.flip(1), columns)
    numbers = torch.arange(b)[:, None, None]
    device = pictures.device
    return pictures[numbers.to(device), rows[:, :, None].to(device), columns[:, None].to(device)]


def varied(
    pictures: NDArray[np.uint8], shift: float, scale: float, random_state: int
) -> NDArray[np.uint8]:
    """Return each of uint8 pictures (n, h, w, c) as `vary` changes it, none mirrored."""
    generator = torch.Generator().manual_seed(random_state)
    parts = torch.split(torch.from_numpy(pictures), _BLOCK)
    changed: NDArray[np.uint8] = np.concatenate(
        [vary(part, shift, scale, False, generator).numpy() for part in parts]
    )
    return changed


def _source(side: int, zoom: Tensor, shift: Tensor) -> Tensor:
    """Return for each picture and pixel along a side which pixel is taken, int64 (b, side)."""
    centre = (side - 1) / 2
    places = (torch.arange(side) - centre) * zoom[:, None] + centre + shift[:, None] * side
    return places.round().long().clamp(0, side - 1)


def _normalised(convolution: nn.Conv2d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True)]


def _convolution_like(layer: nn.Module, weight: Tensor, bias: Tensor) -> nn.Conv2d:
    if not isinstance(layer, nn.Conv2d):
        raise TypeError(f"batch normalisation behind {type(layer).__name__}")
    size, stride, padding = layer.kernel_size, layer.stride, layer.padding
    given = nn.Conv2d(layer.in_channels, layer.out_channels, size, stride, padding)  # type: ignore[arg-type]
    given.weight.copy_(weight)
    given.bias.copy_(bias)  # type: ignore[union-attr]
    return given
