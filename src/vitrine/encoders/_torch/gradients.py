"""The gradient of an autoencoder's loss on one batch: written out for dense layers, else autograd.

Both ways have the same form: called with a batch of pictures (b, h, w, c) they put the gradient of
the mean loss into every parameter's `grad` and return the loss.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vitrine.encoders._torch.losses import BinaryCrossEntropy, value_and_slope
from vitrine.encoders._torch.networks import Autoencoder

Gradient = Callable[[Tensor], float]


def gradient_of(network: Autoencoder) -> Gradient:
    """Return the faster way for this network; the parameters' `grad` must hold zeros."""
    if all(isinstance(layer, _DENSE) for layer in (*network.encoder, *network.decoder)):
        return DenseGradient(network)

    def with_autograd(x: Tensor) -> float:
        value = BinaryCrossEntropy.apply(network(x), x)  # type: ignore[no-untyped-call]
        value.backward()
        return float(value.detach())

    return with_autograd


class DenseGradient:
    """Backpropagation through dense layers: one product forth and two back for each.

    Small networks spend their time between operations, not in them: autograd would add a good third
    to a step of the 784-2-784 network.

    Between the first layer and the last one, values are (d, b), a column for each picture: BLAS
    multiplies a matrix of few rows several times as fast as one of few columns.
    """

    def __init__(self, network: Autoencoder) -> None:
        layers = [*network.encoder, *network.decoder]
        self._linears = [layer for layer in layers if isinstance(layer, nn.Linear)]
        self._activations = [layer for layer in layers if type(layer) in _SLOPES]
        self._logits = self._slope = torch.empty(0)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> float:
        """Leave the gradient of the mean loss in the parameters; return the loss."""
        pictures = x.flatten(1)  # (b, h, w, c) → (b, h·w·c)
        inputs = [pictures.t()]  # of each layer, (d, b)
        for linear, activation in zip(self._linears[:-1], self._activations, strict=True):
            sums = torch.addmm(linear.bias[:, None], linear.weight, inputs[-1])
            inputs.append(activation(sums))
        b, last = len(pictures), self._linears[-1]
        if len(self._logits) < b:  # memory that is used again is twice as fast as new memory
            self._logits, self._slope = torch.empty(2, b, last.out_features)
        logits = torch.addmm(last.bias, inputs[-1].t(), last.weight.t(), out=self._logits[:b])
        value, slope = value_and_slope(logits, pictures, self._slope[:b])
        self._backward(inputs, slope.t(), scale=1 / slope.numel())
        return value / slope.numel()

    def _backward(self, inputs: list[Tensor], slope: Tensor, scale: float) -> None:
        """Go back from the slope of the summed loss at the last layer's output, (d, b)."""
        for number in reversed(range(len(self._linears))):
            linear, columns = self._linears[number], inputs[number]
            torch.mm(slope, columns.t(), out=linear.weight.grad).mul_(scale)
            torch.sum(slope, dim=1, out=linear.bias.grad).mul_(scale)
            if number:
                slope = torch.mm(linear.weight.t().contiguous(), slope)
                slope.mul_(_SLOPES[type(self._activations[number - 1])](columns))


_DENSE = (nn.Flatten, nn.Linear, nn.Unflatten, nn.ReLU, nn.ELU, nn.Tanh, nn.Sigmoid, nn.Identity)

_SLOPES: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.ReLU: lambda y: y > 0,
    nn.ELU: lambda y: (y + 1).clamp_(max=1),
    nn.Tanh: lambda y: 1 - y * y,
    nn.Sigmoid: lambda y: y * (1 - y),
    nn.Identity: torch.ones_like,
}
"""Slope of each activation, from its output."""
