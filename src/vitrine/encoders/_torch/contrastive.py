"""A network under which views of one picture, and of its neighbours, are alike."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - its usual name

from vitrine.encoders._torch.devices import best_device
from vitrine.encoders._torch.export import check_against_torch, to_onnx
from vitrine.encoders._torch.neighbour_map import TrainedMap, chain
from vitrine.encoders._torch.networks import initialise
from vitrine.encoders._torch.standardize import Standardize
from vitrine.encoders._torch.training import Plan, threads, train

FloatArray = NDArray[np.float32]
_CHECKED = 64
_FEW = 500
"""Examples up to which one thread is used: its operations are too short for a second one."""


def fit_contrast(
    views: FloatArray,
    neighbours: NDArray[np.int64],
    widths: tuple[int, ...],
    temperature: float,
    plan: Plan,
    random_state: int,
) -> TrainedMap:
    """Learn vectors by which a picture's neighbour is told from the neighbours of others.

    Every step takes a batch of pictures and one of each one's neighbours (itself among them), both
    in a view drawn at random. Each must find its own partner among those of the batch, by the
    cosine over the temperature; the loss is the cross-entropy of that choice, both ways.

    Parameters
    ----------
    views : float32 (v, n, D)
        Descriptions of each picture; the first view is the picture as it is.
    neighbours : int (n, k)
        Pictures that are alike, the picture itself among them.
    widths : tuple of int
        Of the layers, the last one the vector's.
    temperature : float
    plan : Plan
    random_state : int

    Returns
    -------
    TrainedMap
        Its network ends in ``positions`` (n, d), to be compared by their cosine.

    Raises
    ------
    TrainingError
        If the loss is not finite, or the exported file does not give what torch gives.

    References
    ----------
    T. Chen, S. Kornblith, M. Norouzi and G. Hinton. A simple framework for contrastive learning of
    visual representations. ICML 2020.
    D. Dwibedi, Y. Aytar, J. Tompson, P. Sermanet and A. Zisserman. With a little help from my
    friends: nearest-neighbor contrastive learning of visual representations. ICCV 2021.
    """
    generator = torch.Generator().manual_seed(random_state)
    standardize = Standardize.fit(views[0], "shared")
    device = best_device()
    x = torch.from_numpy(standardize(views)).to(device)
    graph = torch.from_numpy(neighbours)
    with torch.device("meta"):
        linears = [nn.Linear(*pair) for pair in pairwise((views.shape[2], *widths))]
    network = chain(linears)
    initialise(network, generator)
    network.to(device)

    def gradient(codes: Tensor) -> float:
        column = torch.randint(graph.shape[1], (len(codes),), generator=generator)
        pairs = torch.cat([codes, graph[codes, column]])
        view = torch.randint(len(x), (len(pairs),), generator=generator)
        anchors, partners = network(x[view.to(device), pairs.to(device)]).chunk(2)
        loss = agreement(anchors, partners, temperature)
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    with threads(1 if len(graph) < _FEW else None):
        history = train(network, gradient, len(graph), plan, generator)
    network.cpu()
    whole = chain([standardize.fold_into(linears[0]), *linears[1:]])
    content = to_onnx(whole, ("vectors", "positions"), (views.shape[2],), 2)
    check_against_torch(whole, content, torch.from_numpy(views[0, :_CHECKED]))
    return TrainedMap(content, history)


def agreement(anchors: Tensor, partners: Tensor, temperature: float) -> Tensor:
    """Return the mean cross-entropy, both ways, of finding each one's own among all (b, d)."""
    logits = F.normalize(anchors) @ F.normalize(partners).t() / temperature
    own = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.t(), own)) / 2
