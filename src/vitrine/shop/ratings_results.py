"""What a shop says of its ratings, and what it recommends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from vitrine.catalogue.items import Rejection, Value


@dataclass
class RatingsResult:
    """What became of ratings, or of what is known of users, that was added.

    Attributes
    ----------
    added, updated, unchanged : int
        Pairs of user and item, or users, that are new, are otherwise now, or were just so.
    rejected : list of Rejection
        Rows that were refused, each with its number (1 is the first) and the reason.
    """

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: list[Rejection] = field(default_factory=list)


@dataclass(frozen=True)
class Rated:
    """One rating of a user's history.

    Attributes
    ----------
    id : str
        The item.
    value : float
    timestamp : int or None
        Seconds since 1970.
    attributes : dict or None
        What the catalogue says of the item; None where it does not know it.
    """

    id: str
    value: float
    timestamp: int | None
    attributes: dict[str, Value] | None


@dataclass(frozen=True)
class Reason:
    """Why an item is recommended.

    Attributes
    ----------
    kind : {"rated", "looks", "popular"}
        An item that the user rated carries the pick; or one that the user rated well looks like
        it; or many people rated it.
    item_id : str or None
        That rated item; None for ``popular``.
    value : float
        The user's rating of that item; for ``popular`` the number of people who rated the pick.
    weight : float
        ``rated``: the item's share of what speaks for the pick, 0 to 1. ``looks``: the similarity
        of the vectors. ``popular``: 1.
    """

    kind: Literal["rated", "looks", "popular"]
    item_id: str | None
    value: float
    weight: float

    def __str__(self) -> str:
        return self.text()

    def text(self, title: str | None = None) -> str:
        """Return the reason in words, with `title` instead of the item's id if it is given."""
        if self.kind == "popular":
            return f"{self.verb} {self.value:,.0f}"
        return f"{self.verb} {title or self.item_id} ({self.value:g})"

    @property
    def verb(self) -> str:
        """The words that its text begins with."""
        return {"rated": "you rated", "looks": "looks like", "popular": "rated by"}[self.kind]


@dataclass(frozen=True)
class Recommendation:
    """One recommended item.

    Attributes
    ----------
    id : str
    score : float
        What the model ranks by: an expected rating where the model predicts ratings.
    attributes : dict
        What the catalogue says of the item.
    reasons : list of Reason
        What speaks for it most comes first.
    """

    id: str
    score: float
    attributes: dict[str, Value]
    reasons: list[Reason]


@dataclass(frozen=True)
class Recommendations:
    """What is recommended to a user.

    Attributes
    ----------
    user_id : str
    picks : list of Recommendation
        Best first.
    known : bool
        Whether there are ratings that the fitted model can go by; a user without any gets what is
        trending, if the model knows that, and else the popular items.
    model : str
        The model that ranked them; ``popularity`` where none is fitted, and for a stranger where
        that does not know what is trending.
    described : bool
        Whether somebody who rated nothing gets what the model makes of what else is known.
    """

    user_id: str
    picks: list[Recommendation]
    known: bool
    model: str
    described: bool = False


@dataclass(frozen=True)
class RatingsInfo:
    """What a shop's ratings are.

    Attributes
    ----------
    ratings, users, items : int
        Items that were rated, in the catalogue or not.
    users_described : int
        Users of whom something else is known, with ratings or without.
    items_outside_catalogue, items_without_ratings : int
        Rated items that the catalogue does not have, and items of it that nobody rated.
    feedback : str or None
        ``explicit`` or ``implicit``; None without ratings.
    lowest, highest : float or None
    first, last : int or None
        Earliest and latest time, in seconds since 1970.
    model : str or None
        The fitted model's name.
    model_options : dict
        What it was fitted with.
    fitted : str or None
        When, ISO 8601, UTC.
    ratings_since : int
        Ratings written since; users who wrote them are folded in, the model itself is as it was.
    """

    ratings: int
    users: int
    users_described: int
    items: int
    items_outside_catalogue: int
    items_without_ratings: int
    feedback: str | None
    lowest: float | None
    highest: float | None
    first: int | None
    last: int | None
    model: str | None
    model_options: dict[str, Any]
    fitted: str | None
    ratings_since: int
