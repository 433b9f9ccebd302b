"""Items: browse, look at one, find similar ones."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from vitrine.service.answers import Json
from vitrine.service.state import StateOf

router = APIRouter(prefix="/api", tags=["items"])

Where = Annotated[
    list[str] | None, Query(description='Only items like this: "category=shoes and price<50".')
]
Words = Annotated[str | None, Query(description="An item's id, or words of its text.")]


@router.get("/catalogue")
async def catalogue(state: StateOf, where: Where = None, q: Words = None) -> Response:
    """Say what is in the shop: count, attributes with counts and ranges, encoder."""
    facets = await state.run(state.shop.browsing.facets, where, q)
    return Json({"facets": facets})


@router.get("/items")
async def browse(
    state: StateOf,
    where: Where = None,
    q: Words = None,
    page: Annotated[int, Query(ge=1)] = 1,
    size: Annotated[int, Query(ge=1)] = 48,
) -> Response:
    """Browse, filter, and find by id or by words."""
    return Json(await state.run(state.shop.browsing.page, where, q, page=page, size=size))


@router.get("/items/{item_id:path}/similar")
async def similar(
    state: StateOf,
    item_id: str,
    k: Annotated[int, Query(ge=1)] = 12,
    where: Where = None,
) -> Response:
    """List the items most similar to one."""
    return Json({"hits": await state.run(state.shop.similar, item_id, k, where)})


@router.get("/items/{item_id:path}")
async def item(state: StateOf, item_id: str) -> Response:
    """Return one item."""
    return Json(await state.run(state.shop.browsing.item, item_id))
