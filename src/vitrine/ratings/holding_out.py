"""Choices that are held out, to learn or to judge by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitrine.ratings.interactions import Interactions


def share_of_each(
    interactions: Interactions, share: float, rng: np.random.Generator, at_least: int = 0
) -> NDArray[np.bool_]:
    """Draw about a share of each user's interactions, all but one at most, (n,) bool.

    Parameters
    ----------
    interactions : Interactions
    share : float
        Above 0 and below 1; rounded for each user.
    rng : Generator
    at_least : int
        Of a user's, where that leaves one.
    """
    users, rows = interactions.user_codes, interactions.by_user
    order = np.lexsort((rng.random(len(users)), users))
    rank = np.empty(len(users), np.int64)
    rank[order] = np.arange(len(users)) - rows.indptr[users[order]]
    wanted = np.maximum(np.round(share * rows.counts), at_least)
    drawn: NDArray[np.bool_] = rank < np.minimum(wanted, rows.counts - 1)[users]
    return drawn
