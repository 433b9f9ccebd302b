"""A report's data, made: three categories on the plane, with pictures, errors and a history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.pictures import COLOURS, make_picture
from vitrine.charts.measured import Figures, Metric
from vitrine.report.data import (
    Card,
    CategoryRow,
    Classes,
    Confusion,
    Map,
    Neighbours,
    Panel,
    ReportData,
)
from vitrine.report.pictures import HOVER_EDGE, from_array

NAMES = sorted(COLOURS)


def made_report(n_each: int = 20, names: tuple[str, ...] = ()) -> ReportData:
    """Return data of every part of the page; `names` renames the categories."""
    shown = list(names) or NAMES
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), n_each)
    points = rng.normal(size=(3 * n_each, 2)) + np.array([[0, 0], [6, 0], [3, 5]])[codes]
    pictures = [make_picture(NAMES[code], seed) for seed, code in enumerate(codes)]
    ids = [f"{NAMES[code]}-{seed}" for seed, code in enumerate(codes)]
    cards = [
        Card(i, from_array(p), shown[code], 0.9)
        for i, p, code in zip(ids, pictures, codes, strict=True)
    ]
    values = np.array([[0.9, 0.8], [0.1, 0.1], [0.7, 0.6], [0.4, 0.3]])
    classes = Classes(
        shown,
        np.array([[15, 5, 0], [1, 19, 0], [0, 0, 20]]),
        [CategoryRow(name, 0.9, 0.8, 0.85, n_each) for name in shown],
        [CategoryRow("macro avg", 0.9, 0.8, 0.85, 3 * n_each)],
        [Confusion(shown[0], shown[1], 5, 0.25, [(cards[0], cards[n_each])])],
    )
    return ReportData(
        title="Made",
        facts=[("Items", str(3 * n_each))],
        n_items=3 * n_each,
        map=Map(points, ids, codes, [from_array(p, HOVER_EDGE) for p in pictures], "As made."),
        categories=shown,
        panels=[
            Panel(code, name, n_each, 0.8, cards[code * n_each : code * n_each + 6])
            for code, name in enumerate(shown)
        ],
        neighbours=[Neighbours(cards[i], cards[i + 1 : i + 7]) for i in (0, n_each - 3)],
        figures=Figures(
            [Metric("Same category", "Of its own."), Metric("Precision@10", "Of the ten.")],
            ["looks", "random", "raw pixels", "PCA-2"],
            values,
            values - 0.02,
            values + 0.02,
            3 * n_each,
        ),
        classes=classes,
        reconstructions=[(from_array(p), from_array(255 - p)) for p in pictures[:3]],
        history={"loss": [0.5, 0.4, 0.35], "val_loss": [0.55, 0.5, 0.45], "seconds": [1, 1, 1]},
    )


def without_labels(data: ReportData) -> ReportData:
    """Return what a report of items without categories holds."""
    nothing = replace(data.map, codes=np.full(len(data.map.points), -1))
    return replace(
        data,
        map=nothing,
        categories=[],
        panels=[],
        figures=None,
        classes=None,
        notes=["No categories; left out: the figures."],
    )
