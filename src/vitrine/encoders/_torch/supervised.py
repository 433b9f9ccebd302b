"""Learn categories from pixels and descriptions, and hand the result back as one ONNX file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, logsumexp
from torch import nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from vitrine.encoders._torch.convolutional import without_normalisation
from vitrine.encoders._torch.export import Graph, check_equal
from vitrine.encoders._torch.neighbour_map import chain, learn_map
from vitrine.encoders._torch.training import Plan, threads
from vitrine.encoders._torch.two_sided import FAINT, Cosines, Examples, Lesson, NetworkSettings
from vitrine.encoders.onnx_encoder import OnnxModel
from vitrine.topk import blocked_top_k

FloatArray = NDArray[np.float32]
_CHECKED = 64
_FEW = 500
"""Examples up to which one thread is used: its operations are too short for a second one."""
_MAP_STEPS, _MAP_EPOCHS, _MAP_BATCH, _MAP_HIDDEN = 6000, 500, 250, (64, 64, 64)
"""How a map of the logits is learned: seconds, as they are few numbers; the fewer of steps and of
epochs. Many small batches keep classes apart better than few large ones, for less."""
_MAP_NEIGHBOURS = 15
_MAP_SHARE = 0.08
"""How much longer than the training it may take, where that has a limit."""
_SUREST = 4.0
"""Largest weight of one side."""


@dataclass(frozen=True)
class TrainedSides:
    """What was learned, free of torch.

    Parameters
    ----------
    network : bytes
        ONNX: ``descriptions`` float32 (n, D) and, where pixels are looked at, ``pictures``
        (n, h, w, c) of 0 to 1 → ``logits`` (n, C) and, where a map was asked for, ``positions``
        (n, d).
    history : dict of str to list of float
        ``loss``, ``val_loss``, ``val_accuracy`` and ``seconds``, one entry an epoch.
    interrupted : bool
        Whether Ctrl-C ended the training.
    """

    network: bytes
    history: dict[str, list[float]]
    interrupted: bool


def fit_sides(
    examples: Examples,
    n_classes: int,
    n_components: int | None,
    settings: NetworkSettings,
    plan: Plan,
    random_state: int,
) -> TrainedSides:
    """Train both networks, weigh their votes, and export them as one.

    Parameters
    ----------
    examples : Examples
    n_classes : int
        C.
    n_components : int or None
        d: lay the logits out in so many numbers as well; None: do not.
    settings : NetworkSettings
    plan : Plan
    random_state : int

    Raises
    ------
    TrainingError
        If the loss is not finite, or the exported file does not give what torch gives.
    """
    lesson = Lesson(examples, n_classes, settings, random_state)
    with threads(1 if len(examples.codes) < _FEW else None):
        history = lesson.run(plan)
    numbers = lesson.held_out()
    sides = np.stack([side.numpy() for side in lesson.logits(numbers)])
    votes = np.full(len(sides), 1 / len(sides))
    if examples.validation.any():
        votes = weigh(sides, lesson.labels(numbers).numpy())
    places = None
    if n_components is not None:
        logits = np.tensordot(votes, sides, 1).astype(np.float32)
        at_most = None if plan.max_seconds is None else _MAP_SHARE * plan.max_seconds
        places = lay_out(
            logits, lesson.labels(numbers).numpy(), n_components, random_state, at_most
        )
    return TrainedSides(
        _export(lesson, votes, places),
        {
            "loss": history.loss,
            "val_loss": history.val_loss,
            "val_accuracy": lesson.val_accuracy[: len(history.val_loss)],
            "seconds": history.seconds,
        },
        history.interrupted,
    )


def weigh(sides: FloatArray, codes: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the weights, none negative, with which the sides' logits predict best when added.

    They make the sum's probabilities neither too sure nor too unsure as well.

    Parameters
    ----------
    sides : float32 (s, n, C)
        Logits of examples that were not learned from.
    codes : int (n,)
        Their classes.
    """
    wanted = sides[:, np.arange(len(codes)), codes]  # (s, n)

    def loss(votes: NDArray[np.float64]) -> float:
        logits = np.tensordot(votes, sides, 1)
        return float((logsumexp(logits, axis=1) - votes @ wanted).mean())

    start = np.full(len(sides), 1 / len(sides))
    found = minimize(loss, start, bounds=[(0.0, _SUREST)] * len(sides), method="L-BFGS-B")
    votes: NDArray[np.float64] = found.x if found.x.sum() > 0 else start
    return votes


