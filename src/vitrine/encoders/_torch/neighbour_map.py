"""A network that lays vectors out on a plane so that neighbours stay neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vitrine.encoders._torch.devices import best_device
from vitrine.encoders._torch.export import check_against_torch, to_onnx
from vitrine.encoders._torch.networks import initialise
from vitrine.encoders._torch.standardize import Standardize
from vitrine.encoders._torch.training import History, Plan, threads, train

FloatArray = NDArray[np.float32]
_CHECKED = 64
_COLLAPSED = 1e-2
"""Spread of positions, against the 1 at which odds are halved, below which all are in one place."""
_SMALL = 10_000_000
"""Multiplications in a batch's forward pass below which one thread is used."""


@dataclass(frozen=True)
class TrainedMap:
    """A trained map, free of torch.

    Parameters
    ----------
    network : bytes
        ONNX: ``vectors`` float32 (n, D) → ``positions`` (n, d).
    history : History
    """

    network: bytes
    history: History


def fit_map(
    vectors: FloatArray,
    neighbours: NDArray[np.int64],
    n_components: int,
    hidden: tuple[int, ...],
    plan: Plan,
    random_state: int,
) -> TrainedMap:
    """Learn a map as `learn_map` does, and export it.

    Raises
    ------
    TrainingError
        If the loss is not finite, or the exported file does not give what torch gives.
    """
    network, history = learn_map(vectors, neighbours, n_components, hidden, plan, random_state)
    content = to_onnx(network, ("vectors", "positions"), (vectors.shape[1],), 2)
    check_against_torch(network, content, torch.from_numpy(vectors[:_CHECKED]))
    return TrainedMap(content, history)


def learn_map(
    vectors: FloatArray,
    neighbours: NDArray[np.int64],
    n_components: int,
    hidden: tuple[int, ...],
    plan: Plan,
    random_state: int,
    codes: NDArray[np.intp] | None = None,
) -> tuple[nn.Sequential, History]:
    """Learn positions in which each vector's neighbours are nearer than what is drawn at random.

    Every step takes a batch of vectors with one neighbour each. For each, its neighbour must be
    told from all other neighbours of the batch, where the odds of two positions at distance r are
    1 / (1 + r²), as in t-SNE; the loss is the cross-entropy of that choice.

    Parameters
    ----------
    vectors : float32 (n, D)
    neighbours : int (n, k)
        Rows of `vectors`.
    n_components : int
        d.
    hidden : tuple of int
        Widths of the layers between, each followed by ReLU.
    plan : Plan
    random_state : int
    codes : int (n,), optional
        Classes; with them `kinship` is part of the loss.

    Returns
    -------
    network : Sequential
        From `vectors` as they come to positions (n, d) around 0 with a spread of 1.
    history : History

    Raises
    ------
    TrainingError
        If the loss is not finite.

    References
    ----------
    S. Damrich, J. N. Böhm, F. A. Hamprecht and D. Kobak. From t-SNE to UMAP with contrastive
    learning. ICLR 2023: there it is called parametric InfoNC-t-SNE.
    """
    generator = torch.Generator().manual_seed(random_state)
    standardize = Standardize.fit(vectors, "shared")
    device = best_device()
    x = torch.from_numpy(standardize(vectors)).to(device)
    graph = torch.from_numpy(neighbours)
    with torch.device("meta"):
        linears = [nn.Linear(*pair) for pair in pairwise((vectors.shape[1], *hidden, n_components))]
    network = chain(linears)
    initialise(network, generator)
    network.to(device)

    classes = None if codes is None else torch.from_numpy(codes.astype(np.int64)).to(device)

    def gradient(batch: Tensor) -> float:
        column = torch.randint(graph.shape[1], (len(batch),), generator=generator)
        pairs = torch.cat([batch, graph[batch, column]]).to(device)
        anchors, partners = network(x[pairs]).chunk(2)
        loss = contrast(anchors, partners)
        if classes is not None:
            loss = loss + kinship(anchors, classes[batch.to(device)])
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    with threads(1 if _work(network) * plan.batch_size < _SMALL else None):
        history = train(network, gradient, len(x), plan, generator)
    network.cpu()
    return _centred(linears, standardize, vectors), history


def contrast(anchors: Tensor, partners: Tensor) -> Tensor:
    """Return the mean cross-entropy of finding each anchor's own partner among all (b, d).

    The odds of a pair are 1 / (1 + squared distance).
    """
    log_odds = _log_odds(anchors, partners)
    return (torch.logsumexp(log_odds, dim=1) - log_odds.diagonal()).mean()


def kinship(positions: Tensor, codes: Tensor) -> Tensor:
    """Return the mean of −log of the share of each one's odds that lies with its own class.

    Who is alone with its class is left out.

    Parameters
    ----------
    positions : Tensor of shape (b, d)
    codes : int64 Tensor of shape (b,)

    References
    ----------
    J. Goldberger, S. Roweis, G. Hinton and R. Salakhutdinov. Neighbourhood components analysis.
    NIPS 2004; its leave-one-out choice, with the odds of t-SNE.
    """
    itself = torch.eye(len(codes), dtype=torch.bool, device=codes.device)
    log_odds = _log_odds(positions, positions).masked_fill(itself, -torch.inf)
    kin = (codes[:, None] == codes[None]) & ~itself
    some = kin.any(dim=1)
    if not some.any():
        return positions.sum() * 0
    own = log_odds[some].masked_fill(~kin[some], -torch.inf)
    return (torch.logsumexp(log_odds[some], dim=1) - torch.logsumexp(own, dim=1)).mean()


def _log_odds(anchors: Tensor, partners: Tensor) -> Tensor:
    products = anchors @ partners.t()
    lengths = anchors.square().sum(1)[:, None] + partners.square().sum(1)[None]
    return -torch.log1p((lengths - 2 * products).clamp(min=0))


def _work(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def chain(linears: Sequence[nn.Linear]) -> nn.Sequential:
    """Return the layers one after another, with ReLU between."""
    layers: list[nn.Module] = []
    for linear in linears:
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@torch.no_grad()
def _centred(
    linears: list[nn.Linear], standardize: Standardize, vectors: FloatArray
) -> nn.Sequential:
    """Return the network for vectors as they come, with positions around 0 and a spread of 1."""
    given = [standardize.fold_into(linears[0]), *linears[1:]]
    positions = chain(given)(torch.from_numpy(vectors))
    spread = float(positions.std(dim=0, correction=0).mean())
    scale = 1 / spread if spread > _COLLAPSED else 1.0
    given[-1].bias.sub_(positions.mean(dim=0)).mul_(scale)
    given[-1].weight.mul_(scale)
    return chain(given)
