"""What is chosen at the moment, and what somebody likes among it."""

from typing import ClassVar

import numpy as np
import pytest

from vitrine.errors import InputError, OptionError
from vitrine.ratings import Ids, Interactions, ItemFeatures, make_rating_model, usual_model
from vitrine.ratings.options import parse_model_options

DAY = 86_400
LONG_AGO = 1_000_000_000


def drifting(n_users=300, n_items=60, days=200, spread=3, seed=0):
    """Users come one a while, and choose most of what is around item `day` of the catalogue."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), 8)
    day = users / n_users * days
    around = day / days * n_items + rng.normal(0, spread, len(users))
    items = np.clip(np.round(around), 0, n_items - 1).astype(int)
    times = (LONG_AGO + day * DAY).astype(int)
    return Interactions.from_arrays(users, items, None, times, feedback="implicit")


def still(seed=0):
    """Item i is chosen in proportion to 1 / (i + 1), always."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, 31)
    items = rng.choice(30, 6_000, p=shares / shares.sum())
    users = np.arange(6_000) // 6
    times = LONG_AGO + users * 3_600
    return Interactions.from_arrays(users, items, None, times, feedback="implicit")


class TestTrending:
    def test_an_interaction_a_half_life_old_counts_half(self):
        times = [LONG_AGO, LONG_AGO + 10 * DAY, LONG_AGO + 10 * DAY]
        data = Interactions.from_arrays(
            ["a", "a", "b"], ["old", "new", "new"], None, times, feedback="implicit"
        )
        model = make_rating_model("trending", half_life_days=10).fit(data)
        assert model.predict(["a", "nobody"], ["old", "old"]).tolist() == [0.5, 0.5]
        assert model.predict(["a"], ["new"]) == 2
        assert model.predict(["a"], ["no item"]) == 0

    def test_ratings_count_by_their_place_on_the_scale_and_weights_by_their_size(self):
        times = [LONG_AGO] * 3
        rated = Interactions.from_arrays("aab", "xyx", [1, 5, 3], times)
        model = make_rating_model("trending").fit(rated)
        assert model.predict(["a", "a"], ["x", "y"]).tolist() == [0.5, 1]
        bought = Interactions.from_arrays("aab", "xyx", [1, 5, 3], times, feedback="implicit")
        model = make_rating_model("trending").fit(bought)
        assert model.predict(["a", "a"], ["x", "y"]).tolist() == [4, 5]

    def test_without_times_it_is_popularity(self):
        data = still()
        plain = Interactions.from_arrays(data.user_ids, data.item_ids, feedback="implicit")
        model = make_rating_model("trending", half_life_days=1).fit(plain)
        assert np.isinf(model.half_life_)
        counts = np.bincount(plain.item_codes)
        assert model.predict(["nobody"] * 30, plain.items.values).tolist() == counts.tolist()

    def test_the_half_life_is_found_where_tastes_drift(self):
        model = make_rating_model("trending").fit(drifting())
        assert model.half_life_ < 60 * DAY
        picks = [pick.item_id for pick in model.recommend(["nobody"], 5)[0]]
        assert min(picks) > 50

    def test_nothing_decays_where_nothing_drifts(self):
        data = still()
        model = make_rating_model("trending").fit(data)
        assert np.isinf(model.half_life_)
        assert not model.knows_strangers()

    def test_any_unit_of_time_will_do(self):
        data = drifting(spread=15)
        coarse = Interactions.from_arrays(
            data.user_ids, data.item_ids, None, data.timestamps // 60, feedback="implicit"
        )
        seconds, minutes = (make_rating_model("trending").fit(part) for part in (data, coarse))
        assert np.isfinite(seconds.half_life_)
        assert 0.7 < minutes.half_life_ * 60 / seconds.half_life_ < 1.5  # a step at most

    def test_all_at_one_moment(self):
        data = Interactions.from_arrays("ab", "xy", None, [5, 5], feedback="implicit")
        assert np.isinf(make_rating_model("trending").fit(data).half_life_)

    @pytest.mark.parametrize("wrong", [0, LONG_AGO * 1000, 4_102_444_800])
    def test_one_wrong_clock_changes_nothing(self, wrong):
        data = drifting()
        rows = data.user_ids, data.item_ids, data.timestamps.tolist()
        users, items, times = (
            [*row, one] for row, one in zip(rows, ("odd", 0, wrong), strict=True)
        )
        odd = Interactions.from_arrays(users, items, None, times, feedback="implicit")
        plain, told = (make_rating_model("trending").fit(part) for part in (data, odd))
        assert 0.7 < told.half_life_ / plain.half_life_ < 1.5  # a step at most
        assert min(pick.item_id for pick in told.recommend(["nobody"], 5)[0]) > 50

    def test_what_came_in_one_go_makes_no_trend_of_the_last_few(self):
        data = still()
        rng = np.random.default_rng(1)
        times = LONG_AGO + rng.integers(0, 60, len(data))
        times[-200:] += rng.integers(DAY, 20 * DAY, 200)
        bulk = Interactions.from_arrays(
            data.user_ids, data.item_ids, None, times, feedback="implicit"
        )
        assert np.isinf(make_rating_model("trending").fit(bulk).half_life_)

    @pytest.mark.parametrize("days", [0, -1, float("nan"), float("inf")])
    def test_a_half_life_is_above_0(self, days):
        with pytest.raises(OptionError, match="half_life_days"):
            make_rating_model("trending", half_life_days=days).fit(drifting())

    def test_the_half_life_is_kept(self, tmp_path):
        model = make_rating_model("trending").fit(drifting())
        assert type(model).load(model.save(tmp_path)).half_life_ == model.half_life_


