"""Search by photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, ValidationError
from starlette.types import Receive, Scope, Send

from vitrine.service.answers import Json
from vitrine.service.api.items import check_at_most
from vitrine.service.describing import PhotoHits, problems
from vitrine.service.forms import Form, read_form
from vitrine.service.state import State, state_of


class _DirectRoute(APIRoute):
    """A route that FastAPI describes and does not stand in the way of.

    Its function is given the request and nothing else: neither arguments nor dependencies are
    worked out, which takes FastAPI longer than reading the form.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            response: Response = await endpoint(Request(scope, receive))
            await response(scope, receive, send)

        self.app = answer


router = APIRouter(prefix="/api", tags=["search"], route_class=_DirectRoute)

MAX_CONDITIONS = 50


class PhotoForm(BaseModel):
    """What is asked for beside the photo."""

    k: Annotated[int, Field(ge=1)] = 12
    where: Annotated[list[str] | None, Field(max_length=MAX_CONDITIONS)] = None
    diversity: Annotated[float, Field(ge=0, le=1)] = 0.0
    collapse: bool = True


_PICTURE = {
    "type": "string",
    "contentMediaType": "application/octet-stream",
    "description": "A photo.",
}
_FORM = PhotoForm.model_json_schema()
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": _FORM
                | {"properties": {"picture": _PICTURE} | _FORM["properties"]}
                | {"required": ["picture"]}
            }
        },
    }
}


@router.post(
    "/search",
    response_model=PhotoHits,
    responses=problems("bad-picture", "bad-value", "too-large", "too-slow-to-arrive", "malformed"),
    openapi_extra=_BODY,
)
async def search(request: Request) -> Response:
    """List the items most similar to a photo, and say what the encoder takes it for."""
    state = await state_of(request)
    form = await read_form(request, max_files=1, max_texts=2 * MAX_CONDITIONS)
    asked = _asked(form)
    if "picture" not in form.files:
        said = "a photo is needed: send multipart/form-data with a file in the field picture"
        missing = {"loc": ("body", "picture"), "msg": said}
        raise RequestValidationError([missing])
    check_at_most("k", asked.k, state.settings.max_k)
    return Json(await state.run_heavy(_search, state, form.files["picture"][0], asked))


def _asked(form: Form) -> PhotoForm:
    given: dict[str, Any] = {
        name: text for name in ("k", "diversity", "collapse") if (text := form.text(name))
    }
    if "where" in form.texts:
        given["where"] = form.texts["where"]
    try:
        return PhotoForm.model_validate(given)
    except ValidationError as error:
        wrong = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(wrong) from error


def _search(state: State, content: bytes, asked: PhotoForm) -> dict[str, Any]:
    found = state.shop.search_photo(
        content,
        asked.k,
        asked.where,
        diversity=asked.diversity,
        collapse=asked.collapse,
        limits=state.limits,
    )
    known = found.recognised
    recognised = known and {
        "attribute": state.shop.info().label,
        "value": known.value,
        "confidence": known.confidence,
    }
    return {"hits": found.hits, "recognised": recognised}
