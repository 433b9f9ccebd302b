"""One plain training loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite
from time import perf_counter

import torch
from torch import Tensor, nn

from vitrine.encoders._torch.adam import Adam
from vitrine.errors import TrainingError
from vitrine.progress import Task, task

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How long to train, and in what steps.

    Parameters
    ----------
    epochs : int
    batch_size : int
    learning_rate : float
        Adam's.
    patience : int or None
        Stop after so many epochs without a lower loss; None: never.
    """

    epochs: int = 50
    batch_size: int = 256
    learning_rate: float = 1e-3
    patience: int | None = None


@dataclass
class History:
    """What happened: one entry an epoch in each list.

    Parameters
    ----------
    loss : list of float
        Mean over the epoch's batches, each measured before its step.
    val_loss : list of float
        Of the validation part, after the epoch; empty where there is none.
    seconds : list of float
    interrupted : bool
        Whether Ctrl-C ended the training.
    """

    loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False

    @property
    def watched(self) -> list[float]:
        """The losses that say which epoch was the best: of the validation part if there is one."""
        return self.val_loss or self.loss

    def epochs_since_best(self) -> int:
        """Return how many epochs ago the watched loss was lowest, 0 for the last one."""
        return len(self.watched) - 1 - self.watched.index(min(self.watched))


def train(
    network: nn.Module,
    batch_loss: Callable[[Tensor], Tensor],
    n: int,
    plan: Plan,
    generator: torch.Generator,
    validation_loss: Callable[[], float] | None = None,
) -> History:
    """Minimise a loss over n examples with Adam, and leave the best epoch's weights in `network`.

    Parameters
    ----------
    network : Module
        Its parameters are moved into one flat buffer.
    batch_loss : function of int64 (b,) → scalar Tensor
        The mean loss of the examples with these numbers, 0…n−1.
    n : int
        How many examples there are.
    plan : Plan
    generator : torch.Generator
        Shuffles the examples anew each epoch.
    validation_loss : function → float, optional
        Measured after each epoch; the best epoch is then the one where it was lowest.

    Returns
    -------
    History
        Ctrl-C is no error: the weights of the best epoch so far are kept and `interrupted` is set.

    Raises
    ------
    TrainingError
        If the loss is not finite.
    """
    adam = Adam(network, plan.learning_rate)
    history = History()
    best = None
    try:
        with task("training", total=plan.epochs) as progress:
            for _ in range(plan.epochs):
                started = perf_counter()
                history.loss.append(_epoch(adam, batch_loss, n, plan, generator, progress))
                if validation_loss is not None:
                    history.val_loss.append(validation_loss())
                history.seconds.append(perf_counter() - started)
                if history.epochs_since_best() == 0:
                    best = adam.values.clone()
                elif plan.patience is not None and history.epochs_since_best() >= plan.patience:
                    break
    except KeyboardInterrupt:
        history.interrupted = True
        logger.warning(
            "training was interrupted after %d of %d epochs; the best weights so far are kept",
            len(history.seconds),
            plan.epochs,
        )
    if best is not None:
        adam.values.copy_(best)
    return history


def _epoch(
    adam: Adam,
    batch_loss: Callable[[Tensor], Tensor],
    n: int,
    plan: Plan,
    generator: torch.Generator,
    progress: Task,
) -> float:
    """Take one step a batch; return the mean loss over the examples."""
    total = 0.0
    seen = 0
    for codes in torch.split(torch.randperm(n, generator=generator), plan.batch_size):
        loss = batch_loss(codes)
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        total += float(loss.detach()) * len(codes)
        seen += len(codes)
        if not isfinite(total):
            raise TrainingError(
                f"the loss became {float(loss.detach())} after {seen} examples of an epoch: lower "
                f"learning_rate (it is {plan.learning_rate:g}), for instance to a tenth, or raise "
                "batch_size"
            )
        progress.advance(len(codes) / n, f"loss {total / seen:.4f}")
    return total / n
