"""A map of the catalogue: two numbers a picture, what looks alike lying close together."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vitrine.encoders.base import FloatArray
from vitrine.encoders.on_backbone import OnBackbone
from vitrine.errors import OptionError
from vitrine.index.distance import DistanceName
from vitrine.topk import blocked_top_k

if TYPE_CHECKING:
    from vitrine.encoders._torch.neighbour_map import TrainedMap

_STEPS = 900
"""Steps that a map takes to settle, however few pictures there are."""
_EPOCHS = 15
"""Least times that every picture is seen."""


class NeighbourMap(OnBackbone):
    """Another encoder's vectors → a network → positions on a plane.

    The nearest neighbours of each picture are found among the other encoder's vectors; the network
    learns to keep them closer than pictures drawn at random. It needs no labels, and places new
    pictures as well.

    Parameters
    ----------
    n_components : int
        Length of a vector: 2 is a map to look at.
    backbone : str
        The encoder whose neighbours are to stay neighbours, by name; one that needs no labels.
    backbone_options : sequence of str
        Its options, each ``name=value``.
    n_neighbours : int
        Neighbours of each picture that are to stay close.
    hidden : sequence of int
        Widths of the network's layers.
    epochs : int, optional
        Times that every picture is seen. None: 15, or as many as make 900 batches.
    batch_size : int
        Pictures among which a neighbour must be found.
    learning_rate : float
        The largest of one cycle.
    max_pictures : int, optional
        Learn from at most so many, drawn with the seed; None: from all.
    max_minutes : float, optional
        Time that fitting may take; training is shortened to fit into it.
    random_state : int

    References
    ----------
    S. Damrich, J. N. Böhm, F. A. Hamprecht and D. Kobak. From t-SNE to UMAP with contrastive
    learning. ICLR 2023.
    """

    kind: ClassVar[str] = "neighbour-map"
    distance_name: ClassVar[DistanceName] = "euclidean"

    def __init__(
        self,
        n_components: int = 2,
        backbone: str = "looks",
        backbone_options: tuple[str, ...] = (),
        n_neighbours: int = 15,
        hidden: tuple[int, ...] = (512, 512, 512),
        epochs: int | None = None,
        batch_size: int = 1024,
        learning_rate: float = 1e-3,
        max_pictures: int | None = 60_000,
        max_minutes: float | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.backbone = backbone
        self.backbone_options = backbone_options
        self.n_neighbours = n_neighbours
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_pictures = max_pictures
        self.max_minutes = max_minutes
        self.random_state = random_state

    def _learn(self, vectors: FloatArray, max_seconds: float | None) -> TrainedMap:
        from vitrine.encoders._torch.neighbour_map import fit_map
        from vitrine.encoders._torch.training import Plan

        n = len(vectors)
        prepared = self.backbone_.distance_.prepare(vectors)
        k, itself = min(self.n_neighbours, max(n - 1, 1)), np.arange(n)
        neighbours, _ = blocked_top_k(
            prepared, prepared, k, self.backbone_.distance_.metric, exclude=itself
        )
        n_batches = -(-n // self.batch_size)
        epochs = self.epochs or max(_EPOCHS, -(-_STEPS // n_batches))
        plan = Plan(
            epochs,
            -(-n // n_batches),  # equal batches: a short one would be an easy choice
            self.learning_rate,
            one_cycle=True,
            max_seconds=max_seconds,
        )
        return fit_map(
            vectors,
            np.where(neighbours < 0, itself[:, None], neighbours),
            self.n_components,
            self.hidden,
            plan,
            self.random_state,
        )

    def _check_options(self) -> None:
        super()._check_options()
        numbers = (self.n_components, self.n_neighbours, self.batch_size - 1, *self.hidden)
        if not self.hidden:
            raise OptionError("hidden is empty; one layer at least")
        if min(numbers) < 1 or (self.epochs or 1) < 1 or not self.learning_rate > 0:
            raise OptionError(
                f"n_components={self.n_components}, n_neighbours={self.n_neighbours}, "
                f"hidden={self.hidden}, epochs={self.epochs}, batch_size={self.batch_size}, "
                f"learning_rate={self.learning_rate}: whole numbers start at 1 (the batch at 2), "
                "the rate lies above 0"
            )
