"""What is learned from and what is asked: ways to split interactions.

Every training part knows only the users and items that it has ratings of. What a test row is about,
and even that it exists, stays out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitrine.errors import OptionError
from vitrine.ratings.holding_out import share_of_each
from vitrine.ratings.interactions import Interactions
from vitrine.ratings.reading import read_interactions


@dataclass(frozen=True, eq=False)
class RatingSplit:
    """One training part and one test part.

    Attributes
    ----------
    name : str
    train : Interactions
        With only the users and items that it has ratings of.
    test : Interactions
    """

    name: str
    train: Interactions
    test: Interactions


def random_folds(
    interactions: Interactions, n_folds: int = 5, random_state: int = 0
) -> Iterator[RatingSplit]:
    """Deal the ratings at random into folds; each is the test part once.

    The friendliest split: a user's later ratings help to predict the earlier ones.
    """
    if n_folds < 2:
        raise OptionError(f"{n_folds} folds; give 2 or more")
    dealt = np.random.default_rng(random_state).permutation(len(interactions)) % n_folds
    for fold in range(n_folds):
        yield _split(f"fold {fold + 1}", interactions, dealt == fold)


def given_folds(folder: str | Path, first: str = "u1", last: str = "u5") -> Iterator[RatingSplit]:
    """Read folds that lie in a folder as ``NAME.base`` and ``NAME.test``, as MovieLens 100k's.

    Parameters
    ----------
    folder : str or Path
    first, last : str
        Names that differ in their number: ``u1`` and ``u5`` mean u1, u2, … u5.
    """
    stem = first.rstrip("0123456789")
    try:
        numbers = range(int(first[len(stem) :]), int(last.removeprefix(stem)) + 1)
    except ValueError as error:
        raise OptionError(f"{first}..{last} does not name folds like u1..u5") from error
    for number in numbers:
        name = f"{stem}{number}"
        base, test = (
            read_interactions(Path(folder) / f"{name}.{part}").interactions
            for part in ("base", "test")
        )
        yield RatingSplit(name, base, test)


def leave_last_out(interactions: Interactions, n_last: int = 1) -> Iterator[RatingSplit]:
    """Ask for each user's last `n_last` ratings; who has no more than that is only learned from."""
    times = _timestamps(interactions)
    users = interactions.user_codes
    order = np.lexsort((times, users))
    ends = interactions.by_user.indptr[users[order] + 1]
    test = np.zeros(len(users), dtype=bool)
    test[order] = np.arange(len(users)) >= ends - n_last
    test &= interactions.by_user.counts[users] > n_last
    yield _split("last of each user", interactions, test)


def global_time(interactions: Interactions, test_share: float = 0.2) -> Iterator[RatingSplit]:
    """Ask for the latest share of all ratings, and learn from what was known before.

    What a running shop faces: many of the users asked for are new.
    """
    times = _timestamps(interactions)
    border = np.quantile(times, 1 - _share(test_share), method="lower")
    yield _split("latest", interactions, times > border)


def cold_items(
    interactions: Interactions,
    test_share: float = 0.2,
    n_repeats: int = 5,
    random_state: int = 0,
    among: NDArray[np.bool_] | None = None,
) -> Iterator[RatingSplit]:
    """Take all ratings away from a random share of the items, and ask for those.

    Parameters
    ----------
    interactions : Interactions
    test_share : float
        Of the items that may be drawn.
    n_repeats : int
        Splits; each draws anew.
    random_state : int
    among : ndarray of shape (n_items,), bool, optional
        Items that may be drawn, such as those with a picture.
    """
    pool = np.arange(interactions.n_items) if among is None else np.flatnonzero(among)
    n_cold = round(_share(test_share) * len(pool))
    for repeat in range(n_repeats):
        rng = np.random.default_rng([random_state, repeat])
        cold = np.zeros(interactions.n_items, dtype=bool)
        cold[rng.choice(pool, n_cold, replace=False)] = True
        yield _split(f"cold items {repeat + 1}", interactions, cold[interactions.item_codes])


