"""The colours and the Plotly templates of report and page, light and dark.

A trace that has a colour of its own says which in ``meta={"tone": ...}``; the page's script paints
it again, from `PALETTES`, when the theme changes. Everything else takes its colours from the
template, which the script swaps.
"""

from __future__ import annotations

from typing import Any, Literal

import plotly.graph_objects as go

Theme = Literal["light", "dark"]

# Ten colours that stay apart for colour-blind eyes and in grey: M. A. Petroff, "Accessible Color
# Sequences for Data Visualization" (2021), arXiv:2107.02270, ten-colour sequence.
_CATEGORIES_LIGHT = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
# The same hues; those too dark to be seen on a dark page are lightened.
_CATEGORIES_DARK = (
    "#4f9fe8",
    "#ffb02e",
    "#e8442a",
    "#a3b3b1",
    "#b06be0",
    "#c08673",
    "#f27a1f",
    "#c9bd82",
    "#8b8f9c",
    "#a0e4e7",
)

PALETTES: dict[Theme, dict[str, str]] = {
    "light": {
        "ink": "#1d2126",
        "soft": "#5b636d",
        "line": "#e3e2dc",
        "paper": "#ffffff",
        "muted": "#c9ccd1",
        "accent": "#1f5fa8",
        "baseline": "#7b838d",
        **{str(i): colour for i, colour in enumerate(_CATEGORIES_LIGHT)},
    },
    "dark": {
        "ink": "#eceae4",
        "soft": "#a3abb5",
        "line": "#32373e",
        "paper": "#1c1f24",
        "muted": "#474d56",
        "accent": "#7db4f2",
        "baseline": "#939ba6",
        **{str(i): colour for i, colour in enumerate(_CATEGORIES_DARK)},
    },
}
N_CATEGORY_COLOURS = len(_CATEGORIES_LIGHT)

# More categories than colours: the colours come round again with another shape.
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")

# The first steps are close together, for rare confusions must not look like none.
_STEPS = (0, 0.05, 0.25, 0.6, 1)
_SHARES: dict[Theme, tuple[str, ...]] = {
    "light": ("#fdfdfc", "#e4edf6", "#a5c5e6", "#4a86c5", "#174a85"),
    "dark": ("#1f2328", "#243447", "#26486b", "#2d66a0", "#3a7ec4"),
}

FONT = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif'


def category_tone(code: int) -> str:
    """Return the tone of category `code`; no category (−1) is muted."""
    return "muted" if code < 0 else str(code % N_CATEGORY_COLOURS)


def category_symbol(code: int) -> str:
    """Return the marker's shape of category `code`."""
    return _SYMBOLS[max(code, 0) // N_CATEGORY_COLOURS % len(_SYMBOLS)]


def colour(tone: str, theme: Theme = "light") -> str:
    """Return a tone's colour, ``#rrggbb``."""
    return PALETTES[theme][tone]


def template(theme: Theme) -> go.layout.Template:
    """Return the Plotly template of a theme."""
    palette = PALETTES[theme]
    axis: dict[str, Any] = {
        "gridcolor": palette["line"],
        "linecolor": palette["line"],
        "zerolinecolor": palette["line"],
        "tickcolor": palette["line"],
        "zeroline": False,
        "automargin": True,
        "title": {"font": {"color": palette["soft"], "size": 13}, "standoff": 8},
        "tickfont": {"color": palette["soft"], "size": 12},
    }
    return go.layout.Template(
        data={
            "heatmap": [
                {
                    "colorscale": list(zip(_STEPS, _SHARES[theme], strict=True)),
                    "colorbar": {
                        "outlinewidth": 0,
                        "thickness": 10,
                        "tickfont": {"color": palette["soft"]},
                    },
                }
            ],
        },
        layout={
            "font": {"family": FONT, "color": palette["ink"], "size": 13},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": [palette[str(i)] for i in range(N_CATEGORY_COLOURS)],
            "xaxis": axis,
            "yaxis": axis,
            "legend": {"font": {"color": palette["ink"]}, "itemsizing": "constant"},
            "hoverlabel": {
                "bgcolor": palette["paper"],
                "bordercolor": palette["line"],
                "font": {"color": palette["ink"], "family": FONT},
            },
            "modebar": {
                "bgcolor": "rgba(0,0,0,0)",
                "color": palette["soft"],
                "activecolor": palette["accent"],
            },
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "dragmode": "pan",
        },
    )
