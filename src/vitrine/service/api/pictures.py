"""The items' small pictures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from vitrine.service.describing import ItemId, problems
from vitrine.service.state import StateOf
from vitrine.service.thumbnails import SIZES, format_of, size_of

router = APIRouter(tags=["pictures"])
FRESH_SECONDS = 300


@router.get(
    "/pictures/{item_id:path}",
    response_class=Response,
    responses={
        200: {"content": {"image/webp": {}, "image/jpeg": {}, "image/png": {}}},
        304: {"description": "The picture is still the one whose ETag was sent."},
        **problems("unknown-item", "no-picture", "bad-value"),
    },
)
async def picture(
    request: Request,
    state: StateOf,
    item_id: ItemId,
    size: Annotated[
        int,
        Query(
            ge=1,
            le=10_000,
            description=f"Longer side in pixels; made are {', '.join(map(str, SIZES))}.",
        ),
    ] = 160,
    number: Annotated[int, Query(ge=0, le=1_000, description="Which picture, from 0.")] = 0,
) -> Response:
    """Return one of an item's pictures, small: WebP for whoever accepts it, else JPEG.

    Tiny pictures (up to 64 pixels) stay as they are, without loss.
    """
    longest, chosen = size_of(size), format_of(request.headers.get("accept", ""))
    tag = await state.run(state.thumbnails.tag, item_id, longest, chosen, number)
    who = "public" if state.settings.public_read else "private"
    headers = {
        "ETag": f'"{tag}"',
        "Cache-Control": f"{who}, max-age={FRESH_SECONDS}",
        "Vary": "Accept",
    }
    if f'"{tag}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    made = await state.run_heavy(state.thumbnails.get, item_id, longest, chosen, number, tag)
    return Response(made.content, media_type=made.media_type, headers=headers)
