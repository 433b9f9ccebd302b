"""Search by photo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, File, Form, Request, Response, UploadFile

from vitrine.errors import PictureError
from vitrine.service.page.browse import say
from vitrine.service.page.cards import label_of
from vitrine.service.page.item import matches
from vitrine.service.page.links import as_expression, conditions, plain
from vitrine.service.page.rendering import View, page
from vitrine.service.state import State, StateOf
from vitrine.shop.results import Hit

N_RESULTS = 24
N_VOTES = 12

router = APIRouter()


@router.get("/photo")
async def ask(request: Request, state: StateOf) -> Response:
    """Show where a photo can be given."""
    return await page(request, state, lambda: ("photo.html", {"matches": None, "filter_text": ""}))


@router.post("/photo")
async def find(
    request: Request,
    state: StateOf,
    picture: Annotated[UploadFile, File()],
    where: Annotated[str, Form()] = "",
) -> Response:
    """Show what is most like a photo."""
    content = await picture.read()
    return await page(request, state, lambda: _find(state, content, where))


def _find(state: State, content: bytes, where: str) -> View:
    if not content:
        raise PictureError("no photo came with the question; choose one")
    chosen = conditions([where], state.shop.schema)
    hits = state.shop.similar(content, N_RESULTS, [as_expression(c) for c in chosen] or None)
    votes = hits if not chosen else state.shop.similar(content, N_VOTES)
    return "photo.html", {
        "matches": matches(state, {}, hits),
        "filter_text": where,
        "filtered": ", ".join(say(condition) for condition in chosen),
        "recognised": _recognised(state, votes[:N_VOTES]),
    }


def _recognised(state: State, hits: Sequence[Hit]) -> str | None:
    """Say what the photo shows, by what most of the nearest items are."""
    label = label_of(state.shop)
    values = [plain(value) for hit in hits if (value := hit.attributes.get(label or ""))]
    if not values:
        return None
    [(most, count)] = Counter(values).most_common(1)
    if count * 2 < len(values):
        return f"Hard to tell: {count} of the {len(values)} nearest are {most}."
    return f"Looks like {most}: so are {count} of the {len(values)} nearest."
