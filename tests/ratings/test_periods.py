"""What was chosen more than usual around some time."""

import numpy as np
import pytest

from vitrine.ratings import Interactions, load_rating_model, make_rating_model
from vitrine.ratings.folding_neighbours import folding
from vitrine.ratings.periods import MAX_PERIODS, PRIOR, Periods
from vitrine.ratings.trending import likeliest_half_life

DAY = 86_400
N_DAYS, N_ITEMS = 100, 20


def seasons(seed=0, n_rows=4000):
    """Every item is chosen within a few days, one after the other; users come on one day."""
    rng = np.random.default_rng(seed)
    users = np.arange(n_rows) // 4
    days = users * N_DAYS // users.max()
    items = np.clip(days * N_ITEMS // N_DAYS + rng.integers(-1, 2, n_rows), 0, N_ITEMS - 1)
    pairs = sorted(set(zip(users.tolist(), items.tolist(), (days * DAY).tolist(), strict=True)))
    users, items, times = map(list, zip(*pairs, strict=True))
    return Interactions.from_arrays(users, items, None, times, feedback="implicit")


def test_each_time_has_its_items():
    data = seasons()
    periods = Periods.of(data, data.ratings)
    assert 2 < len(periods.times) <= MAX_PERIODS
    assert periods.lifts.std() == pytest.approx(1, abs=1e-5)
    days = np.array([10, 50, 90])
    ids = np.array(data.items.values)
    found = ids[np.argmax(periods.around(days * DAY), axis=1)]
    assert np.abs(found - days * N_ITEMS // N_DAYS).max() <= 1
    ends = periods.around(np.array([-1e12, 1e12]))
    assert np.array_equal(ends, periods.lifts[[0, -1]])


def test_lifts_are_logarithms_of_shares():
    data = seasons()
    periods, half_life = Periods.of(data, data.ratings), likeliest_half_life(data, data.ratings)
    middles = periods.times
    place = np.abs(data.timestamps[:, None] - middles).argmin(axis=1)
    popular = np.bincount(data.item_codes, minlength=data.n_items) + 1.0
    shares = popular / popular.sum()
    lifts = []
    for middle in middles:
        weights = 0.5 ** (np.abs(middles[place] - middle) / half_life)
        near = np.bincount(data.item_codes, weights, data.n_items)
        lifts.append(np.log((near + PRIOR * shares) / (near.sum() + PRIOR) / shares))
    assert np.allclose(periods.lifts, lifts / np.std(lifts), atol=1e-4)


def test_where_nothing_ages_there_are_none():
    rng = np.random.default_rng(0)
    data = seasons()
    times = rng.permutation(data.timestamps)
    always = Interactions(
        data.users, data.items, data.user_codes, data.item_codes, data.ratings, times, "implicit"
    )
    assert Periods.of(always, always.ratings) is None
    never = Interactions(
        data.users, data.items, data.user_codes, data.item_codes, data.ratings, None, "implicit"
    )
    assert Periods.of(never, never.ratings) is None


def test_rank_stack_ranks_by_when_the_user_was_there(tmp_path):
    data = seasons()
    stack = make_rating_model("rank-stack", models=[["popularity", {}]], n_draws=1).fit(data)
    users = [100, 500, 900]
    days = np.array([data.timestamps[data.user_codes == u].max() / DAY for u in users])
    picks = stack.recommend(users, 1)
    found = np.array([row[0].item_id for row in picks])
    assert np.abs(found - days * N_ITEMS / N_DAYS).max() < 3
    loaded = load_rating_model(stack.save(tmp_path / "model"))
    assert loaded.recommend(users, 5) == stack.recommend(users, 5)
    served = folding(stack).scores(np.array([0], np.int32), np.ones(1, np.float32))
    newest = stack.items_.values[int(np.argmax(served))]
    assert newest >= N_ITEMS - 3  # somebody who comes now gets what is chosen now
