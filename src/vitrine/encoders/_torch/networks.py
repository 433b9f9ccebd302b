"""The two autoencoders as torch networks, and the table of their layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

Shape = tuple[int, int, int]
"""Height, width, channels of a picture."""

LayerRow = tuple[str, tuple[int, ...], int]
"""A layer's name, the shape of its output for one picture, its number of parameters."""

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}


class Autoencoder(nn.Module):
    """An encoder and a decoder, trained together on pictures (b, h, w, c) of 0 to 1.

    The decoder ends in logits, which the loss wants; `sigmoid_decoder` ends in pictures.
    """

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    @property
    def sigmoid_decoder(self) -> nn.Sequential:
        """The decoder with its last step, from logits to 0…1."""
        return nn.Sequential(*self.decoder, nn.Sigmoid())

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the reconstruction's logits, (b, h, w, c)."""
        logits: Tensor = self.decoder(self.encoder(pictures))
        return logits


class Permute(nn.Module):
    """Reorder the axes."""

    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, values: Tensor) -> Tensor:
        """Return a view of `values` with its axes in the order `axes`."""
        return values.permute(self.axes)


def dense_autoencoder(
    shape: Shape, n_components: int, hidden: Sequence[int], activation: str, code_activation: str
) -> Autoencoder:
    """Return pixels → hidden layers → code → the same layers backwards → pixels, on no device.

    Parameters
    ----------
    shape : (height, width, channels)
    n_components : int
        Length of the code.
    hidden : sequence of int
        Widths of the layers between pixels and code, from the outside in.
    activation, code_activation : str
        A name in `ACTIVATIONS`: after the hidden layers, and after the code.
    """
    h, w, c = shape
    widths = [h * w * c, *hidden, n_components]
    with torch.device("meta"):
        encoder: list[nn.Module] = [nn.Flatten()]  # (b, h, w, c) → (b, h·w·c)
        for fan_in, fan_out in pairwise(widths):
            encoder += [nn.Linear(fan_in, fan_out), ACTIVATIONS[activation]()]
        encoder[-1] = ACTIVATIONS[code_activation]()
        decoder: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths[::-1]):
            decoder += [nn.Linear(fan_in, fan_out), ACTIVATIONS[activation]()]
        decoder[-1] = nn.Unflatten(1, shape)  # (b, h·w·c) → (b, h, w, c)
        return Autoencoder(nn.Sequential(*encoder), nn.Sequential(*decoder))


def conv_autoencoder(shape: Shape, filters: Sequence[int]) -> Autoencoder:
    """Return 3×3 convolutions and 2×2 max-pooling, then the mirror with upsampling, on no device.

    The picture is padded with zeros to a multiple of 2 to the number of poolings, evenly on
    opposite sides, and the reconstruction cropped by as much: 150×150 becomes 152×152 on the way.

    Parameters
    ----------
    shape : (height, width, channels)
    filters : sequence of int
        Channels after each of the encoder's convolutions.
    """
    h, w, c = shape
    multiple = 2 ** len(filters)
    tall, wide = -h % multiple, -w % multiple
    margins = (wide // 2, wide - wide // 2, tall // 2, tall - tall // 2)  # left right top bottom
    code = ((h + tall) // multiple, (w + wide) // multiple, filters[-1])
    with torch.device("meta"):
        encoder: list[nn.Module] = [Permute(0, 3, 1, 2), nn.ZeroPad2d(margins)]  # b h w c → b c h w
        for fan_in, fan_out in pairwise([c, *filters]):
            # ReLU before pooling gives the same numbers for four times the work.
            encoder += [
                nn.Conv2d(fan_in, fan_out, 3, padding=1),
                nn.MaxPool2d(2),
                nn.ReLU(inplace=True),
            ]
        encoder += [Permute(0, 2, 3, 1), nn.Flatten()]  # (b, c, h, w) → (b, h·w·c)
        decoder: list[nn.Module] = [nn.Unflatten(1, code), Permute(0, 3, 1, 2)]
        inward = [filters[-1], *filters[::-1]]
        for fan_in, fan_out in pairwise(inward):
            decoder += [
                nn.Conv2d(fan_in, fan_out, 3, padding=1),
                nn.ReLU(inplace=True),
                nn.Upsample(None, 2),
            ]
        decoder += [nn.Conv2d(filters[0], c, 3, padding=1)]
        decoder += [nn.ZeroPad2d(tuple(-margin for margin in margins)), Permute(0, 2, 3, 1)]
        return Autoencoder(nn.Sequential(*encoder), nn.Sequential(*decoder))


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Bring a network to the CPU with Glorot-uniform weights, zero biases, normalisations as new.

    Torch's global random state is not touched.

    References
    ----------
    X. Glorot and Y. Bengio. Understanding the difficulty of training deep feedforward neural
    networks. AISTATS 2010. Equation 16.
    """
    network.to_empty(device="cpu")
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.xavier_uniform_(parameter, generator=generator)
        else:
            nn.init.zeros_(parameter)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()  # scales of 1, and its running means


@torch.no_grad()
def layer_rows(layers: nn.Sequential, input_shape: tuple[int, ...]) -> list[LayerRow]:
    """Return a row a layer, in order; reordering of axes is left out.

    Parameters
    ----------
    layers : Sequential
        On the CPU.
    input_shape : tuple of int
        Shape of one input, without the batch.
    """
    rows = []
    values = torch.zeros(1, *input_shape)
    planes = False  # between two reorderings, channels come before height and width
    for layer in layers:
        values = layer(values)
        if isinstance(layer, Permute):
            planes = not planes
            continue
        shape = tuple(values.shape[1:])
        shape = (*shape[1:], shape[0]) if planes else shape
        n_parameters = sum(parameter.numel() for parameter in layer.parameters())
        rows.append((_layer_name(layer), shape, n_parameters))
    return rows


def _layer_name(layer: nn.Module) -> str:
    if isinstance(layer, nn.ZeroPad2d):
        return "Crop" if min(layer.padding) < 0 else "ZeroPad"
    names = {
        nn.Linear: "Dense",
        nn.Conv2d: "Convolution 3×3",
        nn.MaxPool2d: "MaxPool 2×2",
        nn.Upsample: "Upsample 2×2",
        nn.Unflatten: "Reshape",
        nn.Identity: "Linear",
    }
    return names.get(type(layer), type(layer).__name__)
