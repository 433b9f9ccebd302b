"""Writing items: put one, a batch, remove one."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import FormData, UploadFile

from vitrine.errors import UnknownItemError
from vitrine.service.answers import Json
from vitrine.service.describing import (
    ItemAnswer,
    ItemId,
    ItemsAnswer,
    Value,
    problems,
)
from vitrine.service.problems import Refusal
from vitrine.service.state import State, StateOf
from vitrine.shop.receiving import NewItem, Received

router = APIRouter(prefix="/api", tags=["writing"])
MAX_PICTURES = 10

_Base64 = Annotated[str, Field(description="A picture's file in base64.")]


class ItemBody(BaseModel):
    """An item as it shall be; without pictures it keeps those that it has."""

    model_config = ConfigDict(extra="forbid")

    attributes: dict[str, Value] = Field(default_factory=dict)
    picture: _Base64 | None = None
    pictures: list[_Base64] = Field(default_factory=list, max_length=MAX_PICTURES)


class BatchItem(ItemBody):
    """One item of several."""

    id: str


class Batch(BaseModel):
    """Several items."""

    model_config = ConfigDict(extra="forbid")

    items: list[BatchItem] = Field(min_length=1)


_PUT_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": ItemBody.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "attributes": {"type": "string", "description": "A JSON object."},
                        "picture": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                        },
                    },
                }
            },
        },
    }
}
_WRITING = ("bad-value", "bad-picture", "forbidden", "too-large", "too-slow-to-arrive", "malformed")


@router.put(
    "/items/{item_id:path}",
    response_model=ItemAnswer,
    responses={
        201: {"model": ItemAnswer, "description": "The item is new."},
        **problems(*_WRITING),
    },
    openapi_extra=_PUT_BODY,
)
async def put_item(request: Request, state: StateOf, item_id: ItemId) -> Response:
    """Add an item or replace it, as JSON (pictures in base64) or as a form with files.

    The answer comes when it is stored; every search finds it within a second.
    """
    item = await _read(request, state, item_id)
    [received] = await state.run_heavy(state.shop.receive, [item], state.limits)
    if received.status == "refused":
        kind = "bad-picture" if item.pictures else "bad-value"
        raise Refusal(kind, f"the item {item_id!r} is refused: {received.reason}")
    return Json(_answer(received), 201 if received.status == "added" else 200)


@router.post("/items", response_model=ItemsAnswer, responses=problems(*_WRITING))
async def put_items(state: StateOf, batch: Annotated[Batch, Body()]) -> Response:
    """Add or replace several items; each is taken or refused by itself."""
    most = state.settings.max_batch
    if len(batch.items) > most:
        raise Refusal("too-large", f"{len(batch.items)} items, and {most} may come at once")
    return Json({"results": await state.run_heavy(_put_items, state, batch)})


@router.delete(
    "/items/{item_id:path}",
    status_code=204,
    responses=problems("unknown-item", "forbidden"),
)
async def delete_item(state: StateOf, item_id: ItemId) -> Response:
    """Remove an item; no search finds it any more."""
    if not await state.run(state.shop.remove, [item_id]):
        raise UnknownItemError(f"there is no item {item_id!r}")
    return Response(status_code=204)


async def _read(request: Request, state: State, item_id: str) -> NewItem:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with request.form(max_files=MAX_PICTURES, max_fields=20) as form:
            return await _from_form(form, item_id)
    if kind not in ("application/json", ""):
        raise Refusal(
            "malformed", f"Content-Type {kind}: send application/json or multipart/form-data"
        )
    content = await request.body()
    return await state.run_heavy(_from_json, content, item_id)


async def _from_form(form: FormData, item_id: str) -> NewItem:
    files = [part for part in form.getlist("picture") if isinstance(part, UploadFile)]
    pictures = [await file.read() for file in files]
    given = form.get("attributes") or "{}"
    if isinstance(given, UploadFile):
        raise Refusal("bad-value", "attributes: a JSON object as text, not a file")
    item = _from_json(b'{"attributes": ' + given.encode("utf-8", "replace") + b"}", item_id)
    return NewItem(item_id, item.attributes, pictures)


def _from_json(content: bytes, item_id: str) -> NewItem:
    try:
        body = ItemBody.model_validate(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise Refusal("malformed", f"the body is not JSON: {error}") from error
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise Refusal("bad-value", said) from error
    return _new_item(item_id, body)


def _new_item(item_id: str, body: ItemBody) -> NewItem:
    given = body.pictures if body.picture is None else [body.picture, *body.pictures]
    return NewItem(item_id, dict(body.attributes), [_decoded(one) for one in given])


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("bad-picture", f"the picture is not base64: {error}") from error


def _put_items(state: State, batch: Batch) -> list[dict[str, Any]]:
    """Bring a batch in; an item whose base64 is none is refused alone."""
    items: list[NewItem] = []
    answers: list[dict[str, Any] | None] = []
    for body in batch.items:
        try:
            items.append(_new_item(body.id, body))
            answers.append(None)
        except Refusal as refusal:
            answers.append({"id": body.id, "status": "refused", "reason": refusal.detail})
    received = iter(state.shop.receive(items, state.limits))
    return [_answer(next(received)) if answer is None else answer for answer in answers]


def _answer(received: Received) -> dict[str, Any]:
    return {"id": received.id, "status": received.status, "reason": received.reason}
