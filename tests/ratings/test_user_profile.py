"""What is known of users besides their ratings, and the model that knows nothing else of them."""

import numpy as np
import pytest
from tests.ratings.worlds import checkerboard, kinds_of_users, ndcg_of_parity, parity

from vitrine.errors import InputError, OptionError
from vitrine.ratings import Interactions, UserFeatures, load_rating_model, make_rating_model
from vitrine.ratings.folding_neighbours import folding
from vitrine.ratings.ids import Ids
from vitrine.ratings.user_profile import PRIORS

STRANGERS = ["user 100", "user 101"]
"""They chose nothing; their parity is known."""


def strangers():
    return checkerboard("implicit").described_by(kinds_of_users(STRANGERS))


class TestUserFeatures:
    def test_stay_with_every_part_of_the_interactions(self):
        data = strangers()
        for part in (data.select(np.arange(5)), data.compact(), data.with_items(["new"])):
            assert part.user_features is data.user_features
        assert checkerboard().described_by(data.user_features).liked(4).user_features is not None
        assert data.described_by(None).user_features is None

    def test_say_users_where_they_do_not_fit(self):
        with pytest.raises(InputError, match="for 2 users"):
            UserFeatures(Ids(["a", "b"]), {"age": np.zeros((3, 1), np.float32)})
        with pytest.raises(InputError, match="user features need"):
            UserFeatures(Ids(["a"]), {})


class TestUserProfile:
    def test_serves_people_who_chose_nothing(self):
        model = make_rating_model("user-profile").fit(strangers())
        picks = model.recommend(STRANGERS, 5)
        assert ndcg_of_parity(dict(zip(STRANGERS, picks, strict=True))) == 1.0
        served = folding(model)
        nothing = np.empty(0, np.int32), np.empty(0, np.float32)
        codes = model.users_.codes(STRANGERS)
        for code, row in zip(codes, model._scores(codes), strict=True):
            assert np.array_equal(served.scores_of(int(code), *nothing), row)

    def test_nobody_in_particular_gets_what_is_popular(self):
        data = strangers()
        popular = make_rating_model("popularity").fit(data).recommend(["nobody"], 5)[0]
        model = make_rating_model("user-profile").fit(data)
        for user in ("nobody", "user 7 of whom nothing is known"):
            found = model.recommend([user], 5)[0]
            assert [pick.item_id for pick in found] == [pick.item_id for pick in popular]

    def test_is_bayes_rule(self):
        """Two of three women chose x and none of two men; with a prior of 1 that is known."""
        data = Interactions.from_arrays(
            ["f1", "f2", "f3", "m1", "m2"], ["x", "x", "y", "y", "y"], feedback="implicit"
        )
        sexes = {"sex": ["f", "f", "f", "m", "m"]}
        features = UserFeatures.from_columns(["f1", "f2", "f3", "m1", "m2"], sexes)
        model = make_rating_model("user-profile", prior=1.0).fit(data.described_by(features))
        women, everybody = (2 + 0.6) / (2 + 1), 0.6  # share of women among who chose x, and of all
        x, y = model.items_.codes(["x", "y"])
        assert model.lifts(model.users_.codes(["f3"]))[0, 0, x] == pytest.approx(
            np.log(women / everybody), rel=1e-5
        )
        shares = np.log([3 / 7, 4 / 7])  # one choice more than each has
        assert model.log_shares_[[x, y]] == pytest.approx(shares)
        assert model.predict(["nobody"], ["x"])[0] == pytest.approx(shares[0], rel=1e-5)

    def test_numbers_are_alike_where_they_are_near(self):
        ages = np.array([[20 + 40 * (number % 2)] for number in range(40)], np.float32)
        ids = [f"user {number}" for number in range(40)]
        features = UserFeatures.from_columns([*ids, "young"], {}, {"age": [*ages, [22]]})
        model = make_rating_model("user-profile").fit(
            checkerboard("implicit").described_by(features)
        )
        assert all(pick.item_id % 2 == 0 for pick in model.recommend(["young"], 5)[0])

    def test_the_prior_is_found_by_how_much_users_tell(self):
        """Where features tell the taste little is drawn to everybody's, where nothing, much."""
        data, rng = checkerboard("implicit"), np.random.default_rng(0)
        ids = [f"user {number}" for number in range(40)]
        noise = UserFeatures.from_columns(ids, {"colour": rng.integers(0, 8, 40).tolist()})
        telling = make_rating_model("user-profile").fit(strangers())
        blind = make_rating_model("user-profile").fit(data.described_by(noise))
        assert telling.prior_ == PRIORS[0]
        assert blind.prior_ == PRIORS[-1]

    def test_strangers_are_saved(self, tmp_path):
        model = make_rating_model("user-profile").fit(strangers())
        loaded = load_rating_model(model.save(tmp_path / "model"))
        assert loaded.recommend(STRANGERS, 5) == model.recommend(STRANGERS, 5)

    def test_says_what_it_lacks(self):
        with pytest.raises(InputError, match="features of the users"):
            make_rating_model("user-profile").fit(checkerboard("implicit"))
        elsewhere = UserFeatures.from_columns(["somebody else"], {"sex": ["f"]})
        with pytest.raises(InputError, match="nothing can be learned"):
            make_rating_model("user-profile").fit(checkerboard().described_by(elsewhere))
        with pytest.raises(OptionError, match="prior"):
            make_rating_model("user-profile", prior=0.0).fit(strangers())

    def test_the_worlds_strangers_have_both_parities(self):
        assert {parity(user) for user in STRANGERS} == {0, 1}
