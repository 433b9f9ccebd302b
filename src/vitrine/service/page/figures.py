"""The evaluation, drawn."""

from __future__ import annotations

import json

from fastapi import APIRouter, Request, Response

from vitrine.service.page.cards import label_of
from vitrine.service.page.memory import memory_of
from vitrine.service.page.rendering import View, page
from vitrine.service.state import StateOf
from vitrine.shop import Shop

router = APIRouter()


@router.get("/figures")
async def show(request: Request, state: StateOf, again: bool = False) -> Response:
    """Show how good the similar items are, or that it is being measured."""
    return await page(request, state, lambda: _show(state.shop, again))


@router.get("/figures/charts")
async def charts(state: StateOf) -> Response:
    """Return the charts' data, as Plotly reads it."""
    content = await state.run(_charts, state.shop)
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-cache"})


def _show(shop: Shop, again: bool) -> View:
    label = label_of(shop)
    if label is None or len(shop) < 2:
        return "figures.html", {"state": "nothing", "label": label, "n_items": len(shop)}
    kept, number = memory_of(shop).figures, shop.info().change_number
    made = kept.get(number, renew=again)
    if made is None:
        state = "failed" if kept.failure else "waiting"
        return "figures.html", {"state": state, "failure": kept.failure, "n_items": len(shop)}
    figures = json.loads(made.content)
    return "figures.html", {
        "state": "measured",
        "figures": figures,
        "stale": made.change_number != number,
        "running": kept.running,
        "heights": {name: chart["layout"]["height"] for name, chart in figures["charts"].items()},
    }


def _charts(shop: Shop) -> bytes:
    made = memory_of(shop).figures.get(shop.info().change_number, renew=False)
    return json.dumps({} if made is None else json.loads(made.content)["charts"]).encode()
