"""Made interactions with a known answer."""

import numpy as np

from vitrine.ratings import Interactions, UserFeatures

N_USERS, N_ITEMS = 40, 30


def checkerboard(feedback="explicit", seed=0, share=0.5):
    """Even users like even items, odd users odd ones; about `share` of the pairs is known.

    Explicit: 5 for liked, 1 for not. Implicit: only what is liked is there.
    """
    rng = np.random.default_rng(seed)
    users, items = np.divmod(np.arange(N_USERS * N_ITEMS), N_ITEMS)
    liked = users % 2 == items % 2
    known = rng.random(len(users)) < share
    known &= liked if feedback == "implicit" else True
    # Everybody and everything appears, so that codes are ids.
    known |= (items == users % N_ITEMS) | (users == items)
    if feedback == "implicit":
        known &= liked
    ratings = np.where(liked, 5.0, 1.0)
    user_ids = np.char.add("user ", users.astype(str))
    return Interactions.from_arrays(
        user_ids[known], items[known], ratings[known] if feedback == "explicit" else None,
        feedback=feedback,
    )  # fmt: skip


def kinds_of_users(more=()):
    """Return the users' parity as a feature, and that of `more` who chose nothing."""
    ids = [*(f"user {number}" for number in range(N_USERS)), *more]
    return UserFeatures.from_columns(ids, {"parity": [parity(user) for user in ids]})


def parity(user_id):
    return int(user_id.split()[1]) % 2


def ndcg_of_parity(picks_of_users):
    """NDCG of lists of picks by user id, an item of the user's parity being the right answer."""
    values = []
    for user, picks in picks_of_users.items():
        gains = np.array([pick.item_id % 2 == parity(user) for pick in picks], dtype=float)
        discounts = 1 / np.log2(np.arange(len(gains)) + 2)
        values.append((gains * discounts).sum() / discounts.sum())
    return float(np.mean(values))
