"""The wall of all pictures, with its filters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from vitrine.catalogue.facets import Facet
from vitrine.catalogue.items import Value
from vitrine.catalogue.where import Condition
from vitrine.errors import FilterError
from vitrine.service.page.cards import Naming, cards
from vitrine.service.page.links import (
    as_expression,
    browse_url,
    conditions,
    expression,
    human,
    plain,
    shown,
)
from vitrine.service.page.rendering import View, page
from vitrine.service.state import State, StateOf
from vitrine.shop import Shop

PAGE_SIZE = 60
OPEN_FACETS = 6
"""Attributes whose values are shown at once; those of more attributes can be opened."""

MOST_VALUES = 12
MOST_MATCHING = 200
_RANGE = re.compile(r"(min|max)\.(.+)", re.DOTALL)

Where = Annotated[list[str] | None, Query()]
router = APIRouter()


@dataclass(frozen=True)
class Choice:
    """One value of an attribute, and the wall with or without it."""

    text: str
    count: int
    url: str
    chosen: bool


@dataclass(frozen=True)
class Filter:
    """One attribute that the wall can be filtered by.

    Attributes
    ----------
    name : str
    choices : list of Choice
    low, high : str
        The ends of a range, in words; empty for an attribute without one.
    chosen_low, chosen_high : str
        Where the filter has set them.
    kept : list of str
        The other conditions, which a form for the range keeps.
    kind : str
    more : int
        How many values are not listed.
    """

    name: str
    choices: list[Choice]
    low: str
    high: str
    chosen_low: str
    chosen_high: str
    kept: list[str]
    kind: str
    more: int


@router.get("/")
async def wall(
    request: Request,
    state: StateOf,
    where: Where = None,
    q: str = "",
    page_: Annotated[str, Query(alias="page")] = "1",
) -> Response:
    """Show the wall."""
    ranges = [(name, value) for name, value in request.query_params.multi_items()]
    return await page(
        request, state, lambda: _wall(state, where, ranges, q.strip(), _number(page_))
    )


def _wall(
    state: State,
    where: list[str] | None,
    asked: Sequence[tuple[str, str]],
    words: str,
    number: int,
) -> View:
    shop = state.shop
    chosen = conditions([*(where or []), *_ranges(asked)], shop.schema)
    filters = [as_expression(condition) for condition in chosen]
    found = shop.browsing.page(filters, words or None, page=number, size=PAGE_SIZE)
    facets = _facets(shop, chosen, words or None)
    following = browse_url(filters, words, page=number + 1) if number < found.pages else None
    return "browse.html", {
        "cards": cards(shop, found.items),
        "total": found.total,
        "all": len(shop),
        "number": number,
        "pages": found.pages,
        "following": following,
        "previous": browse_url(filters, words, page=number - 1) if number > 1 else None,
        "filters": _filters(shop, facets, chosen, words),
        "chips": _chips(chosen, words),
        "where": filters,
        "words": words,
        "open_facets": OPEN_FACETS,
    }


def _facets(shop: Shop, chosen: Sequence[Condition], words: str | None) -> list[Facet]:
    """Count the attributes' values: of a chosen attribute all, as if it were not chosen."""
    facets = {f.name: f for f in shop.browsing.facets([as_expression(c) for c in chosen], words)}
    for name in {condition.name for condition in chosen}:
        rest = [as_expression(condition) for condition in chosen if condition.name != name]
        facets |= {f.name: f for f in shop.browsing.facets(rest, words) if f.name == name}
    return list(facets.values())


def _ranges(asked: Sequence[tuple[str, str]]) -> list[str]:
    """Return the conditions that the forms of ranges ask for: ``min.price=10``."""
    found = []
    for name, value in asked:
        match = _RANGE.fullmatch(name)
        if match and value.strip():
            found.append(expression(match[2], ">=" if match[1] == "min" else "<=", value.strip()))
    return found


def _chips(chosen: Sequence[Condition], words: str) -> list[tuple[str, str]]:
    """Return what is filtered by, each with the wall without it."""
    every = [as_expression(condition) for condition in chosen]
    chips = [(f"“{words}”", browse_url(every))] if words else []
    for condition, one in zip(chosen, every, strict=True):
        rest = [other for other in every if other != one]
        chips.append((say(condition), browse_url(rest, words)))
    return chips


def say(condition: Condition) -> str:
    """Return a condition as people read it."""
    signs = {
        "=": ": ",
        "!=": ": not ",
        "<=": " up to ",
        ">=": " from ",
        "<": " under ",
        ">": " over ",
    }
    return f"{human(condition.name)}{signs[condition.operator]}{shown(condition.value)}"


def _filters(
    shop: Shop, facets: Sequence[Facet], chosen: Sequence[Condition], words: str
) -> list[Filter]:
    title = Naming.of(shop).title
    telling = [f for f in facets if f.name != title and _tells(f, chosen)]
    order = Naming.of(shop).under
    telling.sort(key=lambda f: order.index(f.name) if f.name in order else len(order))
    return [_filter(facet, chosen, words) for facet in telling]


def _tells(facet: Facet, chosen: Sequence[Condition]) -> bool:
    """Whether choosing among an attribute's values would help: not where each item has its own."""
    if any(condition.name == facet.name for condition in chosen):
        return True
    if facet.minimum is not None and facet.distinct > 1:
        return True
    return 1 < facet.distinct <= max(MOST_MATCHING, facet.items // 10) or (
        facet.distinct == 1 and facet.type == "boolean"
    )


def _filter(facet: Facet, chosen: Sequence[Condition], words: str) -> Filter:
    own = [condition for condition in chosen if condition.name == facet.name]
    kept = [as_expression(condition) for condition in chosen if condition.name != facet.name]
    ranged = facet.type in ("integer", "number", "date") and (
        facet.distinct > MOST_VALUES or bool(own)
    )
    equal = {plain(c.value) for c in own if c.operator == "="}
    choices = [] if ranged else _choices(facet.name, facet.values[:MOST_VALUES], equal, kept, words)
    low, high = (_end(facet.minimum), _end(facet.maximum)) if ranged else ("", "")
    set_low = next((plain(c.value) for c in own if c.operator in (">=", ">", "=")), "")
    set_high = next((plain(c.value) for c in own if c.operator in ("<=", "<", "=")), "")
    return Filter(
        facet.name, choices, low, high, set_low, set_high, kept, facet.type,
        0 if ranged else facet.distinct - len(facet.values[:MOST_VALUES]),
    )  # fmt: skip


def _choices(
    name: str, values: Sequence[tuple[Value, int]], equal: set[str], kept: list[str], words: str
) -> list[Choice]:
    choices = []
    for value, count in values:
        text = plain(value)
        on = text in equal
        wanted = kept if on else [*kept, expression(name, "=", value)]
        choices.append(Choice(shown(value), count, browse_url(wanted, words), on))
    return choices


def _end(value: Value) -> str:
    return "" if value is None else plain(value)


def _number(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text[:9]) <= 10**8:
        raise_at = text[:20]
        raise FilterError(f"page={raise_at}: pages are numbered from 1")
    return int(text[:9])
