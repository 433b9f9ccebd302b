"""Sums of ranking models, and items that came after their fit."""

import numpy as np
import pytest
from tests.ratings.test_features import NEW, described, fraction_right
from tests.ratings.worlds import N_ITEMS, checkerboard

from vitrine.errors import InputError, OptionError
from vitrine.ratings import ItemFeatures, load_rating_model, make_rating_model
from vitrine.ratings.folding_neighbours import folding
from vitrine.ratings.ids import Ids

MODELS = [
    ("implicit-als", {}),
    ("hybrid", {"regularization": 5.0}),
    ("content-profile", {}),
]
"""The first takes no later items in, the others do."""


class TestBlending:
    def test_one_model_alone_keeps_its_order(self):
        data = checkerboard("implicit")
        users = list(data.users.values)
        alone = make_rating_model("ease").fit(data).recommend(users, 5)
        blended = make_rating_model("rank-blend", models=[["ease", {}]]).fit(data)
        for one, two in zip(alone, blended.recommend(users, 5), strict=True):
            assert [pick.item_id for pick in one] == [pick.item_id for pick in two]

    def test_weights_decide(self):
        data = checkerboard("implicit")
        models = [["ease", {}], ["popularity", {}]]
        blend = make_rating_model("rank-blend", models=models, weights=[0.0, 1.0]).fit(data)
        popular = make_rating_model("popularity").fit(data).recommend(["nobody"], 5)[0]
        found = blend.recommend(["nobody"], 5)[0]
        assert [pick.item_id for pick in found] == [pick.item_id for pick in popular]

    def test_takes_the_models_that_what_is_known_allows(self):
        def kinds(feedback, features):
            blend = make_rating_model("rank-blend").fit(checkerboard(feedback), features)
            return [model.kind for model in blend.models_]

        parity = np.eye(2, dtype=np.float32)[np.arange(N_ITEMS) % 2]
        features = ItemFeatures(Ids(range(N_ITEMS)), {"parity": parity})
        always = ["hybrid", "implicit-als", "bpr", "mult-vae"]
        assert kinds("implicit", None) == always
        assert kinds("explicit", None) == [*always, "bayesian-svdpp"]
        assert kinds("implicit", features) == [*always, "content-profile"]

    def test_a_settled_blend_is_of_the_same_models_and_weights(self):
        data, features = checkerboard("implicit"), described()
        blend = make_rating_model("rank-blend").fit(data, features)
        settled = blend.settled()
        scales = dict(settled.models)["mult-vae"]["feature_scale"]
        assert scales == blend.models_[3].feature_scales_
        assert settled.weights == [0.5, 0.5, 0.5, 1.0, 0.3]
        again = settled.fit(data, features)
        users = list(data.users.values)
        assert again.recommend(users, 5) == blend.recommend(users, 5)

    @pytest.mark.parametrize("params", [{"models": []}, {"weights": [1.0]}])
    def test_refuses_what_makes_no_sense(self, params):
        with pytest.raises(OptionError):
            make_rating_model("rank-blend", **params).fit(checkerboard("implicit"))


class TestLaterItems:
    @pytest.fixture(scope="class")
    @staticmethod
    def blends():
        """Return a blend fitted without the new items, one that took them in, and one with them."""
        data, features = checkerboard("implicit"), described()
        old = {name: block[:N_ITEMS] for name, block in features.blocks.items()}
        blend = make_rating_model("rank-blend", models=MODELS)
        blend.fit(data, ItemFeatures(Ids(range(N_ITEMS)), old))
        whole = make_rating_model("rank-blend", models=MODELS).fit(data, features)
        return blend, blend.add_items(features), whole

    def test_are_recommended_by_the_models_that_know_them(self, blends):
        blend, added, whole = blends
        data = checkerboard("implicit")
        assert [len(model.items_) for model in added.models_] == [N_ITEMS, *[len(added.items_)] * 2]
        assert len(blend.items_) == N_ITEMS
        assert fraction_right(added, data) > 0.95
        user = data.users.values[0]
        scores = [model.predict([user] * len(NEW), NEW) for model in (added, whole)]
        assert np.corrcoef(*scores)[0, 1] > 0.98
        assert added.add_items(described()) is added

    def test_leave_the_order_of_the_others(self, blends):
        blend, added, _ = blends
        users = list(checkerboard("implicit").users.values)
        before = blend.recommend(users, N_ITEMS)
        after = added.recommend(users, N_ITEMS, allowed=list(range(N_ITEMS)))
        for one, two in zip(before, after, strict=True):
            assert [pick.item_id for pick in one] == [pick.item_id for pick in two]

    def test_are_saved(self, blends):
        _, added, _ = blends
        loaded = load_rating_model(added.to_artifact())
        user = checkerboard("implicit").users.values[0]
        everything = list(added.items_.values)
        pairs = [user] * len(everything), everything
        assert np.array_equal(loaded.predict(*pairs), added.predict(*pairs))
        assert [pick.item_id for pick in loaded.similar_items([NEW[0]], 3)[0]] == [
            pick.item_id for pick in added.similar_items([NEW[0]], 3)[0]
        ]

    def test_a_stranger_may_have_chosen_one(self, blends):
        _, added, _ = blends
        folded, ratings = folding(added), np.ones(2, np.float32)
        items = added.items_.codes([0, NEW[0]])  # both even
        scores = folded.scores(items, ratings)
        picks = added.items_.codes([NEW[2], NEW[1]])  # even, odd
        assert scores[picks[0]] > scores[picks[1]]
        shares = folded.contributions(items, ratings, picks)
        assert (shares[0] > 0).all()
        only_new = folded.scores(items[1:], ratings[1:])
        assert only_new[picks[0]] > only_new[picks[1]]

    def test_are_refused_where_no_model_knows_by_features(self):
        blend = make_rating_model("rank-blend", models=MODELS[:1]).fit(checkerboard("implicit"))
        with pytest.raises(InputError, match="none of the blended models"):
            blend.add_items(described())
