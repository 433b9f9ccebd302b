"""What the page and its charts know: plain arrays and small records, no shop and no encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.charts.measured import Figures
from vitrine.report.pictures import PagePicture

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Card:
    """One item as the page shows it; `similarity` where it answers a query."""

    item_id: str
    picture: PagePicture | None
    category: str | None = None
    similarity: float | None = None


@dataclass(frozen=True)
class Map:
    """Items on the plane.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
    item_ids : sequence of str, length n
    codes : ndarray of int, shape (n,)
        Index into the report's categories, −1 for none.
    pictures : sequence of PagePicture or None, length n
    method : str
        How the vectors came onto the plane, in words.
    """

    points: FloatArray
    item_ids: Sequence[str]
    codes: IntArray
    pictures: Sequence[PagePicture | None]
    method: str


@dataclass(frozen=True)
class CategoryRow:
    """How well one category is found: shares from 0 to 1 and a number of items."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Neighbours:
    """One item and its nearest, nearest first."""

    query: Card
    hits: Sequence[Card]


@dataclass(frozen=True)
class Confusion:
    """Two categories that are taken for each other, with pairs (item, its nearest) to show it."""

    actual: str
    nearest: str
    count: int
    share: float
    pairs: Sequence[tuple[Card, Card]]


@dataclass(frozen=True)
class Classes:
    """What the page knows by category.

    Parameters
    ----------
    names : sequence of str, length c
    matrix : ndarray of int, shape (c, c)
        Row: the item's own category; column: its nearest item's.
    rows : sequence of CategoryRow
        One a category.
    averages : sequence of CategoryRow
    confusions : sequence of Confusion
        The worst first.
    """

    names: Sequence[str]
    matrix: IntArray
    rows: Sequence[CategoryRow]
    averages: Sequence[CategoryRow]
    confusions: Sequence[Confusion]


@dataclass(frozen=True)
class Panel:
    """One category: its code on the map, its size and a few of its items.

    `recall` is the share of its items whose nearest is of the category too; None where that was
    not measured.
    """

    code: int
    name: str
    n_items: int
    recall: float | None
    cards: Sequence[Card]


@dataclass(frozen=True)
class ReportData:
    """Everything on the page; a part that is None or empty is left out, `notes` says why.

    Parameters
    ----------
    title : str
    facts : sequence of (name, value)
        Shown under the title.
    n_items : int
        Items in the shop.
    map : Map
    categories : sequence of str
        Those of the map; empty without a label.
    panels : sequence of Panel
        One a category, or of the largest categories.
    neighbours : sequence of Neighbours
    figures : Figures, optional
    classes : Classes, optional
    reconstructions : sequence of (original, reconstruction)
    history : mapping of str to numbers, optional
        ``loss``, ``val_loss`` and ``seconds``, one number an epoch.
    notes : sequence of str
        What is left out and why, what was sampled: sentences.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    n_items: int
    map: Map
    categories: Sequence[str] = ()
    panels: Sequence[Panel] = ()
    neighbours: Sequence[Neighbours] = ()
    figures: Figures | None = None
    classes: Classes | None = None
    reconstructions: Sequence[tuple[PagePicture, PagePicture]] = ()
    history: dict[str, Sequence[float]] | None = None
    notes: Sequence[str] = ()