def lay_out(
    logits: FloatArray,
    codes: NDArray[np.intp],
    n_components: int,
    random_state: int,
    max_seconds: float | None = None,
) -> nn.Sequential:
    """Return a network from logits (n, C) to positions (n, d) that keeps like beside like.

    Learned on examples that the logits were not learned from: there they are as unsure as they
    will be on new pictures.

    Parameters
    ----------
    logits : float32 (n, C)
    codes : int (n,)
        Classes.
    n_components : int
        d.
    random_state : int
    max_seconds : float, optional
        Time after which learning ends.
    """
    shares = log_softmax(logits, axis=1)
    roots = np.exp(shares / 2)  # of the probabilities: unit vectors
    n = len(logits)
    k, itself = min(_MAP_NEIGHBOURS, max(n - 1, 1)), np.arange(n)
    neighbours, _ = blocked_top_k(roots, roots, k, exclude=itself)
    neighbours = np.where(neighbours < 0, itself[:, None], neighbours)
    n_batches = -(-n // _MAP_BATCH)
    plan = Plan(
        min(_MAP_EPOCHS, -(-_MAP_STEPS // n_batches)),
        -(-n // n_batches),
        3e-3,
        one_cycle=True,
        max_seconds=max_seconds,
    )
    network, _ = learn_map(shares, neighbours, n_components, _MAP_HIDDEN, plan, random_state, codes)
    return nn.Sequential(nn.LogSoftmax(dim=1), *network)


@torch.no_grad()
def _export(lesson: Lesson, votes: NDArray[np.float64], places: nn.Sequential | None) -> bytes:
    network, graph = lesson.network, Graph()
    pictures, descriptions = lesson.sample(_CHECKED)
    given = [lesson.standardize.fold_into(network.linears[0]), *network.linears[1:]]
    known = graph.chain([*chain(given), nn.ReLU()], "descriptions")
    values = [_cosines(graph, known, network.known)]
    inputs = {"descriptions": tuple(descriptions.shape[1:])}
    if network.seeing is not None:
        values.append(_seen(graph, network.seeing, network.seen, network.settings.flips))
        inputs["pictures"] = tuple(pictures.shape[1:])
    weighed = [
        graph.add("Mul", [value], {"vote": np.array([vote], np.float32)})
        for value, vote in zip(values, votes, strict=True)
    ]
    logits = graph.add("Sum", weighed)
    outputs = {"logits": (logits, 2)}
    if places is not None:
        outputs["positions"] = (graph.chain(places, logits), 2)
    content = graph.to_bytes(inputs, outputs)
    _check(lesson, votes, places, OnnxModel(content))
    return content


def _check(
    lesson: Lesson, votes: NDArray[np.float64], places: nn.Sequential | None, model: OnnxModel
) -> None:
    """Raise `TrainingError` if the exported file does not give what torch gives."""
    pictures, descriptions = lesson.sample(_CHECKED)
    sides = lesson.network(pictures, descriptions)
    expected = sum(float(vote) * side for vote, side in zip(votes, sides, strict=True))
    raw = descriptions.numpy() * lesson.standardize.spread + lesson.standardize.mean
    inputs = {"descriptions": raw.astype(np.float32), "pictures": pictures.numpy()}
    if len(sides) == 1:
        del inputs["pictures"]
    found = model.outputs(inputs)
    check_equal(torch.as_tensor(expected).numpy(), found["logits"])
    if places is not None:
        check_equal(places(torch.from_numpy(found["logits"])).numpy(), found["positions"])


def _seen(graph: Graph, seeing: nn.Sequential, cosines: Cosines, flips: bool) -> str:
    """Add the way from pixels to logits; return its last value."""
    value = "pictures"
    if flips:
        last = np.iinfo(np.int64).min
        settings = {"starts": [-1], "ends": [last], "axes": [2], "steps": [-1]}
        constants = {name: np.array(numbers, np.int64) for name, numbers in settings.items()}
        mirrored = graph.add("Slice", [value], constants)
        value = graph.add("Concat", [value, mirrored], axis=0)
    logits = _cosines(graph, graph.chain(without_normalisation(seeing), value), cosines)
    if flips:
        logits = graph.add("Mean", graph.add_split("Split", [logits], 2, axis=0))
    return logits


def _cosines(graph: Graph, value: str, cosines: Cosines) -> str:
    """Add the way from features to logits; return its last value."""
    squares = graph.add("Mul", [value, value])
    axes = {"axes": np.array([1], np.int64)}
    sums = graph.add("ReduceSum", [squares], axes, keepdims=1)
    raised = graph.add("Add", [sums], {"faint": np.array([FAINT], np.float32)})
    unit = graph.add("Div", [value, graph.add("Sqrt", [raised])])
    proxies = cosines.scale * F.normalize(cosines.proxies)
    return graph.add("MatMul", [unit], {"proxies": proxies.t().contiguous().numpy()})
