"""What people chose on one visit: items that go together more than those of a whole history do."""

from __future__ import annotations

import numpy as np

from vitrine.errors import OptionError
from vitrine.ratings.interactions import Interactions, Rows


def visits(interactions: Interactions, seconds: float) -> Rows | None:
    """Return each visit's interactions as a row, as if each were one more user's.

    A user's time is cut into stretches of `seconds`, from his first interaction on; a stretch with
    two interactions or more is a visit. None without timestamps, or where there was no visit.

    Parameters
    ----------
    interactions : Interactions
    seconds : float
        In the unit of the timestamps, above 0.

    Raises
    ------
    OptionError
        If `seconds` is not above 0.
    """
    if not seconds > 0:
        raise OptionError(f"visit_seconds is {seconds}; it must be above 0")
    times = interactions.timestamps
    if times is None:
        return None
    users, counts = interactions.user_codes, interactions.by_user.counts
    starts = interactions.by_user.indptr[:-1][counts > 0]
    first = np.zeros(interactions.n_users, np.int64)
    first[counts > 0] = np.minimum.reduceat(times, starts)
    stretch = ((times - first[users]) // seconds).astype(np.int64)
    order = np.lexsort((interactions.item_codes, stretch, users))
    same = (np.diff(users[order]) == 0) & (np.diff(stretch[order]) == 0)
    visit = np.concatenate([[0], np.cumsum(~same)])
    sizes = np.bincount(visit)
    kept = sizes[visit] > 1
    if not kept.any():
        return None
    indptr = np.concatenate([[0], np.cumsum(sizes[sizes > 1])])
    rows = order[kept]
    return Rows(indptr, interactions.item_codes[rows], interactions.ratings[rows])
