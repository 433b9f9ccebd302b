"""Search by photo."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Response, UploadFile

from vitrine.service.answers import Json
from vitrine.service.state import StateOf

router = APIRouter(prefix="/api", tags=["search"])


@router.post("/search")
async def search(
    state: StateOf,
    picture: Annotated[UploadFile, File(description="A photo.")],
    k: Annotated[int, Form(ge=1)] = 12,
    where: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """List the items most similar to a photo."""
    content = await picture.read()
    return Json({"hits": await state.run(state.shop.similar, content, k, where)})
