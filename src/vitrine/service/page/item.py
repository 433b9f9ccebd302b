"""One item: large, its attributes, what is like it and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from vitrine.catalogue.items import Value
from vitrine.errors import PictureError
from vitrine.service.answers import Json
from vitrine.service.page.browse import Where, say
from vitrine.service.page.cards import LARGE_SIZE, Card, Naming, cards, price_attribute
from vitrine.service.page.links import (
    as_expression,
    conditions,
    expression,
    human,
    item_url,
    picture_url,
    shown,
)
from vitrine.service.page.memory import memory_of
from vitrine.service.page.occlusion import Occlusion, occlude
from vitrine.service.page.rendering import View, page
from vitrine.service.page.words import Likeness, shared
from vitrine.service.state import State, StateOf
from vitrine.shop import Shop
from vitrine.shop.browsing import ShopItem
from vitrine.shop.results import Hit

N_SIMILAR = 18
VARIED = 0.5
MOST_SIMILAR = 90
MOST_SHOTS = 8
MOST_WISHES = 8

router = APIRouter()


@dataclass(frozen=True)
class Match:
    """A similar item: its card, how alike in words, what it shares, its near doubles."""

    card: Card
    likeness: Likeness
    shared: list[tuple[str, str]]
    n_same: int


@router.get("/item")
async def item(
    request: Request,
    state: StateOf,
    id_: Annotated[str, Query(alias="id")] = "",
    where: Where = None,
    k: str = "",
    varied: bool = False,
) -> Response:
    """Show one item."""
    return await page(request, state, lambda: _item(state, id_, where, k, varied))


@router.get("/item/heat")
async def heat(state: StateOf, id_: Annotated[str, Query(alias="id")], like: str) -> Response:
    """Return which parts of two items' pictures carry their similarity."""
    return Json(await state.run_heavy(_heat, state.shop, id_, like))


def _item(state: State, item_id: str, where: list[str] | None, k: str, varied: bool) -> View:
    shop = state.shop
    found = shop.browsing.item(item_id)
    chosen = conditions(where, shop.schema)
    filters = [as_expression(condition) for condition in chosen]
    wanted = min(int(k), MOST_SIMILAR) if k.isdigit() and int(k[:6]) > 0 else N_SIMILAR
    diversity = VARIED if varied else 0.0
    hits = shop.similar(item_id, wanted, filters or None, diversity=diversity, collapse=True)
    also = {"varied": "true"} if varied else {}
    more = len(hits) == wanted < MOST_SIMILAR
    naming = Naming.of(shop)
    return "item.html", {
        "item": found,
        "name": naming.name(found),
        "shots": _shots(shop, item_id),
        "facts": [
            (human(name), shown(value))
            for name, value in found.attributes.items()
            if name != naming.title
        ],
        "example": example_of([found], naming),
        "wishes": _wishes(shop, found, filters, also),
        "matches": matches(state, found.attributes, hits),
        "where": filters,
        "filter_text": " and ".join(filters),
        "chips": [
            (say(c), item_url(item_id, [f for f in filters if f != as_expression(c)], **also))
            for c in chosen
        ],
        "further": item_url(item_id, filters, k=min(wanted * 2, MOST_SIMILAR), **also)
        if more
        else None,
        "varied": varied,
        "other_way": item_url(item_id, filters, varied=None if varied else "true"),
        "n_others": len(shop) - 1,
    }


def matches(state: State, attributes: dict[str, Value], hits: Sequence[Hit]) -> list[Match]:
    """Return hits as they are shown beside an item with these attributes."""
    yardstick = memory_of(state.shop).yardstick(state.shop)
    shown = cards(state.shop, hits)
    return [
        Match(
            card, yardstick.read(hit.similarity), shared(attributes, hit.attributes), len(hit.same)
        )
        for card, hit in zip(shown, hits, strict=True)
    ]


def example_of(found: Sequence[ShopItem | Hit], naming: Naming) -> str:
    """Return a filter that one might type, from what the first of some items has; else nothing."""
    if not found:
        return ""
    attributes = found[0].attributes.items()
    named = ((n, v) for n, v in attributes if v is not None and n != naming.title)
    return next((expression(name, "=", value) for name, value in named), "")


def _shots(shop: Shop, item_id: str) -> list[str]:
    """Return the addresses of an item's pictures, large."""
    if not shop.have_pictures([item_id]):
        return []
    count = min(shop.picture_counts([item_id])[item_id], MOST_SHOTS)
    others = [f"{picture_url(item_id, LARGE_SIZE)}&number={number}" for number in range(1, count)]
    return [picture_url(item_id, LARGE_SIZE), *others]


def _wishes(
    shop: Shop, found: ShopItem, filters: list[str], also: dict[str, str]
) -> list[tuple[str, str, bool]]:
    """Return what one may want different: (words, the item's page so filtered, whether it is)."""
    naming, schema, price = Naming.of(shop), shop.schema, price_attribute(shop.schema)
    wanted: list[tuple[str, str]] = []
    for facet in shop.browsing.facets():
        value = found.attributes.get(facet.name)
        if value is None or facet.name == naming.title or facet.distinct < 2:
            continue
        name, kind = facet.name, schema[facet.name]
        if name == price:
            wanted.insert(0, ("cheaper", expression(name, "<", value)))
        elif kind in ("integer", "number"):
            wanted += [(f"lower {human(name)}", expression(name, "<", value)),
                       (f"higher {human(name)}", expression(name, ">", value))]  # fmt: skip
        elif kind == "date":
            wanted.append((f"newer, by {human(name)}", expression(name, ">", value)))
        elif kind == "text" and facet.distinct <= max(200, facet.items // 5):
            wanted += [(f"another {human(name)}", expression(name, "!=", value)),
                       (f"the same {human(name)}", expression(name, "=", value))]  # fmt: skip
    return [_wish(found.id, words, one, filters, also) for words, one in wanted[:MOST_WISHES]]


def _wish(
    item_id: str, words: str, one: str, filters: list[str], also: dict[str, str]
) -> tuple[str, str, bool]:
    on = one in filters
    rest = [other for other in filters if other != one]
    return words, item_url(item_id, rest if on else [*rest, one], **also), on


def _heat(shop: Shop, item_id: str, other_id: str) -> dict[str, object]:
    shop.browsing.item(item_id), shop.browsing.item(other_id)  # unknown ones are said to be so
    encoder = shop.encoder
    one, other = shop.pictures([item_id, other_id])
    if one is None or other is None:
        raise PictureError("one of the two items has no picture left to cover")
    vectors = encoder.transform([one, other])
    return {
        "pictures": [
            _heat_of(occlude(encoder, one, vectors[1]), picture_url(item_id, 480)),
            _heat_of(occlude(encoder, other, vectors[0]), picture_url(other_id, 480)),
        ]
    }


def _heat_of(occlusion: Occlusion, url: str) -> dict[str, object]:
    largest = float(occlusion.losses.max())
    shares = occlusion.losses / largest if largest > 0 else occlusion.losses
    return {
        "url": url,
        "shares": np.round(shares, 3).tolist(),
        "similarity": round(occlusion.similarity, 3),
        "lowest": round(occlusion.lowest, 3),
    }
