"""From a shop to what its report shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitrine.charts.measured import figures_of
from vitrine.charts.plane import project
from vitrine.errors import InputError
from vitrine.report.data import Classes, Map, Neighbours, Panel, ReportData
from vitrine.report.gallery import Gallery
from vitrine.report.measure import classes_of
from vitrine.report.pictures import PagePicture, from_array

if TYPE_CHECKING:
    from vitrine.encoders.base import Encoder
    from vitrine.shop import Shop

MAX_POINTS = 3_000
"""Items on the map: each with its picture, they stay within the file's size."""

MAX_PANELS = 30
"""Categories that get a panel: the largest."""

N_HITS = 6
N_PANEL_CARDS = 6


def gather(
    shop: Shop,
    *,
    label: str | None = None,
    k: int = 10,
    n_examples: int = 10,
    random_state: int = 0,
    title: str | None = None,
) -> ReportData:
    """Return everything the report of `shop` shows; for the parameters see `build_report`."""
    item_ids = shop.item_ids
    if not item_ids:
        raise InputError(f"the shop {shop.name!r} is empty; add items before making its report")
    label = _label(shop, label)
    categories = _categories(shop, label)
    names = sorted({category for category in categories if category is not None})
    codes = _codes(categories, names)
    rng = np.random.default_rng(random_state)
    gallery = Gallery(shop, dict(zip(item_ids, categories, strict=True)))
    vectors = shop.vectors
    notes = _notes(shop, label, names, codes)
    figures, classes = None, None
    if (codes >= 0).sum() > 1:
        evaluation = shop.evaluate(label=label, k=k, random_state=random_state)
        figures = figures_of(evaluation, shop.encoder.kind)
        classes = classes_of(evaluation, item_ids, gallery, random_state)
        notes += [f"{note[0].upper()}{note[1:]}." for note in evaluation.notes]
    return ReportData(
        title=title or shop.name,
        facts=_facts(shop, label, names),
        n_items=len(item_ids),
        map=_map(shop.encoder, vectors, item_ids, codes, gallery, rng),
        categories=names,
        panels=_panels(names, codes, item_ids, classes, gallery, rng),
        neighbours=_neighbours(shop, gallery, _draw(item_ids, n_examples, rng)),
        figures=figures,
        classes=classes,
        reconstructions=_reconstructions(shop, _draw(item_ids, n_examples, rng)),
        history=getattr(shop.encoder, "history_", None) or None,
        notes=notes,
    )


def _label(shop: Shop, label: str | None) -> str | None:
    """Return the attribute to judge by, None where none is named and the shop knows none."""
    try:
        return shop.label(label)
    except InputError:
        if label is not None:
            raise
        return None


def _categories(shop: Shop, label: str | None) -> list[str | None]:
    """Return one category an item; None and empty text stand for none, as in an evaluation."""
    if label is None:
        return [None] * len(shop.item_ids)
    return [None if value is None else str(value) or None for value in shop.values(label)]


def _codes(categories: Sequence[str | None], names: Sequence[str]) -> NDArray[np.int64]:
    code_of = {name: code for code, name in enumerate(names)}
    return np.array([-1 if name is None else code_of[name] for name in categories], np.int64)


def _draw(item_ids: Sequence[str], n: int, rng: np.random.Generator) -> list[str]:
    return [item_ids[i] for i in rng.permutation(len(item_ids))[:n]]


def _facts(shop: Shop, label: str | None, names: Sequence[str]) -> list[tuple[str, str]]:
    info = shop.info()
    facts = [
        ("Items", f"{info.items:,}"),
        ("Encoder", info.encoder),
        ("Dimensions", f"{info.dimensions:,}"),
        ("Distance", info.distance),
    ]
    if label is not None:
        by = "" if label == "category" else f", by {label}"
        facts.append((f"Categories{by}", f"{len(names):,}"))
    return facts


def _notes(
    shop: Shop, label: str | None, names: Sequence[str], codes: NDArray[np.int64]
) -> list[str]:
    """Say what is left out for want of categories."""
    if label is None:
        return [
            f"The items of {shop.name} have no attribute called category, and no other was named "
            "as the label. Left out for that: the figures and their baselines, the panels by "
            "category, the confusions and the tables."
        ]
    known = int((codes >= 0).sum())
    if known < 2:
        return [
            f"{known} items have a {label}, which is too few to measure. Left out for that: the "
            "figures and their baselines, the confusions and the tables."
        ]
    if known < len(codes):
        return [f"{len(codes) - known:,} items have no {label}; the figures leave them out."]
    return []


def _panels(
    names: Sequence[str],
    codes: NDArray[np.int64],
    item_ids: Sequence[str],
    classes: Classes | None,
    gallery: Gallery,
    rng: np.random.Generator,
) -> list[Panel]:
    """Return the panels of the largest categories, in the order of their names."""
    recall = {row.name: row.recall for row in classes.rows if row.support} if classes else {}
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    largest = np.argsort(-counts, kind="stable")[:MAX_PANELS]
    panels = []
    for code in sorted(largest.tolist()):
        members = rng.permutation(np.flatnonzero(codes == code))[:N_PANEL_CARDS]
        cards = gallery.cards([item_ids[i] for i in members])
        name = names[code]
        panels.append(Panel(code, name, int(counts[code]), recall.get(name), cards))
    return panels


def _map(
    encoder: Encoder,
    vectors: NDArray[np.float32],
    item_ids: Sequence[str],
    codes: NDArray[np.int64],
    gallery: Gallery,
    rng: np.random.Generator,
) -> Map:
    chosen = np.sort(rng.permutation(len(vectors))[:MAX_POINTS])
    # Two dimensions are shown as they are; more as the distance sees them, all of one length
    # where it is the cosine.
    seen = encoder.distance_.prepare(vectors) if vectors.shape[1] > 2 else vectors
    points, how = project(seen, chosen, int(rng.integers(2**31)))
    ids = [item_ids[i] for i in chosen]
    pictures = gallery.hover_pictures(ids)
    missing = sum(picture is None for picture in pictures)
    if missing:
        how += f" {missing:,} items show no picture: the shop keeps none, or the file is full."
    return Map(points, ids, codes[chosen], pictures, how)


def _neighbours(shop: Shop, gallery: Gallery, item_ids: Sequence[str]) -> list[Neighbours]:
    return [
        Neighbours(
            gallery.card(item_id),
            [gallery.card(hit.id, hit.similarity) for hit in shop.similar(item_id, N_HITS)],
        )
        for item_id in item_ids
    ]


def _reconstructions(shop: Shop, item_ids: Sequence[str]) -> list[tuple[PagePicture, PagePicture]]:
    """Return what went into the encoder beside what came out, for encoders that can rebuild."""
    reconstruct: Any = getattr(shop.encoder, "reconstruct", None)
    if reconstruct is None:
        return []
    pictures = [picture for picture in shop.pictures(item_ids) if picture is not None]
    if not pictures:
        return []
    originals = shop.encoder.preprocessing_.stack(pictures)
    if originals.shape[-1] == 1:
        originals = originals[..., 0]  # grey pictures have two axes
    return [
        (from_array(original), from_array(rebuilt))
        for original, rebuilt in zip(originals, reconstruct(originals), strict=True)
    ]
