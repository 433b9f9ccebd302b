"""Addresses of pages and pictures, and filters as they stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from urllib.parse import quote, urlencode

from vitrine.catalogue.items import AttributeType, Value
from vitrine.catalogue.where import Condition, parse_where

_BARE = re.compile(r"[\w.+:-]+")


def item_url(item_id: str, where: Sequence[str] = (), **more: object) -> str:
    """Return the address of an item's page.

    The id is a parameter, not a part of the path, for browsers take ``..`` out of a path.
    """
    return address("/item", [("id", item_id), *(("where", one) for one in where)], **more)


def picture_url(item_id: str, size: int) -> str:
    """Return the address of an item's picture, its longer side about `size` pixels."""
    return f"/pictures/{quote(item_id, safe='')}?size={size}"


def browse_url(where: Sequence[str] = (), words: str | None = None, **more: object) -> str:
    """Return the address of the wall: of all items, or of those that a filter and words allow."""
    return address("/", [*(("where", one) for one in where)], q=words or None, **more)


def address(path: str, pairs: Iterable[tuple[str, object]] = (), **more: object) -> str:
    """Return a path with parameters; those that are None are left out."""
    asked = [*pairs, *((name, value) for name, value in more.items() if value is not None)]
    return f"{path}?{urlencode(asked)}" if asked else path


def expression(name: str, operator: str, value: Value) -> str:
    """Return one condition as `where` reads it."""
    return f"{_quoted(name)}{operator}{_quoted(plain(value))}"


def expressions(where: Sequence[str] | None, schema: Mapping[str, AttributeType]) -> list[str]:
    """Return a filter as single conditions, each written in one way; blank ones are left out.

    Raises
    ------
    FilterError
        If it does not fit the attributes.
    """
    return [as_expression(condition) for condition in conditions(where, schema)]


def conditions(where: Sequence[str] | None, schema: Mapping[str, AttributeType]) -> list[Condition]:
    """Return a filter's conditions, each once; blank expressions are left out."""
    asked = [one for one in where or [] if one.strip()]
    return list(dict.fromkeys(parse_where(asked, schema)))


def as_expression(condition: Condition) -> str:
    """Return a condition as `where` reads it."""
    return expression(condition.name, condition.operator, condition.value)


def human(name: str) -> str:
    """Return an attribute's name as people read it."""
    return name.replace("_", " ").strip() or name


def shown(value: Value) -> str:
    """Return a value as people read it: yes and no for true and false."""
    return ("yes" if value else "no") if isinstance(value, bool) else plain(value)


def plain(value: Value) -> str:
    """Return a value as filters write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)


def _quoted(text: str) -> str:
    if _BARE.fullmatch(text) and text.lower() != "and":
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
