"""Train an autoencoder on pictures and hand it back as two ONNX files."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitrine.encoders._torch.export import check_against_torch, to_onnx
from vitrine.encoders._torch.gradients import gradient_of
from vitrine.encoders._torch.losses import BinaryCrossEntropy
from vitrine.encoders._torch.networks import Autoencoder, LayerRow, initialise, layer_rows
from vitrine.encoders._torch.training import History, Plan, threads, train

_CHECKED = 64
"""Pictures on which the exported files are compared with torch."""


_SMALL = 10_000_000
"""Multiplications in a batch's forward pass below which one thread is used.

Operations then take some ten microseconds, and a second thread, on a machine that has other things
to do, is waited for longer than that.
"""


@dataclass(frozen=True)
class Trained:
    """A trained autoencoder, free of torch.

    Parameters
    ----------
    encoder : bytes
        ONNX: ``pictures`` float32 (n, h, w, c), 0 to 1 → ``vectors`` (n, d).
    decoder : bytes
        ONNX: ``vectors`` (n, d) → ``pictures`` (n, h, w, c), 0 to 1.
    n_components : int
        d.
    layers : dict of str to list of (name, output shape, number of parameters)
        Rows of the ``encoder`` and the ``decoder``.
    history : History
    """

    encoder: bytes
    decoder: bytes
    n_components: int
    layers: dict[str, list[LayerRow]]
    history: History


class PictureBatches:
    """Gives pictures by their numbers, as float32 (b, h, w, c) of 0 to 1.

    They stay bytes until they are needed. The memory of a batch is used again for the next one:
    asking the system for it each time costs more than the conversion.
    """

    def __init__(self, pictures: NDArray[np.uint8], batch_size: int) -> None:
        self._pictures = torch.from_numpy(pictures)
        shape = (min(batch_size, len(pictures)), *pictures.shape[1:])
        self._bytes = torch.empty(shape, dtype=torch.uint8)
        self._values = torch.empty(shape)

    def __call__(self, codes: Tensor) -> Tensor:
        """Return the pictures with the numbers `codes`, valid until the next call."""
        picked, values = self._bytes[: len(codes)], self._values[: len(codes)]
        torch.index_select(self._pictures, 0, codes, out=picked)
        return values.copy_(picked).mul_(1 / 255)


def fit_autoencoder(
    network: Autoencoder,
    pictures: NDArray[np.uint8],
    n_validation: int,
    plan: Plan,
    random_state: int,
) -> Trained:
    """Train a new network to give its pictures back, and export it.

    Torch's global random state is not touched; the same seed gives the same weights on the same
    machine with the same number of threads.

    Parameters
    ----------
    network : Autoencoder
        As `dense_autoencoder` and `conv_autoencoder` make it.
    pictures : uint8 (n, h, w, c), writable
    n_validation : int
        How many of them, drawn at random, are kept from training and watched instead.
    plan : Plan
    random_state : int

    Raises
    ------
    TrainingError
        If the loss is not finite, or the exported files do not give what torch gives.
    """
    generator = torch.Generator().manual_seed(random_state)
    initialise(network, generator)
    numbers = torch.randperm(len(pictures), generator=generator)
    held_out, learned = numbers[:n_validation], numbers[n_validation:]
    batches, batch_gradient = PictureBatches(pictures, plan.batch_size), gradient_of(network)

    @torch.no_grad()
    def validation_loss() -> float:
        total = 0.0
        for codes in torch.split(held_out, plan.batch_size):
            x = batches(codes)
            total += float(BinaryCrossEntropy.apply(network(x), x)) * len(codes)  # type: ignore[no-untyped-call]
        return total / len(held_out)

    with threads(1 if _work(network, batches(numbers[:1])) * plan.batch_size < _SMALL else None):
        history = train(
            network,
            lambda codes: batch_gradient(batches(learned[codes])),
            len(learned),
            plan,
            generator,
            validation_loss if n_validation else None,
        )
    return _export(network, batches(numbers[: min(_CHECKED, plan.batch_size)]), history)


def _work(network: Autoencoder, picture: Tensor) -> int:
    """Return roughly how many multiplications one picture takes on its way through."""
    rows = layer_rows(nn.Sequential(*network.encoder, *network.decoder), tuple(picture.shape[1:]))
    return sum(n_weights * prod(shape[:-1]) for _, shape, n_weights in rows)


@torch.no_grad()
def _export(network: Autoencoder, sample: Tensor, history: History) -> Trained:
    shape = tuple(sample.shape[1:])
    vectors = network.encoder(sample)
    encoder = to_onnx(network.encoder, ("pictures", "vectors"), shape, 2)
    check_against_torch(network.encoder, encoder, sample)
    decoder = to_onnx(network.sigmoid_decoder, ("vectors", "pictures"), (vectors.shape[1],), 4)
    check_against_torch(network.sigmoid_decoder, decoder, vectors)
    rows = {
        "encoder": layer_rows(network.encoder, shape),
        "decoder": layer_rows(network.sigmoid_decoder, tuple(vectors.shape[1:])),
    }
    return Trained(encoder, decoder, vectors.shape[1], rows, history)
