"""For you: what a user rated and should like, beside what everybody likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from vitrine.service.page.cards import Card, Naming, cards
from vitrine.service.page.links import item_url
from vitrine.service.page.memory import memory_of
from vitrine.service.page.rendering import View, page
from vitrine.service.state import State, StateOf
from vitrine.shop import Rated, Reason, Recommendation, Shop

N_PICKS = 12
N_HISTORY = 24

router = APIRouter()


@dataclass(frozen=True)
class Why:
    """A reason in words, and the item that it names."""

    words: str
    name: str = ""
    url: str = ""


@dataclass(frozen=True)
class Pick:
    """One recommended or rated item.

    Attributes
    ----------
    card : Card
    why : list of Why
    value : float or None
        The user's rating of it.
    """

    card: Card
    why: list[Why]
    value: float | None = None


@router.get("/you")
async def show(request: Request, state: StateOf, user: str = "") -> Response:
    """Show a user's history and picks, or what everybody likes."""
    signed_in = "authorization" in request.headers
    return await page(request, state, lambda: _show(state, user.strip(), signed_in))


def _show(state: State, user: str, signed_in: bool) -> View:
    shop = state.shop
    scale = memory_of(shop).scale(shop)
    shown = {
        "user": user,
        "scale": scale,
        "writable": bool(state.settings.keys.write),
        "signed_in": signed_in,
        "popular": _picks(shop, shop.ratings.popular(N_PICKS)) if scale.rated or user else [],
    }
    if not user:
        return "you.html", shown | {"history": [], "picks": [], "known": False, "n_history": 0}
    found = shop.recommend(user, N_PICKS)
    history = shop.ratings.history(user)
    return "you.html", shown | {
        "history": _history(shop, history[:N_HISTORY]),
        "n_history": len(history),
        "picks": _picks(shop, found.picks),
        "known": found.known,
        "model": found.model,
        "described": found.described,
    }


def _history(shop: Shop, history: Sequence[Rated]) -> list[Pick]:
    there = [rated for rated in history if rated.id in shop]
    return [
        Pick(card, [], rated.value) for card, rated in zip(cards(shop, there), there, strict=True)
    ]


def _picks(shop: Shop, found: Sequence[Recommendation]) -> list[Pick]:
    return [
        Pick(card, [_why(shop, reason) for reason in pick.reasons[:2]])
        for card, pick in zip(cards(shop, found), found, strict=True)
    ]


def _why(shop: Shop, reason: Reason) -> Why:
    if reason.kind == "popular" or reason.item_id is None:
        people = "person" if reason.value == 1 else "people"
        return Why(f"rated by {reason.value:,.0f} {people}")
    words = f"you rated {reason.value:g}:" if reason.kind == "rated" else "looks like"
    if reason.item_id not in shop:
        return Why(words, reason.item_id)
    name = Naming.of(shop).name(shop.browsing.item(reason.item_id))
    return Why(words, name, item_url(reason.item_id))
