"""Adam on one flat buffer that holds every parameter of a network."""

from __future__ import annotations

from math import sqrt

import torch
from torch import Tensor, nn


class Adam:
    """Adaptive moment estimation; the defaults are Keras's.

    All parameters become views of one vector, their gradients views of another, so that a step is
    eight operations however many layers there are, and keeping the best weights is one copy.

    Parameters
    ----------
    network : Module
        Its parameters are moved into the flat buffer, their values unchanged.
    learning_rate : float
    betas : (float, float)
        Decay of the running means of the gradient and of its square.
    epsilon : float
        Added to the root of the squares' mean.
    weight_decay : float
        Share of each value, times the rate, that a step takes away.

    Attributes
    ----------
    learning_rate : float
        Of the next step.
    values, gradient : Tensor of shape (n_parameters,)

    References
    ----------
    D. P. Kingma and J. Ba. Adam: a method for stochastic optimization. ICLR 2015. Algorithm 1.
    I. Loshchilov and F. Hutter. Decoupled weight decay regularization. ICLR 2019.
    """

    def __init__(
        self,
        network: nn.Module,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-7,
        weight_decay: float = 0.0,
    ) -> None:
        self.values, self.gradient = flatten_parameters(network)
        self._mean = torch.zeros_like(self.values)
        self._square = torch.zeros_like(self.values)
        self._root = torch.empty_like(self.values)
        self.learning_rate, self._weight_decay = learning_rate, weight_decay
        self._betas, self._epsilon = betas, epsilon
        self._steps = 0

    @torch.no_grad()
    def step(self) -> None:
        """Move the parameters against the gradient, then set the gradient to zero."""
        beta1, beta2 = self._betas
        self._steps += 1
        self._mean.lerp_(self.gradient, 1 - beta1)
        self._square.mul_(beta2).addcmul_(self.gradient, self.gradient, value=1 - beta2)
        # Both means start at zero; dividing by 1 − βᵗ takes that bias out.
        torch.sqrt(self._square, out=self._root)
        self._root.mul_(1 / sqrt(1 - beta2**self._steps)).add_(self._epsilon)
        if self._weight_decay:
            self.values.mul_(1 - self.learning_rate * self._weight_decay)
        rate = self.learning_rate / (1 - beta1**self._steps)
        self.values.addcdiv_(self._mean, self._root, value=-rate)
        self.gradient.zero_()


def flatten_parameters(network: nn.Module) -> tuple[Tensor, Tensor]:
    """Make every parameter and its gradient a view of two flat vectors, which are returned."""
    parameters = list(network.parameters())
    values = torch.cat([parameter.detach().reshape(-1) for parameter in parameters])
    gradient = torch.zeros_like(values)
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.data = values[start:stop].view_as(parameter)
        parameter.grad = gradient[start:stop].view_as(parameter)
        start = stop
    return values, gradient
