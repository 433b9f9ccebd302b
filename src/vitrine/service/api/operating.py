"""What operators ask: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from fastapi import APIRouter, Response

from vitrine.service.answers import Json
from vitrine.service.describing import problems
from vitrine.service.problems import Refusal
from vitrine.service.state import State, StateOf

router = APIRouter(tags=["operating"])
STALE_SECONDS = 15.0


@router.get("/healthz")
async def alive() -> Response:
    """Say that the process answers."""
    return Json({"status": "alive"})


@router.get("/readyz", responses=problems("shop-unavailable"))
async def ready(state: StateOf) -> Response:
    """Say that the shop is open, searched quickly and followed: what others write is seen."""
    behind = state.shop.seconds_behind
    if behind > STALE_SECONDS:
        raise Refusal("shop-unavailable", f"the database was last read {behind:.0f} s ago")
    if state.shop.settling:
        raise Refusal("shop-unavailable", "the index of its items is being trained")
    return Json({"status": "ready"})


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **problems()},
)
async def metrics(state: StateOf) -> Response:
    """Return counts and times in Prometheus' text format."""
    text = await state.run(_metrics, state)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _metrics(state: State) -> bytes:
    info = state.shop.info()
    behind = state.shop.seconds_behind
    state.meter.shop(info.items, info.change_number, behind, info.encoder)
    return state.meter.text()
