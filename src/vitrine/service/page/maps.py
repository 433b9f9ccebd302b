"""The map of all items."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from vitrine.catalogue.items import Value
from vitrine.errors import InputError
from vitrine.service.answers import Json
from vitrine.service.page.cards import label_of
from vitrine.service.page.links import plain
from vitrine.service.page.map_making import ids_of
from vitrine.service.page.memory import memory_of
from vitrine.service.page.rendering import View, page
from vitrine.service.state import StateOf
from vitrine.shop import Shop

N_COLOURS = 20
OTHER = "other"

router = APIRouter()


@router.get("/map")
async def show(request: Request, state: StateOf) -> Response:
    """Show the map."""
    return await page(request, state, lambda: _show(state.shop))


@router.get("/map/points")
async def points(request: Request, state: StateOf) -> Response:
    """Return every item's place, as `map_making.pack` writes it; 202 while it is drawn."""
    return await state.run(_points, state.shop, request.headers.get("if-none-match"))


@router.get("/map/colours")
async def colours(state: StateOf, by: str) -> Response:
    """Return what the map's items are coloured by, in the order of its points."""
    return Json(await state.run(_colours, state.shop, by))


def _show(shop: Shop) -> View:
    memory_of(shop).map.get(shop.info().change_number)  # begins to draw it
    names = [
        f.name
        for f in shop.browsing.facets(most=1)
        if f.distinct > 1 and _shows(f.type, f.distinct)
    ]
    label = label_of(shop)
    names.sort(key=lambda name: name != label)
    return "map.html", {"names": names, "total": len(shop)}


def _shows(kind: str, distinct: int) -> bool:
    return kind != "text" or distinct <= 1_000


def _points(shop: Shop, known: str | None) -> Response:
    kept, number = memory_of(shop).map, shop.info().change_number
    made = kept.get(number)
    if made is None:
        return Json({"failure": kept.failure}, 202)
    tag = f'"map-{made.change_number}-{int(made.draft)}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "X-Redrawing": str(kept.running).lower()}
    if known == tag:
        return Response(status_code=304, headers=headers)
    return Response(made.content, 200, headers, "application/octet-stream")


def _colours(shop: Shop, name: str) -> dict[str, Any]:
    if name not in shop.schema:
        raise InputError(f"there is no attribute {name!r} to colour by")
    made = memory_of(shop).map.get(shop.info().change_number)
    ids = [] if made is None else ids_of(made.content)
    known = dict(zip(shop.item_ids, shop.values(name), strict=False))
    values = [known.get(item_id) for item_id in ids]
    kind = shop.schema[name]
    if kind in ("integer", "number", "date") and len(set(values)) > N_COLOURS:
        return _scale(values)
    return _categories(values)


def _categories(values: list[Value]) -> dict[str, Any]:
    """Return codes into names, the most frequent first; −1 where an item has no value."""
    texts = [None if value is None else plain(value) for value in values]
    common = Counter(text for text in texts if text is not None).most_common()
    names = [text for text, _ in common[: N_COLOURS if len(common) <= N_COLOURS else N_COLOURS - 1]]
    if len(names) < len(common):
        names.append(OTHER)
    code_of = {name: code for code, name in enumerate(names)}
    last = len(names) - 1
    codes = [-1 if text is None else code_of.get(text, last) for text in texts]
    return {"kind": "categories", "names": names, "codes": codes}


def _scale(values: list[Value]) -> dict[str, Any]:
    """Return numbers, None where there is none, and the ends of the scale in words.

    The scale ends at the 2nd and 98th hundredth, so that one dear item does not make all others
    look alike.
    """
    numbers = [v.timestamp() if isinstance(v, datetime) else v for v in values]
    there = np.array([number for number in numbers if number is not None], float)
    low, high = np.percentile(there, [2, 98]).tolist()
    dates = any(isinstance(value, datetime) for value in values)
    ends = [
        datetime.fromtimestamp(n).date().isoformat() if dates else f"{n:.4g}" for n in (low, high)
    ]
    return {"kind": "scale", "values": numbers, "low": low, "high": high, "ends": ends}