class TestTrendBlend:
    PERSONAL: ClassVar = {"personal": "ease", "personal_params": {"regularization": 5.0}}

    def two_tastes(self):
        """Even users choose even items; items 0 to 9 were chosen long ago, 10 to 19 lately."""
        rng = np.random.default_rng(0)
        rows = []
        for user in range(120):
            lately = user >= 60
            mine = np.arange(user % 2, 10, 2) + 10 * lately
            rows += [(user, item, LONG_AGO + 100 * DAY * lately + user)
                     for item in rng.choice(mine, 3, replace=False)]  # fmt: skip
        rows += [(user, 10 + user % 2 + 2 * (user // 2 % 5), LONG_AGO + 100 * DAY)
                 for user in range(10)]  # fmt: skip
        users, items, times = zip(*rows, strict=True)
        return Interactions.from_arrays(users, items, None, times, feedback="implicit")

    def test_it_picks_by_taste_among_what_trends(self):
        model = make_rating_model("trend-blend", **self.PERSONAL).fit(self.two_tastes())
        for user in (0, 1, 60, 61):
            picks = [pick.item_id for pick in model.recommend([user], 2)[0]]
            assert min(picks) >= 10
            assert {item % 2 for item in picks} == {user % 2}

    def test_a_stranger_gets_what_trends_and_so_does_everybody_at_weight_0(self):
        data = self.two_tastes()
        trend = make_rating_model("trending").fit(data)
        model = make_rating_model("trend-blend", **self.PERSONAL).fit(data)
        expected = [pick.item_id for pick in trend.recommend(["nobody"], 8)[0]]
        assert [pick.item_id for pick in model.recommend(["nobody"], 8)[0]] == expected
        plain = make_rating_model("trend-blend", weight=0.0, **self.PERSONAL).fit(data)
        for user in (0, 61):
            seen = model.recommend([user], 8, exclude_seen=False), plain.recommend(
                [user], 8, exclude_seen=False)  # fmt: skip
            assert [pick.item_id for pick in seen[1][0]] == expected
            assert [pick.item_id for pick in seen[0][0]] != expected

    def test_the_default_model_takes_a_strangers_rounding_for_nothing(self):
        model = make_rating_model("trend-blend").fit(drifting())
        users = model.users_.codes([0, "nobody", *range(5)])
        assert np.array_equal(model._scores(users)[1], model._log_trend)
        assert not np.allclose(model._scores(users)[0], model._log_trend, atol=0.1)

    def test_where_nothing_was_chosen_lately_popularity_counts(self):
        rows = [("ab", 2, 0), ("cdef", 1, 0), ("g", 0, 400)]
        rows = [(user, item, LONG_AGO + day * DAY) for users, item, day in rows for user in users]
        users, items, times = zip(*rows, strict=True)
        data = Interactions.from_arrays(users, items, None, times, feedback="implicit")
        model = make_rating_model("trend-blend", half_life_days=1, **self.PERSONAL).fit(data)
        assert [pick.item_id for pick in model.recommend(["nobody"], 3)[0]] == [0, 1, 2]

    def test_items_nobody_chose_are_ranked_by_the_other_model(self):
        data = self.two_tastes()
        names = [*range(20), "new even", "new odd"]
        parity = np.eye(2, dtype=np.float32)[[*np.arange(20) % 2, 0, 1]]
        known = ItemFeatures(Ids(names), {"parity": parity})
        model = make_rating_model("trend-blend").fit(data, known)
        for user, best in ((0, "new even"), (61, "new odd")):
            new = model.recommend([user], 2, allowed=["new even", "new odd"])[0]
            assert new[0].item_id == best
            assert {pick.item_id for pick in model.recommend([user], 5)[0]}.isdisjoint(names[20:])

    def test_items_that_come_later_are_ranked_as_if_they_had_been_there(self, tmp_path):
        data = self.two_tastes()
        parity = np.eye(2, dtype=np.float32)[np.arange(22) % 2]
        old = ItemFeatures(Ids(range(20)), {"parity": parity[:20]})
        later = ItemFeatures(Ids(["new even", "new odd"]), {"parity": parity[20:]})
        model = make_rating_model("trend-blend").fit(data, old)
        grown = model.add_items(later)
        assert len(grown.items_) == 22
        assert len(model.items_) == 20
        for user, best in ((0, "new even"), (61, "new odd")):
            new = grown.recommend([user], 2, allowed=["new even", "new odd"])[0]
            assert new[0].item_id == best
            both = [pick.item_id for pick in grown.recommend([user], 3)[0]]
            assert both == [pick.item_id for pick in model.recommend([user], 3)[0]]
        assert grown.knows_by("parity")
        assert model.add_items(old) is not None
        kept = type(grown).load(grown.save(tmp_path))
        assert kept.recommend([0, "nobody"], 22) == grown.recommend([0, "nobody"], 22)
        with pytest.raises(InputError, match="ease"):
            make_rating_model("trend-blend", **self.PERSONAL).fit(data, old).add_items(later)

    def test_the_other_model_is_named_on_a_command_line(self):
        assert parse_model_options("trend-blend", ["personal=ease", "weight=0.25"]) == {
            "personal": "ease", "weight": 0.25,
        }  # fmt: skip

    def test_weights_below_0_are_refused(self):
        with pytest.raises(OptionError, match="weight"):
            make_rating_model("trend-blend", weight=-1).fit(still())


def test_the_usual_model_depends_on_whether_times_are_known():
    assert usual_model(has_times=True) == "trend-blend"
    assert usual_model(has_times=False) == "hybrid"
