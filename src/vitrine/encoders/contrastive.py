"""Learn what the catalogue's pictures have in common, without labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vitrine.encoders.base import FloatArray
from vitrine.encoders.beside_looks import beside_looks
from vitrine.encoders.features import features_of
from vitrine.encoders.loading import load_sample
from vitrine.encoders.on_backbone import OnBackbone
from vitrine.encoders.preprocessing import Pictures
from vitrine.errors import OptionError
from vitrine.index.distance import DistanceName, unit
from vitrine.topk import blocked_top_k

if TYPE_CHECKING:
    from vitrine.encoders._torch.neighbour_map import TrainedMap

_STEPS, _EPOCHS = 500, 10
"""Least batches that are learned, and least times that every picture is seen."""


class Contrastive(OnBackbone):
    """Another encoder's vectors → a network under which views of a picture are alike.

    Each picture is described a few times, moved and scaled at random. The network learns to tell
    which descriptions show one picture or its nearest neighbours, among those of a whole batch.
    A vector has two parts: what was learned, and the other encoder's own vector.

    Parameters
    ----------
    n_components : int
        Numbers in the learned part.
    backbone : str
        The encoder that describes the pictures, by name; one that needs no labels.
    backbone_options : sequence of str
        Its options, each ``name=value``.
    n_views : int
        Descriptions of each picture, the first of the picture as it is.
    shift, zoom : float
        How far the others are moved and scaled, as shares of their side.
    n_neighbours : int
        Nearest neighbours that count as views as well.
    hidden : sequence of int
        Widths of the network's layers.
    temperature : float
        What the cosines are divided by.
    looks_share : float
        Share of the other encoder's similarity in that of the vectors, 0 to below 1.
    epochs : int, optional
        Times that every picture is seen. None: 10, or as many as make 500 batches.
    batch_size : int
        Pictures among which a view must be found.
    learning_rate : float
        The largest of one cycle.
    max_pictures : int, optional
        Learn from at most so many, drawn with the seed; None: as many as 2 GiB of bytes hold.
    max_minutes : float, optional
        Time that fitting may take; training is shortened to fit into it.
    random_state : int
    """

    kind: ClassVar[str] = "contrastive"
    distance_name: ClassVar[DistanceName] = "cosine"

    def __init__(
        self,
        n_components: int = 128,
        backbone: str = "looks",
        backbone_options: tuple[str, ...] = (),
        n_views: int = 3,
        shift: float = 0.07,
        zoom: float = 0.0,
        n_neighbours: int = 3,
        hidden: tuple[int, ...] = (512,),
        temperature: float = 0.1,
        looks_share: float = 0.6,
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
        self.n_views = n_views
        self.shift = shift
        self.zoom = zoom
        self.n_neighbours = n_neighbours
        self.hidden = hidden
        self.temperature = temperature
        self.looks_share = looks_share
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.max_pictures = max_pictures
        self.max_minutes = max_minutes
        self.random_state = random_state

    def _describe(self, pictures: Pictures) -> FloatArray:
        """Return the backbone's vectors of every view of the pictures, float32 (v, n, D)."""
        from vitrine.encoders._torch.convolutional import varied

        loaded = load_sample(
            pictures, self.backbone_.preprocessing_, self.max_pictures, self.random_state
        )
        views = [loaded]
        for number in range(1, self.n_views):
            seed = self.random_state * self.n_views + number
            views.append(varied(loaded, self.shift, self.zoom, seed))
        grey = loaded.shape[3] == 1
        return np.stack(
            [features_of(self.backbone_, view[..., 0] if grey else view) for view in views]
        )

    def _learn(self, vectors: FloatArray, max_seconds: float | None) -> TrainedMap:
        from vitrine.encoders._torch.contrastive import fit_contrast
        from vitrine.encoders._torch.training import Plan

        n = vectors.shape[1]
        prepared = self.backbone_.distance_.prepare(vectors[0])
        k = min(self.n_neighbours + 1, n)  # itself comes first
        neighbours, _ = blocked_top_k(prepared, prepared, k, self.backbone_.distance_.metric)
        n_batches = -(-n // self.batch_size)
        return fit_contrast(
            vectors,
            neighbours,
            (*self.hidden, self.n_components),
            self.temperature,
            Plan(
                self.epochs or max(_EPOCHS, -(-_STEPS // n_batches)),
                -(-n // n_batches),  # equal batches: a short one would be an easy choice
                self.learning_rate,
                one_cycle=True,
                max_seconds=max_seconds,
            ),
            self.random_state,
        )

    def _combine(self, vectors: list[FloatArray]) -> FloatArray:
        return beside_looks(unit(self.network_(vectors[0])), vectors[0], self.looks_share)

    def _check_options(self) -> None:
        super()._check_options()
        numbers = (self.n_components, self.n_views, self.batch_size - 1, *self.hidden)
        if min(numbers) < 1 or (self.epochs or 1) < 1 or self.n_neighbours < 0:
            raise OptionError(
                f"n_components={self.n_components}, n_views={self.n_views}, hidden={self.hidden}, "
                f"epochs={self.epochs}, batch_size={self.batch_size}, n_neighbours="
                f"{self.n_neighbours}: whole numbers start at 1 (the batch at 2, neighbours at 0)"
            )
        shares = max(self.shift, self.zoom, self.looks_share)
        if min(self.shift, self.zoom, self.looks_share) < 0 or shares >= 1:
            raise OptionError(
                f"shift={self.shift}, zoom={self.zoom}, looks_share={self.looks_share}: each is at "
                "least 0 and below 1"
            )
        if not self.learning_rate > 0 or not self.temperature > 0:
            raise OptionError(
                f"learning_rate={self.learning_rate}, temperature={self.temperature}: both lie "
                "above 0"
            )
