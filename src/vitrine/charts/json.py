"""Figures and themes as plain JSON, for a script that draws them in a browser."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go

from vitrine.charts import theme


def bare(figure: go.Figure) -> dict[str, Any]:
    """Return a figure as plain JSON without its template, which a document holds once."""
    plain: dict[str, Any] = json.loads(figure.to_json())
    plain["layout"].pop("template", None)
    return plain


def theme_json(name: theme.Theme) -> dict[str, Any]:
    """Return a theme's palette and Plotly template as plain JSON."""
    return {
        "palette": theme.PALETTES[name],
        "template": theme.template(name).to_plotly_json(),
    }
