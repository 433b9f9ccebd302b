"""What people chose on one visit: items that go together more than those of a whole history do."""

from __future__ import annotations

import numpy as np

from vitrine.errors import OptionError
from vitrine.ratings.interactions import Interactions, Rows


def with_visits(interactions: Interactions, seconds: float | None) -> Rows:
    """Return the users' rows, and below them a row for each visit as if it were one more user's.

    A user's time is cut into stretches of `seconds`, from his first interaction on; a stretch with
    two interactions or more is a visit. Without timestamps, or `seconds`, there are none.

    Parameters
    ----------
    interactions : Interactions
    seconds : float or None
        In the unit of the timestamps, above 0.

    Raises
    ------
    OptionError
        If `seconds` is not above 0.
    """
    if seconds is not None and not seconds > 0:
        raise OptionError(f"visit_seconds is {seconds}; it must be above 0")
    times, users = interactions.timestamps, interactions.by_user
    if seconds is None or times is None:
        return users
    present = users.counts > 0
    first = np.minimum.reduceat(times, users.indptr[:-1][present])
    stretch = (times - np.repeat(first, users.counts[present])) // seconds
    order = np.lexsort((stretch, interactions.user_codes))  # stable: items stay ascending
    same = (np.diff(interactions.user_codes[order]) == 0) & (np.diff(stretch[order]) == 0)
    visit = np.concatenate([[0], np.cumsum(~same)])
    sizes = np.bincount(visit)
    chosen = order[sizes[visit] > 1]
    return Rows(
        np.concatenate([users.indptr, users.indptr[-1] + np.cumsum(sizes[sizes > 1])]),
        np.concatenate([users.indices, users.indices[chosen]]),
        np.concatenate([users.ratings, users.ratings[chosen]]),
    )
