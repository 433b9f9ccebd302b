"""The items' small pictures."""

from __future__ import annotations

from fastapi import APIRouter, Response

from vitrine.errors import UnknownItemError
from vitrine.service.state import StateOf

router = APIRouter(tags=["pictures"])


@router.get("/pictures/{item_id:path}")
async def picture(state: StateOf, item_id: str, size: int = 160) -> Response:
    """Return an item's picture, small."""
    [content] = await state.run(state.shop.thumbnails, [item_id])
    if content is None:
        raise UnknownItemError(f"there is no picture of an item {item_id!r}")
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return Response(content, media_type=f"image/{kind}")
