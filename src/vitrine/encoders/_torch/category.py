"""A small network that learns categories from another encoder's vectors."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from vitrine.encoders._torch.export import check_against_torch, to_onnx
from vitrine.encoders._torch.networks import initialise
from vitrine.encoders._torch.standardize import Standardize
from vitrine.encoders._torch.training import Plan, threads, train

FloatArray = NDArray[np.float32]
_CHECKED = 64


@dataclass(frozen=True)
class HeadSettings:
    """What the network is made of and how it learns.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the dense layers, each followed by ReLU and dropout; the last is the embedding.
    dropout : float
        Share of a layer's outputs that is set to 0 in training.
    cosine_scale : float or None
        Logits are this times the cosine between embedding and class vector; None: a dense layer.
    label_smoothing : float
        Share of each target that is spread over all classes.
    standardize : {"each", "shared"}
        Whether each feature is divided by its own standard deviation, or all by the same number,
        which leaves features that hardly vary in the background.
    """

    hidden: tuple[int, ...]
    dropout: float
    cosine_scale: float | None
    label_smoothing: float
    standardize: Literal["each", "shared"] = "each"


@dataclass(frozen=True)
class TrainedHead:
    """A trained head, free of torch.

    Parameters
    ----------
    embedding : bytes
        ONNX: ``features`` float32 (n, D) → ``embedding`` (n, d).
    weight, bias : float32 (C, d), (C,)
        Logits are weight · embedding + bias; with a cosine, of the embedding's unit vector.
    history : dict of str to list of float
        ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy`` and ``seconds``, one an epoch.
    """

    embedding: bytes
    weight: FloatArray
    bias: FloatArray
    history: dict[str, list[float]]


class Head(nn.Module):
    """Dense layers with ReLU and dropout, then one logit a class."""

    def __init__(
        self, n_features: int, n_classes: int, settings: HeadSettings, generator: torch.Generator
    ) -> None:
        super().__init__()
        widths = (n_features, *settings.hidden)
        self.linears: list[nn.Linear] = [nn.Linear(*pair) for pair in pairwise(widths)]
        self._registered = nn.ModuleList(self.linears)
        self.classifier = nn.Linear(widths[-1], n_classes)
        self.settings, self.generator = settings, generator
        initialise(self, generator)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (b, C) for features (b, D)."""
        values = features
        for linear in self.linears:
            values = self._dropped(torch.relu(linear(values)))
        scale = self.settings.cosine_scale
        if scale is None:
            logits: Tensor = self.classifier(values)
            return logits
        return scale * F.normalize(values) @ F.normalize(self.classifier.weight).t()

    def _dropped(self, values: Tensor) -> Tensor:
        keep = 1 - self.settings.dropout
        if not self.training or keep == 1:
            return values
        # A generator of its own: torch's global random state is not touched.
        mask = torch.rand(values.shape, generator=self.generator) < keep
        return values * mask / keep


def fit_head(
    features: FloatArray,
    codes: NDArray[np.intp],
    validation: NDArray[np.bool_],
    class_weights: FloatArray,
    settings: HeadSettings,
    plan: Plan,
    random_state: int,
) -> TrainedHead:
    """Learn classes from vectors and export what comes before the classes.

    Parameters
    ----------
    features : float32 (n, D)
    codes : int (n,)
        Classes 0…C−1.
    validation : bool (n,)
        Which are watched instead of learned.
    class_weights : float32 (C,)
        Weights of the classes' losses.
    settings : HeadSettings
    plan : Plan
    random_state : int

    Raises
    ------
    TrainingError
        If the loss is not finite, or the exported file does not give what torch gives.
    """
    generator = torch.Generator().manual_seed(random_state)
    standardize = Standardize.fit(features[~validation], settings.standardize)
    x = torch.from_numpy(standardize(features))
    head = Head(features.shape[1], len(class_weights), settings, generator)
    lesson = _Lesson(head, x, torch.from_numpy(codes.astype(np.int64)), class_weights)
    inside, outside = (torch.from_numpy(np.flatnonzero(part)) for part in (~validation, validation))
    with threads(1):  # its operations are too short for a second thread
        history = train(
            head,
            lambda batch: lesson.gradient(inside[batch]),
            len(inside),
            plan,
            generator,
            (lambda: lesson.examine(outside)) if len(outside) else None,
        )
    head.eval()
    n_epochs = len(history.seconds)
    return TrainedHead(
        _export(head, features, standardize),
        *_classifier(head),
        {
            "loss": history.loss,
            "accuracy": lesson.accuracies(len(inside))[:n_epochs],
            "val_loss": history.val_loss,
            "val_accuracy": lesson.val_accuracy[:n_epochs],
            "seconds": history.seconds,
        },
    )


class _Lesson:
    """The loss of a head on its examples, and how many it gets right on the way."""

    def __init__(self, head: Head, x: Tensor, y: Tensor, class_weights: FloatArray) -> None:
        self._head, self._x, self._y = head, x, y
        self._weights = torch.from_numpy(class_weights)
        self._right: list[Tensor] = []
        self.val_accuracy: list[float] = []

    def gradient(self, numbers: Tensor) -> float:
        """Add the gradient of the mean loss of these examples; return the loss."""
        loss, right = self._measure(numbers)
        self._right.append(right)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    @torch.no_grad()
    def examine(self, numbers: Tensor) -> float:
        """Return the loss of examples that are not learned, and note how many are right."""
        self._head.eval()
        loss, right = self._measure(numbers)
        self._head.train()
        self.val_accuracy.append(float(right.float().mean()))
        return float(loss)

    def accuracies(self, n: int) -> list[float]:
        """Return the share that was right in each epoch of n examples, measured while learning."""
        right = torch.cat(self._right).float()
        return [float(epoch.mean()) for epoch in right[: len(right) // n * n].view(-1, n)]

    def _measure(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        logits, wanted = self._head(self._x[numbers]), self._y[numbers]
        smoothing = self._head.settings.label_smoothing
        loss = F.cross_entropy(logits, wanted, self._weights, label_smoothing=smoothing)
        return loss, logits.detach().argmax(dim=1) == wanted


@torch.no_grad()
def _export(head: Head, features: FloatArray, standardize: Standardize) -> bytes:
    """Return the file for features as they come: standardising is part of the first layer."""
    layers: list[nn.Module] = []
    for linear in (standardize.fold_into(head.linears[0]), *head.linears[1:]):
        layers += [linear, nn.ReLU()]
    chain = nn.Sequential(*layers)
    content = to_onnx(chain, ("features", "embedding"), (features.shape[1],), 2)
    check_against_torch(chain, content, torch.from_numpy(features[:_CHECKED]))
    return content


@torch.no_grad()
def _classifier(head: Head) -> tuple[FloatArray, FloatArray]:
    scale = head.settings.cosine_scale
    if scale is None:
        return head.classifier.weight.numpy().copy(), head.classifier.bias.numpy().copy()
    weight = scale * F.normalize(head.classifier.weight)
    return weight.numpy(), np.zeros(len(weight), np.float32)
