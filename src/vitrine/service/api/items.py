"""Items: what is there, browse, look at one, find similar ones."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from vitrine import __version__
from vitrine.errors import OptionError
from vitrine.service.answers import Json
from vitrine.service.describing import (
    CatalogueAnswer,
    Collapse,
    Count,
    Diversity,
    Hits,
    ItemId,
    ItemPage,
    OneItem,
    Where,
    Words,
    problems,
)
from vitrine.service.state import State, StateOf

router = APIRouter(prefix="/api", tags=["items"])
MAX_PAGE = 1_000_000


@router.get(
    "/items/{item_id:path}/similar",
    response_model=Hits,
    responses=problems("unknown-item", "bad-value"),
)
async def similar(
    state: StateOf,
    item_id: ItemId,
    k: Count = 12,
    where: Where = None,
    diversity: Diversity = 0.0,
    collapse: Collapse = True,
) -> Response:
    """List the items most similar to one, nearest first."""
    check_at_most("k", k, state.settings.max_k)
    hits = await state.run(
        state.shop.similar, item_id, k, where, diversity=diversity, collapse=collapse
    )
    return Json({"hits": hits})


@router.get("/catalogue", response_model=CatalogueAnswer, responses=problems("bad-value"))
async def catalogue(state: StateOf, where: Where = None, q: Words = None) -> Response:
    """Say what is in the shop: count, attributes with counts and ranges, encoder, version.

    With a filter or words the counts and ranges are those of the items that they allow.
    """
    return Json(await state.run(_catalogue, state, where, q))


@router.get("/items", response_model=ItemPage, responses=problems("bad-value"))
async def browse(
    state: StateOf,
    where: Where = None,
    q: Words = None,
    page: Annotated[int, Query(ge=1, le=MAX_PAGE, description="From 1.")] = 1,
    size: Annotated[int, Query(ge=1, description="Items a page.")] = 48,
    sort: Annotated[
        str | None,
        Query(max_length=200, description="An attribute; -price: the highest first."),
    ] = None,
) -> Response:
    """Browse, filter, and find by id or by words."""
    check_at_most("size", size, state.settings.max_page_size)
    find = state.shop.browsing.page
    return Json(await state.run(find, where, q, page=page, size=size, sort=sort))


@router.get("/items/{item_id:path}", response_model=OneItem, responses=problems("unknown-item"))
async def item(state: StateOf, item_id: ItemId) -> Response:
    """Return one item."""
    return Json(await state.run(_item, state, item_id))


def check_at_most(name: str, value: int, most: int) -> None:
    """Raise `OptionError` where a number is over what the service allows."""
    if value > most:
        raise OptionError(f"{name}={value}: this service gives {most} at most")


def _catalogue(state: State, where: list[str] | None, q: str | None) -> dict[str, Any]:
    info = state.shop.info()
    found = state.shop.browsing.page(where, q, size=1).total
    return {
        "name": info.name,
        "items": info.items,
        "found": found,
        "attributes": info.attributes,
        "facets": state.shop.browsing.facets(where, q),
        "encoder": {
            "kind": info.encoder,
            "dimensions": info.dimensions,
            "distance": info.distance,
        },
        "label": info.label,
        "change_number": info.change_number,
        "version": __version__,
    }


def _item(state: State, item_id: str) -> dict[str, Any]:
    found = state.shop.browsing.item(item_id)
    counts = state.shop.picture_counts([item_id])
    return {
        "id": found.id,
        "attributes": found.attributes,
        "pictures": counts.get(item_id, 0),
    }
