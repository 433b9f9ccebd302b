"""Search by photo."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Response, UploadFile

from vitrine.service.answers import Json
from vitrine.service.api.items import check_at_most
from vitrine.service.describing import PhotoHits, problems
from vitrine.service.state import State, StateOf

router = APIRouter(prefix="/api", tags=["search"])


@router.post(
    "/search",
    response_model=PhotoHits,
    responses=problems("bad-picture", "bad-value", "too-large", "too-slow-to-arrive", "malformed"),
)
async def search(
    state: StateOf,
    picture: Annotated[UploadFile, File(description="A photo.")],
    k: Annotated[int, Form(ge=1)] = 12,
    where: Annotated[list[str] | None, Form(max_length=50)] = None,
    diversity: Annotated[float, Form(ge=0, le=1)] = 0.0,
    collapse: Annotated[bool, Form()] = True,
) -> Response:
    """List the items most similar to a photo, and say what the encoder takes it for."""
    check_at_most("k", k, state.settings.max_k)
    content = await picture.read()
    found = await state.run_heavy(_search, state, content, k, where, diversity, collapse)
    return Json(found)


def _search(
    state: State,
    content: bytes,
    k: int,
    where: list[str] | None,
    diversity: float,
    collapse: bool,
) -> dict[str, Any]:
    found = state.shop.search_photo(
        content, k, where, diversity=diversity, collapse=collapse, limits=state.limits
    )
    known = found.recognised
    recognised = known and {
        "attribute": state.shop.info().label,
        "value": known.value,
        "confidence": known.confidence,
    }
    return {"hits": found.hits, "recognised": recognised}
