"""Parameters and answers as the description of the API (OpenAPI) has them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, Field

from vitrine.service.problems import KINDS

Value = str | int | float | bool | None

ItemId = Annotated[str, Path(min_length=1, max_length=500, description="An item's id.")]
UserId = Annotated[str, Path(min_length=1, max_length=500, description="A user's id.")]
Where = Annotated[
    list[str] | None,
    Query(
        description='Only items like this: "category=shoes and price<50"; repeatable.',
        max_length=50,
    ),
]
Words = Annotated[
    str | None,
    Query(description="An item's id, or words of its id and its text.", max_length=1_000),
]
Count = Annotated[int, Query(ge=1, description="How many.")]
Diversity = Annotated[
    float,
    Query(ge=0, le=1, description="0: the most similar; up to 1: ever more varied ones."),
]
Collapse = Annotated[
    bool, Query(description="Take items with nearly identical pictures as one hit.")
]


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = Field(description="Where this kind of problem is described.")
    title: str
    status: int
    detail: str = Field(description="What was wrong this time.")
    advice: str = Field(description="What to do.")
    instance: str | None = Field(None, description="The request's id.")


class Item(BaseModel):
    """One item."""

    id: str
    attributes: dict[str, Value]


class OneItem(Item):
    """One item, and how many pictures it has."""

    pictures: int


class ItemPage(BaseModel):
    """One page of items."""

    items: list[Item]
    total: int = Field(description="On all pages together.")
    page: int
    pages: int


class Hit(Item):
    """One similar item."""

    distance: float
    similarity: float
    same: list[str] = Field(description="Ids of items with nearly the same picture.")


class Hits(BaseModel):
    """Similar items, nearest first."""

    hits: list[Hit]


class Recognised(BaseModel):
    """What the encoder takes a picture for."""

    attribute: str | None
    value: Value
    confidence: float


class PhotoHits(Hits):
    """What a photo found."""

    recognised: Recognised | None = Field(
        description="Null where the shop's encoder has learned no classes."
    )


class Facet(BaseModel):
    """One attribute: how many items have it, its values or its range."""

    name: str
    type: str
    items: int
    distinct: int
    values: list[tuple[Value, int]] = Field(description="The most frequent, with their counts.")
    minimum: Value
    maximum: Value


class Encoder(BaseModel):
    """What makes vectors of pictures in the shop."""

    kind: str
    dimensions: int
    distance: str


class CatalogueAnswer(BaseModel):
    """What is in the shop."""

    name: str
    items: int = Field(description="In the whole shop.")
    found: int = Field(description="Allowed by the filter and the words.")
    attributes: dict[str, str]
    facets: list[Facet]
    encoder: Encoder
    label: str | None
    change_number: int
    version: str


class Reason(BaseModel):
    """Why an item is recommended."""

    kind: str
    item_id: str | None
    value: float
    weight: float


class Pick(Item):
    """One recommended item."""

    score: float
    reasons: list[Reason]


class Picks(BaseModel):
    """What is recommended to a user."""

    user_id: str
    known: bool = Field(
        description="Whether they are personal; a stranger gets popular or trending items."
    )
    model: str
    described: bool = Field(
        description="Whether somebody without ratings gets what fits what else is known of them."
    )
    picks: list[Pick]


class Refused(BaseModel):
    """One thing that was not taken."""

    number: int = Field(description="Which one, from 1.")
    reason: str


class InteractionsAnswer(BaseModel):
    """What became of ratings."""

    added: int
    updated: int
    unchanged: int
    refused: list[Refused]


class ItemAnswer(BaseModel):
    """What became of one item."""

    id: str | None
    status: str = Field(description="added, updated, unchanged or refused")
    reason: str | None = None


class ItemsAnswer(BaseModel):
    """What became of several items."""

    results: list[ItemAnswer]


def problems(*kinds: str) -> dict[int | str, dict[str, Any]]:
    """Return the answers that a call's description has for some kinds of problems."""
    said: dict[int | str, list[str]] = {}
    for kind in (*kinds, "no-key", "busy"):
        said.setdefault(KINDS[kind].status, []).append(KINDS[kind].title)
    content = {"application/problem+json": {"schema": Problem.model_json_schema()}}
    return {
        status: {"description": " · ".join(titles), "content": content}
        for status, titles in said.items()
    }
