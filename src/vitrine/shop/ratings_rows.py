"""Ratings on their way into the store: ids as text, numbers checked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from time import time

from vitrine.errors import InputError
from vitrine.ratings import Interactions
from vitrine.ratings.ids import can_be_stored
from vitrine.ratings.interactions import MAX_RATING, Feedback
from vitrine.store import StoredRating

MAX_ID_LENGTH = 1_000
MAX_TIME = 2**53
AHEAD_SECONDS = 86_400
"""How far another machine's clock may be ahead; a rating of the future would stay the newest."""


def as_text_id(value: object) -> str:
    """Return an id as the shop keeps it: text; whole numbers without ``.0``.

    Raises
    ------
    InputError
        If it is missing, neither text nor a number, or text that no database holds.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value != value:
        raise InputError(f"the id {value!r} is neither text nor a number")
    text = str(value)
    if not text or len(text) > MAX_ID_LENGTH:
        raise InputError(f"an id has 1 to {MAX_ID_LENGTH} characters, not {len(text)}")
    if not can_be_stored(text):
        raise InputError(f"the id {text!r:.40} holds a zero byte or half a character")
    return text


def checked(
    user_id: object, item_id: object, value: object, timestamp: object, feedback: Feedback
) -> StoredRating:
    """Return one rating as it is stored.

    Raises
    ------
    InputError
        If an id is missing, the value no finite number (implicit: above 0), or the time no whole
        number.
    """
    user, item = as_text_id(user_id), as_text_id(item_id)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"the rating {value!r} is not a number")
    number = float(value)
    if not abs(number) <= MAX_RATING or (feedback == "implicit" and number <= 0):
        wanted = "a finite number" + (" above 0" if feedback == "implicit" else "")
        wanted += f" up to {MAX_RATING:.0e}" if abs(number) > MAX_RATING else ""
        raise InputError(f"the rating {value!r} is not {wanted}")
    if timestamp is None:
        return StoredRating(user, item, number, None)
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | float):
        raise InputError(f"the time {timestamp!r} is not a number of seconds since 1970")
    if not (math.isfinite(timestamp) and abs(timestamp) < MAX_TIME):
        raise InputError(f"the time {timestamp!r} is not a number of seconds since 1970")
    if timestamp > time() + AHEAD_SECONDS:
        raise InputError(f"the time {timestamp!r} lies ahead; give it in seconds since 1970")
    return StoredRating(user, item, number, int(timestamp))


def from_interactions(interactions: Interactions, size: int) -> Iterator[list[StoredRating]]:
    """Yield interactions as batches of at most `size` rows to store."""
    users = [as_text_id(value) for value in interactions.users.values]
    items = [as_text_id(value) for value in interactions.items.values]
    times = interactions.timestamps
    for start in range(0, len(interactions), size):
        part = slice(start, start + size)
        codes = interactions.user_codes[part].tolist(), interactions.item_codes[part].tolist()
        values = interactions.ratings[part].tolist()
        stamps = [None] * len(values) if times is None else times[part].tolist()
        yield [
            StoredRating(users[user], items[item], value, time)
            for user, item, value, time in zip(*codes, values, stamps, strict=True)
        ]
