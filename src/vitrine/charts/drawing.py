"""Charts: each a function from plain arrays to a Plotly figure.

They show in a notebook as they show in the report and on the page:

>>> learning_curves({"loss": [0.5, 0.4], "val_loss": [0.6, 0.5]}).data[1].name
'validation'

Text from outside (categories, item ids) is escaped, for Plotly reads a little HTML in labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from vitrine.charts import theme
from vitrine.errors import InputError

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]

_METHOD_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x")


def figures_chart(
    metrics: Sequence[str],
    methods: Sequence[str],
    values: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> go.Figure:
    """Compare methods metric by metric: a dot for the value, a whisker for its interval.

    Parameters
    ----------
    metrics : sequence of str, length m
        Names of the measures, the most important first.
    methods : sequence of str, length j
        The first is the one under test and takes the accent colour; the others are baselines.
    values, low, high : ndarray of shape (j, m)
        Shares, 0 to 1, and the ends of their intervals.
    """
    figure = _figure(height=70 + 84 * len(metrics))
    offsets = np.linspace(-0.27, 0.27, len(methods))
    for row, method in enumerate(methods):
        tone = "accent" if row == 0 else "baseline"
        figure.add_scatter(
            x=values[row],
            y=np.arange(len(metrics)) + offsets[row],
            error_x={
                "array": high[row] - values[row],
                "arrayminus": values[row] - low[row],
                "thickness": 2,
                "width": 5,
            },
            mode="markers",
            name=_plain(method),
            marker={
                "size": 11 if row == 0 else 9,
                "symbol": _METHOD_SYMBOLS[row % len(_METHOD_SYMBOLS)],
                "color": theme.colour(tone),
            },
            text=[_plain(metric) for metric in metrics],
            customdata=np.stack([low[row], high[row]], axis=1),
            hovertemplate="%{text}: %{x:.1%} (%{customdata[0]:.1%} to %{customdata[1]:.1%})"
            f"<extra>{_plain(method)}</extra>",
            meta={"tone": tone},
        )
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.02], fixedrange=True)
    figure.update_yaxes(
        tickvals=list(range(len(metrics))),
        ticktext=[_plain(metric) for metric in metrics],
        range=[len(metrics) - 0.5, -0.5],
        fixedrange=True,
        showgrid=False,
    )
    for row in range(1, len(metrics)):
        figure.add_hline(row - 0.5, line={"color": "rgba(128,128,128,0.25)", "width": 1})
    figure.update_layout(
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
        margin={"r": 28},  # half of "100%"
    )
    return figure


def map_chart(
    points: FloatArray,
    codes: IntArray | None = None,
    categories: Sequence[str] = (),
    item_ids: Sequence[str] | None = None,
) -> go.Figure:
    """Show items as points on the plane, coloured by category (WebGL).

    Parameters
    ----------
    points : ndarray of shape (n, 2)
    codes : ndarray of int, shape (n,), optional
        Index into `categories`; −1 where an item has none. Without it all points are alike.
    categories : sequence of str
    item_ids : sequence of str, length n, optional
        Shown on hover.
    """
    codes = np.full(len(points), -1) if codes is None else codes
    _check_points(points, codes)
    figure = _figure(height=560)
    ids = np.array([_plain(i) for i in item_ids or [str(i) for i in range(len(points))]])
    without = "no category" if categories else "items"
    for code in range(-1, len(categories)):
        members = np.flatnonzero(codes == code)
        if len(members) == 0:
            continue
        tone = theme.category_tone(code) if categories else "accent"
        figure.add_scattergl(
            x=points[members, 0],
            y=points[members, 1],
            mode="markers",
            name=_plain(categories[code]) if code >= 0 else without,
            marker={
                "size": 6 if len(points) < 5_000 else 4,
                "opacity": 0.8,
                "color": theme.colour(tone),
                "symbol": theme.category_symbol(code),
            },
            text=ids[members],
            customdata=members,
            hovertemplate="%{text}",
            meta={"tone": tone, "code": code},
        )
    _bare_axes(figure, points)
    figure.update_layout(showlegend=bool(categories), hovermode="closest")
    return figure


def category_chart(
    points: FloatArray, codes: IntArray, code: int, n_others: int = 400, random_state: int = 0
) -> go.Figure:
    """Show where one category lies among all, on the axes that `map_chart` has.

    Parameters
    ----------
    points : ndarray of shape (n, 2)
        All points: they set the axes.
    codes : ndarray of int, shape (n,)
    code : int
        The category to show.
    n_others : int
        How many points of other categories are drawn behind it, in grey.
    random_state : int
        Seed of which.
    """
    _check_points(points, codes)
    figure = _figure(height=240)
    others = np.flatnonzero(codes != code)
    if len(others) > n_others:
        others = np.random.default_rng(random_state).choice(others, n_others, replace=False)
    own = np.flatnonzero(codes == code)
    for members, tone, size in ((others, "muted", 3), (own, theme.category_tone(code), 5)):
        figure.add_scatter(
            x=points[members, 0],
            y=points[members, 1],
            mode="markers",
            marker={"size": size, "opacity": 0.85, "color": theme.colour(tone)},
            customdata=members,
            hoverinfo="skip" if tone == "muted" else "none",
            meta={"tone": tone},
        )
    _bare_axes(figure, points)
    figure.update_layout(showlegend=False)
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
    return figure


def confusion_chart(matrix: IntArray, categories: Sequence[str]) -> go.Figure:
    """Show which category the nearest item has, as shares of each row.

    Parameters
    ----------
    matrix : ndarray of int, shape (c, c)
        Row: the item's own category; column: its nearest item's; value: how many.
    categories : sequence of str, length c
    """
    if matrix.shape != (len(categories), len(categories)):
        raise InputError(
            f"a confusion matrix of {len(categories)} categories is square; this one is "
            f"{matrix.shape}"
        )
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    names = [_plain(name) for name in categories]
    cells = "%{text}" if len(names) <= 20 else ""
    figure = _figure(height=150 + 36 * len(names))
    figure.add_heatmap(
        z=shares,
        x=names,
        y=names,
        zmin=0,
        zmax=1,
        xgap=2,
        ygap=2,
        customdata=matrix,
        text=[[f"{share:.0%}" if share >= 0.01 else "" for share in row] for row in shares],
        texttemplate=cells,
        meta={"cells": cells},
        hovertemplate="%{y} → %{x}: %{customdata:,} items, %{z:.1%}<extra></extra>",
        showscale=False,
    )
    figure.update_xaxes(
        title="category of the nearest item", type="category", showgrid=False, fixedrange=True
    )
    figure.update_yaxes(
        title="the item's own category",
        type="category",
        autorange="reversed",
        showgrid=False,
        fixedrange=True,
    )
    return figure


def learning_curves(history: Mapping[str, Sequence[float]]) -> go.Figure:
    """Show the loss by epoch.

    Parameters
    ----------
    history : mapping
        ``loss`` and, where there is one, ``val_loss``: one number an epoch.

    Raises
    ------
    InputError
        If there is no loss in it.
    """
    if not len(history.get("loss", ())):
        raise InputError("a learning curve needs history['loss'], one number an epoch")
    figure = _figure(height=340)
    both = len(history.get("val_loss", ())) > 0
    curves = [("loss", "training", "baseline" if both else "accent", "dot" if both else "solid")]
    if both:
        curves.append(("val_loss", "validation", "accent", "solid"))
    for key, name, tone, dash in curves:
        losses = np.asarray(history[key], dtype=np.float64)
        figure.add_scatter(
            x=np.arange(1, len(losses) + 1),
            y=losses,
            mode="lines+markers" if len(losses) <= 60 else "lines",
            name=name,
            line={"color": theme.colour(tone), "width": 2, "dash": dash},
            marker={"size": 4, "color": theme.colour(tone)},
            hovertemplate="epoch %{x}: %{y:.4f}<extra>" + name + "</extra>",
            meta={"tone": tone},
        )
    figure.update_xaxes(title="epoch", fixedrange=True, rangemode="tozero")
    figure.update_yaxes(title="loss", fixedrange=True)
    figure.update_layout(
        hovermode="x",
        showlegend=both,
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    return figure


def _figure(height: int) -> go.Figure:
    return go.Figure(layout={"template": theme.template("light"), "height": height})


def _plain(text: str) -> str:
    """Escape what Plotly would read as markup."""
    return escape(text, quote=False)


def _check_points(points: FloatArray, codes: IntArray) -> None:
    if points.ndim != 2 or points.shape[1] != 2 or len(codes) != len(points):
        raise InputError(
            f"a map needs points (n, 2) and n codes, not {points.shape} and {codes.shape}"
        )


def _bare_axes(figure: go.Figure, points: FloatArray) -> None:
    """Set the ranges by all `points`, so that charts compare; numbers on the axes say nothing."""
    low, high = points.min(axis=0), points.max(axis=0)
    margin = np.where(high > low, 0.05 * (high - low), 1.0)
    hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "showline": False}
    figure.update_xaxes(range=[low[0] - margin[0], high[0] + margin[0]], **hidden)
    figure.update_yaxes(range=[low[1] - margin[1], high[1] + margin[1]], **hidden)
