"""Search by photo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response

from vitrine.errors import PictureError
from vitrine.service.forms import read_form
from vitrine.service.page.browse import say
from vitrine.service.page.cards import Naming, label_of
from vitrine.service.page.item import example_of, matches
from vitrine.service.page.links import as_expression, conditions, shown
from vitrine.service.page.rendering import View, page
from vitrine.service.state import State, StateOf
from vitrine.shop.results import Hit, Recognised

N_RESULTS = 24
N_VOTES = 12

router = APIRouter()


@router.get("/photo")
async def ask(request: Request, state: StateOf) -> Response:
    """Show where a photo can be given."""
    return await page(request, state, lambda: _blank(state))


@router.post("/photo")
async def find(request: Request, state: StateOf) -> Response:
    """Show what is most like a photo."""
    form = await read_form(request, max_files=10, max_texts=100)
    content, where = form.files.get("picture", [b""])[0], form.text("where")
    return await page(request, state, lambda: _find(state, content, where), heavy=True)


def _blank(state: State) -> View:
    example = example_of(state.shop.browsing.page(size=1).items, Naming.of(state.shop))
    return "photo.html", {"matches": None, "filter_text": "", "example": example}


def _find(state: State, content: bytes, where: str) -> View:
    if not content:
        raise PictureError("no photo came with the question; choose one")
    chosen = conditions([where], state.shop.schema)
    filters = [as_expression(condition) for condition in chosen]
    found = state.shop.search_photo(
        content, N_RESULTS, filters or None, collapse=True, limits=state.limits
    )
    return "photo.html", {
        "matches": matches(state, {}, found.hits),
        "filter_text": where,
        "example": example_of(found.hits, Naming.of(state.shop)),
        "filtered": ", ".join(say(condition) for condition in chosen),
        "recognised": _recognised(
            state, found.recognised, found.hits[:N_VOTES] if not chosen else []
        ),
    }


def _recognised(state: State, recognised: Recognised | None, hits: Sequence[Hit]) -> str | None:
    """Say what the photo shows: by the encoder that knows, or by what most of the nearest are."""
    if recognised is not None:
        return f"Looks like {shown(recognised.value)}, with {recognised.confidence:.0%} confidence."
    label = label_of(state.shop)
    values = [shown(value) for hit in hits if (value := hit.attributes.get(label or ""))]
    if not values:
        return None
    [(most, count)] = Counter(values).most_common(1)
    if count * 2 < len(values):
        return f"Hard to tell: {count} of the {len(values)} nearest are {most}."
    return f"Looks like {most}: so are {count} of the {len(values)} nearest."
