"""Users: what is recommended to them, and what they rate."""

from __future__ import annotations

from time import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field

from vitrine.service.answers import Json
from vitrine.service.api.items import check_at_most
from vitrine.service.describing import Count, InteractionsAnswer, Picks, UserId, Where, problems
from vitrine.service.state import State, StateOf

router = APIRouter(prefix="/api", tags=["users"])


class Interaction(BaseModel):
    """One user's rating of one item; without a value it says that the user took it."""

    user_id: str | int
    item_id: str | int
    value: float = 1.0
    timestamp: int | None = Field(None, description="Seconds since 1970; by default now.")


class Interactions(BaseModel):
    """Several ratings."""

    interactions: list[Interaction] = Field(min_length=1, max_length=10_000)


@router.get(
    "/users/{user_id:path}/recommendations",
    response_model=Picks,
    responses=problems("bad-value"),
)
async def recommendations(
    state: StateOf,
    user_id: UserId,
    k: Count = 12,
    where: Where = None,
    exclude_seen: Annotated[bool, Query(description="Leave out what the user rated.")] = True,
) -> Response:
    """List what a user should like most, each with its reasons; a stranger gets popular ones."""
    check_at_most("k", k, state.settings.max_k)
    return Json(await state.run(state.shop.recommend, user_id, k, where, exclude_seen))


@router.post(
    "/interactions",
    response_model=InteractionsAnswer,
    responses=problems("bad-value", "forbidden", "too-large", "malformed"),
)
async def interactions(state: StateOf, given: Annotated[Interactions, Body()]) -> Response:
    """Add or replace ratings; they are on disk when this answers, and count at once."""
    return Json(await state.run(_rate, state, given))


def _rate(state: State, given: Interactions) -> dict[str, Any]:
    now = int(time())
    rows = [
        (one.user_id, one.item_id, one.value, now if one.timestamp is None else one.timestamp)
        for one in given.interactions
    ]
    result = state.shop.ratings.rate_many(rows)
    return {
        "added": result.added,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "refused": [{"number": r.row, "reason": r.reason} for r in result.rejected],
    }
