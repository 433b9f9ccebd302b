"""How the examples show what they find: pictures side by side, figures kept as pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def picture_rows(rows: Sequence[Sequence[Picture]], gap: int = 2) -> go.Figure:
    """Show rows of pictures of one size, grey or colour, as one figure.

    Parameters
    ----------
    rows : sequence of sequences of uint8 (h, w) or (h, w, 3)
    gap : int
        White pixels between two pictures.
    """
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    wall = np.full((len(rows) * (height + gap), columns * (width + gap), 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = i * (height + gap), j * (width + gap)
            colour = picture if picture.ndim == 3 else picture[..., None]
            wall[top : top + height, left : left + width] = colour
    figure = go.Figure(go.Image(z=wall, hoverinfo="skip"))
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(height=90 * len(rows), margin={"l": 0, "r": 0, "t": 0, "b": 0})
    return figure


def keep(figure: go.Figure, path: Path) -> go.Figure:
    """Write a figure as a page of its own and return it, for a notebook to show."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs="directory")
    print(f"wrote {path}")
    return figure


def print_beside(rows: Sequence[tuple[str, str, str]]) -> None:
    """Print what was published beside what came out here."""
    print(f"{'':<44}{'published':>14}{'here':>26}")
    for what, published, here in rows:
        print(f"{what:<44}{published:>14}{here:>26}")