def cold_users(
    interactions: Interactions, n_folds: int = 5, random_state: int = 0
) -> Iterator[RatingSplit]:
    """Deal the users at random into folds; each fold's lose all their ratings, and are asked for.

    What else is known of them (`Interactions.user_features`) stays known.
    """
    if n_folds < 2:
        raise OptionError(f"{n_folds} folds; give 2 or more")
    dealt = np.random.default_rng(random_state).permutation(interactions.n_users) % n_folds
    for fold in range(n_folds):
        yield _split(f"cold users {fold + 1}", interactions, dealt[interactions.user_codes] == fold)


def share_of_each_user(
    interactions: Interactions, test_share: float = 0.2, random_state: int = 0
) -> Iterator[RatingSplit]:
    """Ask for a random share of every user's ratings, at least one being learned from."""
    drawn = share_of_each(interactions, _share(test_share), np.random.default_rng(random_state))
    yield _split("share of each user", interactions, drawn)


def make_splits(
    name: str,
    interactions: Interactions | None = None,
    *,
    folder: str | Path | None = None,
    random_state: int = 0,
    among: NDArray[np.bool_] | None = None,
) -> Iterator[RatingSplit]:
    """Make splits by name, as the command line spells them.

    Parameters
    ----------
    name : str
        ``folds:5``, ``given:u1..u5`` (in `folder`), ``leave-last-out``, ``global-time``,
        ``cold-items``, ``cold-users``, ``share-of-each-user``; the last five take an optional
        number after a colon: ratings left out, the test share twice, the folds, the test share.
    interactions : Interactions, optional
        Needed by all but ``given``.
    folder : str or Path, optional
        Needed by ``given``.
    random_state : int
    among : ndarray of shape (n_items,), bool, optional
        Items that ``cold-items`` may draw.

    Raises
    ------
    OptionError
        If no split is called that, or what it needs was not given.
    """
    kind, _, argument = name.partition(":")
    if kind == "given":
        first, dots, last = argument.partition("..")
        if not dots or folder is None:
            raise OptionError("given needs folds like given:u1..u5 and the folder they lie in")
        return given_folds(folder, first, last)
    if kind not in _SPLITS:
        raise OptionError(f"no split is called {name!r}; known: given:u1..u5, {', '.join(_SPLITS)}")
    if interactions is None:
        raise OptionError(f"the split {name!r} needs interactions")
    make, number = _SPLITS[kind]
    try:
        arguments = [number(argument)] if argument else []
    except ValueError as error:
        raise OptionError(f"the split {name!r} needs a number after the colon") from error
    options: dict[str, Any] = {}
    if kind not in ("leave-last-out", "global-time"):
        options["random_state"] = random_state
    if kind == "cold-items":
        options["among"] = among
    return make(interactions, *arguments, **options)


_SPLITS: dict[str, tuple[Callable[..., Iterator[RatingSplit]], Callable[[str], Any]]] = {
    "folds": (random_folds, int),
    "leave-last-out": (leave_last_out, int),
    "global-time": (global_time, float),
    "cold-items": (cold_items, float),
    "cold-users": (cold_users, int),
    "share-of-each-user": (share_of_each_user, float),
}


def _split(name: str, interactions: Interactions, test: NDArray[np.bool_]) -> RatingSplit:
    if test.all() or not test.any():
        raise OptionError(f"the split {name!r} leaves nothing to learn from or nothing to ask")
    train = interactions.select(~test).compact()
    return RatingSplit(name, train, interactions.select(test).compact())


def _share(share: float) -> float:
    if not 0 < share < 1:
        raise OptionError(f"a test share of {share}; give one between 0 and 1")
    return share


def _timestamps(interactions: Interactions) -> NDArray[np.int64]:
    if interactions.timestamps is None:
        raise OptionError("this split needs timestamps, and the ratings have none")
    return interactions.timestamps
