"""Writing items: put one, a batch, remove one."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vitrine.errors import PictureError, UnknownItemError
from vitrine.service.answers import Json
from vitrine.service.describing import (
    ItemAnswer,
    ItemId,
    ItemsAnswer,
    Value,
    problems,
)
from vitrine.service.forms import Form, read_form
from vitrine.service.problems import Refusal
from vitrine.service.state import State, StateOf
from vitrine.shop.receiving import NewItem, Received

router = APIRouter(prefix="/api", tags=["writing"])
MAX_PICTURES = 10
FETCHES = 4

Fetched = dict[str, bytes | PictureError]
"""By address: a picture's file, or why there is none."""

_Base64 = Annotated[str, Field(description="A picture's file in base64.")]


class ItemBody(BaseModel):
    """An item as it shall be; without pictures it keeps those that it has."""

    model_config = ConfigDict(extra="forbid")

    attributes: dict[str, Value] = Field(default_factory=dict)
    picture: _Base64 | None = None
    pictures: list[_Base64] = Field(default_factory=list, max_length=MAX_PICTURES)
    picture_urls: list[str] = Field(
        default_factory=list,
        max_length=MAX_PICTURES,
        description="Addresses to fetch pictures from, where the service is told to.",
    )


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
    fetched = await _fetch(state, [url for body in batch.items for url in body.picture_urls])
    return Json({"results": await state.run_heavy(_put_items, state, batch, fetched)})


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
        form = await read_form(request, max_files=MAX_PICTURES, max_texts=20)
        return await state.run_heavy(_from_form, form, item_id)
    if kind not in ("application/json", ""):
        raise Refusal(
            "malformed", f"Content-Type {kind}: send application/json or multipart/form-data"
        )
    body = await state.run_heavy(_body, await request.body())
    fetched = await _fetch(state, body.picture_urls)
    return await state.run_heavy(_new_item, item_id, body, fetched)


async def _fetch(state: State, addresses: list[str]) -> Fetched:
    """Fetch pictures, a few at once; those that cannot be had as the reason why."""
    if addresses and state.fetcher is None:
        raise Refusal(
            "forbidden", "picture_urls: fetching is off; vitrine serve --allow-urls turns it on"
        )
    few = asyncio.Semaphore(FETCHES)

    async def one(address: str) -> bytes | PictureError:
        assert state.fetcher is not None  # noqa: S101 - seen above
        async with few:
            try:
                return await asyncio.to_thread(state.fetcher.fetch, address)
            except PictureError as error:
                return error

    wanted = list(dict.fromkeys(addresses))
    return dict(zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True))


def _from_form(form: Form, item_id: str) -> NewItem:
    if "attributes" in form.files:
        raise Refusal("bad-value", "attributes: a JSON object as text, not a file")
    given = form.text("attributes") or "{}"
    body = _body(b'{"attributes": ' + given.encode("utf-8", "replace") + b"}")
    return NewItem(item_id, dict(body.attributes), form.files.get("picture", []))


def _body(content: bytes) -> ItemBody:
    try:
        return ItemBody.model_validate(orjson.loads(content))
    except orjson.JSONDecodeError as error:
        raise Refusal("malformed", f"the body is not JSON: {error}") from error
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise Refusal("bad-value", said) from error


def _new_item(item_id: str, body: ItemBody, fetched: Fetched) -> NewItem:
    given = body.pictures if body.picture is None else [body.picture, *body.pictures]
    pictures = [_decoded(one) for one in given]
    for address in body.picture_urls:
        content = fetched[address]
        if isinstance(content, PictureError):
            raise Refusal("bad-picture", f"{address}: {content}")
        pictures.append(content)
    return NewItem(item_id, dict(body.attributes), pictures)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("bad-picture", f"the picture is not base64: {error}") from error


def _put_items(state: State, batch: Batch, fetched: Fetched) -> list[dict[str, Any]]:
    """Bring a batch in; an item whose base64 is none, or address leads nowhere, fails alone."""
    items: list[NewItem] = []
    answers: list[dict[str, Any] | None] = []
    for body in batch.items:
        try:
            items.append(_new_item(body.id, body, fetched))
            answers.append(None)
        except Refusal as refusal:
            answers.append({"id": body.id, "status": "refused", "reason": refusal.detail})
    received = iter(state.shop.receive(items, state.limits))
    return [_answer(next(received)) if answer is None else answer for answer in answers]


def _answer(received: Received) -> dict[str, Any]:
    return {"id": received.id, "status": received.status, "reason": received.reason}
