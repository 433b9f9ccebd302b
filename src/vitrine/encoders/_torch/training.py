"""One plain training loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import isfinite
from time import perf_counter

import torch
from torch import Tensor, nn

from vitrine.encoders._torch.adam import Adam
from vitrine.encoders._torch.schedule import Schedule
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
        Adam's; with `one_cycle` the largest.
    patience : int or None
        Stop after so many epochs without a lower loss; None: never.
    one_cycle : bool
        Let the rate rise over a tenth of the steps, then fall to nothing along a cosine.
    max_seconds : float or None
        Time after which training ends; the cycle is shortened to end with it.
    weight_decay : float
        Share of each weight, times the rate, that every step takes away.
    """

    epochs: int = 50
    batch_size: int = 256
    learning_rate: float = 1e-3
    patience: int | None = None
    one_cycle: bool = False
    max_seconds: float | None = None
    weight_decay: float = 0.0


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
    out_of_time : bool
        Whether the time ended it before the last epoch did.
    """

    loss: list[float] = field(default_factory=list)
    val_loss: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    interrupted: bool = False
    out_of_time: bool = False

    @property
    def watched(self) -> list[float]:
        """The losses that say which epoch was the best: of the validation part if there is one."""
        return self.val_loss or self.loss

    def epochs_since_best(self) -> int:
        """Return how many epochs ago the watched loss was lowest, 0 for the last one."""
        return len(self.watched) - 1 - self.watched.index(min(self.watched))


def train(
    network: nn.Module,
    gradient: Callable[[Tensor], float],
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
    gradient : function of int64 (b,) → float
        Adds the gradient of the mean loss of the examples with these numbers, 0…n−1, to every
        parameter's `grad`, which holds zeros, and returns that loss.
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
        Where the time is up, what was done of an epoch counts as one.

    Raises
    ------
    TrainingError
        If the loss is not finite.
    """
    adam = Adam(network, plan.learning_rate, weight_decay=plan.weight_decay)
    n_steps = plan.epochs * -(-n // plan.batch_size)
    schedule = Schedule(plan.learning_rate, n_steps, plan.one_cycle, plan.max_seconds)
    history = History()
    best: list[Tensor] = []
    kept = [adam.values, *network.buffers()]
    try:
        with task("training", total=plan.epochs) as progress:
            for _ in range(plan.epochs):
                started = perf_counter()
                history.loss.append(_epoch(adam, gradient, n, plan, schedule, generator, progress))
                if validation_loss is not None:
                    history.val_loss.append(validation_loss())
                history.seconds.append(perf_counter() - started)
                if history.epochs_since_best() == 0:
                    best = [tensor.clone() for tensor in kept]
                if schedule.over:
                    history.out_of_time = len(history.loss) < plan.epochs
                    break
                if plan.patience is not None and history.epochs_since_best() >= plan.patience:
                    break
    except KeyboardInterrupt:
        history.interrupted = True
        n_epochs = len(history.seconds)  # an epoch that was cut off is not counted
        del history.loss[n_epochs:], history.val_loss[n_epochs:]
        logger.warning(
            "training was interrupted after %d of %d epochs; the best weights so far are kept",
            n_epochs,
            plan.epochs,
        )
    for tensor, value in zip(kept, best, strict=False):  # none is better where no epoch ended
        tensor.copy_(value)
    return history


def _epoch(
    adam: Adam,
    gradient: Callable[[Tensor], float],
    n: int,
    plan: Plan,
    schedule: Schedule,
    generator: torch.Generator,
    progress: Task,
) -> float:
    """Take one step a batch as long as there is time; return the mean loss over the examples."""
    total = 0.0
    seen = 0
    for codes in torch.split(torch.randperm(n, generator=generator), plan.batch_size):
        loss = gradient(codes)
        if not isfinite(loss):
            raise TrainingError(
                f"the loss became {loss} after {seen} examples of an epoch: lower learning_rate "
                f"(it is {plan.learning_rate:g}), for instance to a tenth, or raise batch_size"
            )
        adam.learning_rate = schedule.rate
        adam.step()
        schedule.advance()
        total += loss * len(codes)
        seen += len(codes)
        progress.advance(len(codes) / n, f"loss {total / seen:.4f}")
        if schedule.over:
            break
    return total / seen


@contextmanager
def threads(n: int | None) -> Iterator[None]:
    """Let torch use n threads inside the context; None: as many as it does already."""
    before = torch.get_num_threads()
    torch.set_num_threads(n or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
