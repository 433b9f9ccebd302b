"""From the report's data to its HTML: one file that asks the network for nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import numpy as np
import plotly.graph_objects as go
import plotly.offline
from markupsafe import Markup

from vitrine.charts import drawing, theme
from vitrine.charts.json import bare, theme_json
from vitrine.files import written_whole
from vitrine.report.data import Classes, ReportData
from vitrine.report.gather import gather

if TYPE_CHECKING:
    from vitrine.shop import Shop

MAX_HEATMAP = 30
"""Categories that the heat map shows at most: the largest."""


def build_report(
    shop: Shop,
    *,
    label: str | None = None,
    k: int = 10,
    n_examples: int = 10,
    random_state: int = 0,
    title: str | None = None,
) -> str:
    """Return the report of a shop as HTML.

    Parameters
    ----------
    shop : Shop
    label : str, optional
        The attribute that is the category; by default the one the shop was made with, or
        ``category``. Where there is none the report leaves out what needs it, and says so.
    k : int
        How deep precision, recall and mAP look.
    n_examples : int
        Random items that are shown beside their nearest; also reconstructions.
    random_state : int
        Seed of every choice; the same seed gives the same file.
    title : str, optional

    Raises
    ------
    InputError
        If the shop is empty, or has no attribute `label`.
    """
    return render(
        gather(
            shop,
            label=label,
            k=k,
            n_examples=n_examples,
            random_state=random_state,
            title=title,
        )
    )


def write_report(shop: Shop, path: str | Path, **options: Any) -> Path:
    """Write `build_report`'s HTML (with the same options) to `path`, whole or not at all."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    page = build_report(shop, **options)
    with written_whole(target) as draft:
        draft.write_text(page, encoding="utf-8")
    return target


def render(data: ReportData) -> str:
    """Return the page for `data`."""
    figures = _figures(data)
    scripts = [_plotly_script(), _own("report.js")]
    page = jinja2.Environment(autoescape=True).from_string(_own("report.html"))
    return page.render(
        data=data,
        version=version("vitrine"),
        css=Markup(_own("report.css")),  # noqa: S704 - a file of this package
        policy=_policy(scripts),
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - Plotly's and this package's
        documents={
            "charts": _json({name: bare(figure) for name, figure in figures.items()}),
            "themes": _json({name: theme_json(name) for name in theme.PALETTES}),
            "items": _json(_items(data)),
        },
        heights={name: figure.layout.height for name, figure in figures.items()},
        max_heatmap=MAX_HEATMAP,
        sections=_sections(data),
        map_lead=_map_lead(data),
        percent=_percent,
    )


def _figures(data: ReportData) -> dict[str, go.Figure]:
    figures: dict[str, go.Figure] = {}
    if data.figures:
        names = [metric.name for metric in data.figures.metrics]
        measured = data.figures.values, data.figures.low, data.figures.high
        figures["figures"] = drawing.figures_chart(names, data.figures.methods, *measured)
    points, codes = data.map.points, data.map.codes
    figures["map"] = drawing.map_chart(points, codes, data.categories, data.map.item_ids)
    for panel in data.panels:
        figures[f"panel-{panel.code}"] = drawing.category_chart(points, codes, panel.code)
    if data.classes:
        shown = _largest(data.classes)
        figures["confusion"] = drawing.confusion_chart(
            data.classes.matrix[np.ix_(shown, shown)], [data.classes.names[i] for i in shown]
        )
    if data.history:
        figures["learning"] = drawing.learning_curves(data.history)
    return figures


def _largest(classes: Classes) -> list[int]:
    """Return the categories that the heat map has room for, in their own order."""
    by_support = sorted(range(len(classes.names)), key=lambda code: -classes.rows[code].support)
    return sorted(by_support[:MAX_HEATMAP])


def _sections(data: ReportData) -> list[tuple[str, str]]:
    """Return the sections that the page has, as (id, heading)."""
    classes = data.classes
    sections = [
        ("figures", "Figures", data.figures),
        ("reconstructions", "Reconstructions", data.reconstructions),
        ("map", "Map", True),
        ("categories", "Categories", data.panels),
        ("neighbours", "Nearest items", data.neighbours),
        ("confusions", "Confusions", classes and classes.confusions),
        ("classes", "Numbers", classes),
        ("learning", "Learning curves", data.history),
    ]
    return [(name, heading) for name, heading, there in sections if there]


def _map_lead(data: ReportData) -> str:
    shown = len(data.map.points)
    if shown == data.n_items:
        return f"All {shown:,} items." if shown > 1 else "The one item."
    return f"{shown:,} of the {data.n_items:,} items, drawn at random."


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.1%}"


def _items(data: ReportData) -> dict[str, Any]:
    pictures = data.map.pictures
    return {
        "ids": list(data.map.item_ids),
        "codes": [int(code) for code in data.map.codes],
        "categories": list(data.categories),
        "pictures": [picture.base64 if picture else None for picture in pictures],
        "tiny": any(picture.tiny for picture in pictures if picture),
    }


def _json(value: Any) -> Markup:
    """Write JSON that nothing in it can end the script element or open a comment with."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - no "<" is left in it


def _plotly_script() -> str:
    # A browser reads CRLF as LF, and the policy's hash is of what it reads.
    return str(plotly.offline.get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")


def _policy(scripts: list[str]) -> str:
    """Return a Content-Security-Policy under which the page can load nothing from anywhere.

    Only these scripts run, known by their hash. Plotly's WebGL part compiles functions at run time
    and so needs 'unsafe-eval'; there is nothing on the page that could reach it.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes} 'unsafe-eval'; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _own(name: str) -> str:
    return files("vitrine.report").joinpath(name).read_text(encoding="utf-8")
