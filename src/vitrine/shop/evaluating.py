"""How good a shop's similar items are, beside what any encoder must beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.catalogue import Catalogue
from vitrine.catalogue.items import Value
from vitrine.encoders.base import Encoder
from vitrine.encoders.preprocessing import Picture
from vitrine.errors import PictureError
from vitrine.evaluation import RetrievalResult, evaluate, evaluate_baselines
from vitrine.index.distance import Distance
from vitrine.progress import task
from vitrine.shop.importing import encode_items

MAX_QUERIES = 10_000
MAX_BASELINE_ITEMS = 200_000  # whose raw pixels fill 2.5 GB
LEARNED = (
    "the encoder has learned the categories of these very items, so new ones will do worse: ask "
    "about items that it has not seen (vitrine evaluate SHOP SOURCE), or see vitrine compare"
)
"""Said where a shop's own items are the queries and their labels were learned from."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of a shop.

    Attributes
    ----------
    result : RetrievalResult
        Of the shop's encoder; `nearest` holds rows of the shop's items.
    baselines : dict of str to RetrievalResult
        Of random vectors, raw pixels and two principal components, for the same queries and items.
    query_ids : list of str
        The items asked about: of the shop, or of the other catalogue.
    notes : list of str
        What a reader of the figures should know: samples drawn, items left out, labels learned.
    """

    result: RetrievalResult
    baselines: dict[str, RetrievalResult]
    query_ids: list[str]
    notes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold: the encoder's figures flat, the baselines' by name."""
        baselines = {name: result.to_dict() for name, result in self.baselines.items()}
        return self.result.to_dict() | {"baselines": baselines, "notes": self.notes}


@dataclass(frozen=True)
class Side:
    """Queries or items: ids, vectors, categories and pictures, all in one order."""

    item_ids: list[str]
    vectors: NDArray[np.float32]
    labels: list[Value]
    pictures: Sequence[Picture]

    def rows(self, rows: NDArray[np.int64]) -> Side:
        """Return some of them; the pictures stay whole, for `own` says which rows are meant."""
        return Side(
            [self.item_ids[row] for row in rows],
            self.vectors[rows],
            [self.labels[row] for row in rows],
            self.pictures,
        )


def sample_queries(
    items: Side, random_state: int, max_queries: int = MAX_QUERIES
) -> tuple[NDArray[np.int64], list[str]]:
    """Return which items to ask about, and a note where they are a sample of the labelled ones."""
    asked = np.array([i for i, label in enumerate(items.labels) if label is not None], np.int64)
    if len(asked) <= max_queries:
        return asked, []
    note = f"{max_queries:,} of {len(asked):,} items, drawn at random, are the queries"
    rng = np.random.default_rng(random_state)
    return np.sort(rng.choice(asked, max_queries, replace=False)), [note]


def evaluate_sides(
    queries: Side,
    items: Side,
    distance: Distance,
    *,
    own: NDArray[np.int64] | None = None,
    k: int = 10,
    random_state: int = 0,
    notes: Sequence[str] = (),
) -> Evaluation:
    """Ask for the queries' nearest items, by the shop's vectors and by the baselines' alike.

    Parameters
    ----------
    queries, items : Side
    distance : Distance
    own : ndarray of shape (q,), int64, optional
        Where the queries are items: the row of each, which it leaves out.
    k : int
    random_state : int
    notes : sequence of str
        What is known of the queries already.
    """
    options: dict[str, Any] = {"own": own, "k": k, "random_state": random_state}
    result = evaluate(
        queries.vectors, queries.labels, items.vectors, items.labels, distance=distance, **options
    )
    baselines: dict[str, RetrievalResult] = {}
    if len(items.item_ids) > MAX_BASELINE_ITEMS:
        notes = [
            *notes,
            f"no baselines: raw pixels of over {MAX_BASELINE_ITEMS:,} items are too many",
        ]
        return Evaluation(result, baselines, queries.item_ids, list(notes))
    try:
        baselines = evaluate_baselines(
            queries.pictures, queries.labels, items.pictures, items.labels, **options
        )
    except PictureError as error:
        notes = [*notes, f"no baselines, for they need every picture: {error}"]
    return Evaluation(result, baselines, queries.item_ids, list(notes))


def encode_catalogue(encoder: Encoder, catalogue: Catalogue, label: str) -> Side:
    """Encode a catalogue's items as a shop's are encoded; unreadable ones are left out."""
    readable = catalogue.readable(cover=1)
    parts = []
    preprocessing = encoder.preprocessing_
    with task(f"encoding {catalogue.name}", len(readable)) as progress:
        for batch in readable.decoded(512, preprocessing.cover, then=preprocessing.prepare):
            parts.append(encode_items(encoder, batch.pictures))
            progress.advance(len(batch.items))
    vectors = np.concatenate(parts) if parts else np.zeros((0, encoder.n_components_), np.float32)
    return Side(readable.item_ids, vectors, readable.values(label), readable.pictures())
