"""Two networks that learn categories side by side: one sees pixels, the other descriptions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from vitrine.encoders._torch.convolutional import convolutions, vary
from vitrine.encoders._torch.devices import best_device
from vitrine.encoders._torch.networks import initialise
from vitrine.encoders._torch.standardize import Standardize
from vitrine.encoders._torch.training import History, Plan, train

FloatArray = NDArray[np.float32]
FAINT = 1e-3
"""Squared length below which features say little: without it, rounding alone has a direction."""
_BATCH = 500
"""Pictures at once where nothing is learned."""


@dataclass(frozen=True)
class NetworkSettings:
    """What the two networks are made of, and how their pictures vary.

    Parameters
    ----------
    filters : tuple of int
        As `convolutions` takes them; empty: pixels are not looked at.
    hidden : tuple of int
        Widths of the layers behind the description.
    dropout : float
        Share of those layers' outputs that is set to 0 in training.
    cosine_scale : float
        Logits are this times the cosine between features and class vector.
    label_smoothing : float
        Share of each label that is spread over all classes.
    shift, zoom : float
        How far pictures are moved and scaled, as shares of their side.
    flips : bool
        Mirror half of the pictures in training, and see every picture both ways afterwards.
    """

    filters: tuple[int, ...]
    hidden: tuple[int, ...]
    dropout: float
    cosine_scale: float
    label_smoothing: float
    shift: float
    zoom: float
    flips: bool


class Cosines(nn.Module):
    """Logits by the angle to one vector a class: the class vectors are proxies of its pictures."""

    def __init__(self, n_features: int, n_classes: int, scale: float) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.empty(n_classes, n_features, device="meta"))
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (b, C) of features (b, d)."""
        squares = features.square().sum(dim=1, keepdim=True)
        unit = features / torch.sqrt(squares + FAINT)
        return self.scale * unit @ F.normalize(self.proxies).t()


class TwoSided(nn.Module):
    """Logits from pixels, and logits from a description; in the end their sum counts."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        n_features: int,
        n_classes: int,
        settings: NetworkSettings,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.settings, self._generator = settings, generator
        self.seeing: nn.Sequential | None = None
        if settings.filters:
            self.seeing = convolutions(shape, settings.filters)
            self.seen = Cosines(settings.filters[-1], n_classes, settings.cosine_scale)
        widths = (n_features, *settings.hidden)
        with torch.device("meta"):
            self.linears = [nn.Linear(*pair) for pair in pairwise(widths)]
        self._registered = nn.ModuleList(self.linears)
        self.known = Cosines(widths[-1], n_classes, settings.cosine_scale)
        initialise(self, generator)

    def forward(self, pictures: Tensor, descriptions: Tensor) -> list[Tensor]:
        """Return each side's logits (b, C) for pixels (b, h, w, c) and descriptions (b, D)."""
        values = descriptions
        for linear in self.linears:
            values = self._dropped(torch.relu(linear(values)))
        sides = [self.known(values)]
        if self.seeing is not None:
            sides.append(self.seen(self._features(pictures)))
            if self.settings.flips and not self.training:
                mirrored = self.seen(self._features(pictures.flip(2)))
                sides[1] = (sides[1] + mirrored) / 2
        return sides

    def _features(self, pictures: Tensor) -> Tensor:
        values = pictures
        for number, layer in enumerate(self.seeing or ()):
            values = layer(values)
            if number == 1:  # one channel says nothing of its order in memory
                values = values.contiguous(memory_format=torch.channels_last)
        return values

    def _dropped(self, values: Tensor) -> Tensor:
        keep = 1 - self.settings.dropout
        if not self.training or keep == 1:
            return values
        # A generator of its own: torch's global random state is not touched.
        mask = torch.rand(values.shape, generator=self._generator) < keep
        return values * mask.to(values.device) / keep


@dataclass(frozen=True)
class Examples:
    """What is learned from.

    Parameters
    ----------
    pictures : uint8 (n, h, w, c)
    descriptions : float32 (n, D)
    codes : int (n,)
        Classes 0…C−1.
    validation : bool (n,)
        Which are watched instead of learned.
    """

    pictures: NDArray[np.uint8]
    descriptions: FloatArray
    codes: NDArray[np.intp]
    validation: NDArray[np.bool_]


class Lesson:
    """A network, its examples, and the loss of the one on the others."""

    def __init__(
        self, examples: Examples, n_classes: int, settings: NetworkSettings, random_state: int
    ) -> None:
        self.generator = torch.Generator().manual_seed(random_state)
        self.standardize = Standardize.fit(examples.descriptions[~examples.validation], "shared")
        shape = examples.pictures.shape[1:]
        n_features = examples.descriptions.shape[1]
        self.network = TwoSided(shape, n_features, n_classes, settings, self.generator)
        self._device = best_device()
        self.network.to(self._device)
        self._pictures = torch.from_numpy(examples.pictures)
        self._x = torch.from_numpy(self.standardize(examples.descriptions))
        self._y = torch.from_numpy(examples.codes.astype(np.int64))
        self._inside = torch.from_numpy(np.flatnonzero(~examples.validation))
        self._outside = torch.from_numpy(np.flatnonzero(examples.validation))
        self.val_accuracy: list[float] = []

    def run(self, plan: Plan) -> History:
        """Train; the best epoch's weights stay in the network, which is then on the CPU."""
        history = train(
            self.network,
            lambda batch: self._gradient(self._inside[batch]),
            len(self._inside),
            plan,
            self.generator,
            self._examine if len(self._outside) else None,
        )
        self._device = torch.device("cpu")
        self.network.to(self._device).eval()
        return history

    @torch.no_grad()
    def logits(self, numbers: Tensor) -> list[Tensor]:
        """Return each side's logits (m, C) of the examples with these numbers, undisturbed."""
        self.network.eval()
        parts = [self.network(*self._batch(part)) for part in torch.split(numbers, _BATCH)]
        return [torch.cat(side).cpu() for side in zip(*parts, strict=True)]

    def held_out(self) -> Tensor:
        """Return the numbers of the examples that were watched, of all where there are none."""
        return self._outside if len(self._outside) else self._inside

    def labels(self, numbers: Tensor) -> Tensor:
        """Return the classes of examples."""
        return self._y[numbers]

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        """Return pixels and standardised descriptions of the first n examples."""
        return self._batch(torch.arange(min(n, len(self._y))))

    def _gradient(self, numbers: Tensor) -> float:
        self.network.train()
        settings = self.network.settings
        pictures, descriptions = self._batch(numbers)
        if settings.filters:
            pictures = vary(pictures, settings.shift, settings.zoom, settings.flips, self.generator)
        wanted, smoothing = self._y[numbers].to(self._device), settings.label_smoothing
        sides = self.network(pictures, descriptions)
        losses = [F.cross_entropy(side, wanted, label_smoothing=smoothing) for side in sides]
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        return float(torch.stack(losses).mean().detach())

    def _examine(self) -> float:
        """Return the watched examples' loss, smoothed as in training, and note who is right."""
        logits = torch.stack(self.logits(self._outside)).mean(dim=0)
        wanted = self._y[self._outside]
        self.val_accuracy.append(float((logits.argmax(dim=1) == wanted).float().mean()))
        smoothing = self.network.settings.label_smoothing
        return float(F.cross_entropy(logits, wanted, label_smoothing=smoothing))

    def _batch(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        pictures = self._pictures[numbers].to(self._device).float() / 255
        return pictures, self._x[numbers].to(self._device)
