"""Models that know items by their features: what nobody rated, and what looks alike."""

import numpy as np
import pytest
from tests.ratings.worlds import N_ITEMS, checkerboard, parity

from vitrine.errors import InputError, OptionError
from vitrine.ratings import Interactions, ItemFeatures, load_rating_model, make_rating_model
from vitrine.ratings.features import one_hot
from vitrine.ratings.ids import Ids
from vitrine.ratings.kernel_map import Described, KernelMap, mean_ndcg

NEW = [*range(1000, 1010)]
"""Items that nobody rated; their parity is their taste, as for all others."""


def described(noise=0.1, seed=0, shuffled=False):
    """Looks that show an item's parity, and a block that shows nothing."""
    rng = np.random.default_rng(seed)
    ids = np.array([*range(N_ITEMS), *NEW])
    looks = np.eye(2)[ids % 2] + rng.normal(0, noise, (len(ids), 2))
    if shuffled:
        looks = rng.permutation(looks)
    blocks = {"looks": looks, "nothing": rng.normal(0, 1, (len(ids), 8))}
    return ItemFeatures(Ids(ids), {name: b.astype(np.float32) for name, b in blocks.items()})


class TestItemFeatures:
    def test_columns_become_zeros_and_ones(self):
        features = ItemFeatures.from_columns(
            ["a", "b", "c"], {"colour": ["red", None, "blue"], "genre": [["x", "y"], ["y"], []]}
        )
        assert features.blocks["colour"].tolist() == [[0, 1], [0, 0], [1, 0]]
        assert features.blocks["genre"].tolist() == [[1, 1], [0, 1], [0, 0]]

    def test_a_column_of_nothing_still_has_a_shape(self):
        assert one_hot([None, None]).tolist() == [[0], [0]]

    def test_aligned_to_other_items(self):
        features = ItemFeatures(Ids(["a", "b"]), {"x": np.array([[1], [2]], np.float32)})
        blocks, known = features.aligned(Ids(["b", "z"]))
        assert blocks["x"].tolist() == [[2], [0]]
        assert known.tolist() == [True, False]

    @pytest.mark.parametrize(
        "blocks", [{}, {"x": np.zeros((3, 1))}, {"x": np.zeros(2)}, {"x": np.full((2, 1), np.nan)}]
    )
    def test_refuses_what_does_not_fit(self, blocks):
        with pytest.raises(InputError):
            ItemFeatures(Ids(["a", "b"]), blocks)


class TestKernelMap:
    def test_is_ridge_regression_in_the_kernels_space(self):
        rng = np.random.default_rng(0)
        x = rng.normal(0, 1, (12, 3)).astype(np.float32)
        year = rng.integers(1990, 1994, (12, 1)).astype(np.float32)
        described = Described.of({"x": x[:8], "year": year[:8]})
        towards = described.towards({"x": x[8:], "year": year[8:]})
        rows = x / np.linalg.norm(x, axis=1, keepdims=True)
        rows -= rows[:8].mean(axis=0)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        gaps = (year - year.T) / year[:8].std()
        near = (gaps == 0) + sum(np.exp(-0.5 * (gaps / width) ** 2) for width in (0.3, 1, 3))
        cosines = rows @ rows.T
        kernel = (1 + 0.3 * (cosines + cosines**2)) * (1 + 3 * near)
        ridge = 4 * np.diag(kernel)[:8].mean()
        expected = np.linalg.solve(kernel[:8, :8] + ridge * np.eye(8), kernel[:8, 8:])
        shares = KernelMap({"x": 0.3, "year": 3.0}, 4.0).shares(described.likeness, towards)
        assert shares == pytest.approx(expected, rel=1e-3)

    def test_without_weights_everything_counts_alike(self):
        within, towards = {"x": np.ones((3, 3))}, {"x": np.ones((3, 1))}
        shares = KernelMap({"x": 0.0}, 1.0).shares(within, towards)
        assert shares == pytest.approx(np.full((3, 1), 0.25))

    def test_other_columns_are_refused(self):
        described = Described.of({"x": np.eye(3, dtype=np.float32)})
        with pytest.raises(InputError, match="columns by block"):
            described.towards({"x": np.eye(2, dtype=np.float32)})

    def test_mean_ndcg_by_hand(self):
        liked = np.array([[True, False, True], [False, False, False]])
        scores = np.array([[3.0, 2.0, 1.0], [1.0, 2.0, 3.0]])
        assert mean_ndcg(scores, liked, 3) == pytest.approx(1.5 / (1 + 1 / np.log2(3)))


def fraction_right(model, data):
    users = list(data.users.values)
    lists = model.recommend(users, 5, allowed=NEW)
    right = [
        pick.item_id % 2 == parity(user)
        for user, picks in zip(users, lists, strict=True)
        for pick in picks
    ]
    assert len(right) == 5 * len(users)
    return np.mean(right)


class TestHybrid:
    def test_recommends_what_nobody_chose_by_its_looks(self):
        data = checkerboard("implicit")
        model = make_rating_model("hybrid", regularization=10.0).fit(data, described())
        assert fraction_right(model, data) > 0.95

    def test_looks_that_mean_nothing_do_not_help(self):
        data = checkerboard("implicit")
        model = make_rating_model("hybrid", regularization=10.0)
        found = [
            fraction_right(model.fit(data, described(seed=seed, shuffled=True)), data)
            for seed in range(5)
        ]
        assert 0.35 < np.mean(found) < 0.65

    def test_learns_which_block_matters(self):
        data = checkerboard("implicit")
        model = make_rating_model("hybrid", regularization=10.0).fit(data, described())
        assert model.maps_[0].weights["looks"] > model.maps_[0].weights["nothing"]

    def test_items_with_interactions_are_scored_as_ease_does(self):
        data = checkerboard("implicit")
        hybrid = make_rating_model("hybrid").fit(data, described())
        ease = make_rating_model("ease").fit(data)
        pairs = data.user_ids, data.item_ids
        assert hybrid.predict(*pairs) == pytest.approx(ease.predict(*pairs), abs=1e-6)

    def test_a_new_item_is_what_it_would_have_been_in_the_fit(self):
        data, features = checkerboard("implicit"), described()
        whole = make_rating_model("hybrid", regularization=10.0).fit(data, features)
        some = ItemFeatures(
            Ids(range(N_ITEMS)), {n: b[:N_ITEMS] for n, b in features.blocks.items()}
        )
        model = make_rating_model("hybrid", regularization=10.0).fit(data, some)
        added = model.add_items(features)
        users = list(data.users.values)
        assert len(model.items_) == N_ITEMS
        assert fraction_right(added, data) > 0.95
        asked = users[:1] * len(NEW), NEW
        assert added.predict(*asked) == pytest.approx(whole.predict(*asked), abs=0.05)
        assert added.add_items(features) is added
        loaded = load_rating_model(model.to_artifact()).add_items(features)
        assert np.array_equal(loaded.predict(*asked), added.predict(*asked))

    def test_a_new_item_needs_features_in_the_fit(self):
        with pytest.raises(InputError, match="without item features"):
            make_rating_model("hybrid").fit(checkerboard("implicit")).add_items(described())

    def test_cold_items_compete_with_warm_ones(self):
        data = checkerboard("implicit")
        model = make_rating_model("hybrid", regularization=10.0).fit(data, described())
        assert model.scale_ > 1
        lists = model.recommend(list(data.users.values), 10)
        new = [sum(pick.item_id in NEW for pick in picks) for picks in lists]
        assert 0.5 < np.mean(new) < 6

    def test_likeness_joins_warm_items(self):
        data = checkerboard("implicit", share=0.1)
        ids = np.array(data.items.values)
        same = np.equal.outer(ids % 2, ids % 2)
        gaps = []
        for likeness_weight in (0.0, 30.0):
            model = make_rating_model("hybrid", likeness_weight=likeness_weight)
            weights = model.fit(data, described()).weights_[:N_ITEMS, :N_ITEMS]
            gaps.append(weights[same].mean() - weights[~same].mean())
        assert gaps[1] > 1.5 * gaps[0]

    def test_the_map_is_learned_from_the_most_chosen(self):
        data = checkerboard("implicit")
        model = make_rating_model("hybrid", regularization=10.0, n_known=20).fit(data, described())
        counts = data.by_item.counts
        assert len(model.known_) == 20
        assert counts[model.known_].min() >= np.sort(counts)[-20]
        assert fraction_right(model, data) > 0.9

    def test_with_trust_few_interactions_lean_on_looks(self):
        data = checkerboard("implicit")
        plain = make_rating_model("hybrid").fit(data, described())
        leaning = make_rating_model("hybrid", trust=50.0).fit(data, described())
        pairs = data.user_ids, data.item_ids
        assert not np.allclose(plain.predict(*pairs), leaning.predict(*pairs))

    def test_too_few_described_items_say_so(self):
        data = checkerboard("implicit")
        features = ItemFeatures(Ids([0, 1]), {"looks": np.eye(2, dtype=np.float32)})
        with pytest.raises(InputError, match="too few"):
            make_rating_model("hybrid").fit(data, features)

    @pytest.mark.parametrize("params", [{"trust": -1.0}, {"n_folds": 1}])
    def test_refuses_what_makes_no_sense(self, params):
        with pytest.raises(OptionError):
            make_rating_model("hybrid", **params).fit(checkerboard("implicit"))


class TestVisualKNN:
    def test_recommends_what_nobody_rated_by_its_looks(self):
        data = checkerboard()
        model = make_rating_model("visual-knn").fit(data, described())
        assert fraction_right(model, data) > 0.95

    def test_an_unrated_item_starts_from_the_bias_of_what_looks_like_it(self):
        # Everybody likes even items and dislikes odd ones.
        users, items = np.divmod(np.arange(20 * N_ITEMS), N_ITEMS)
        data = Interactions.from_arrays(users, items, np.where(items % 2, 2.0, 4.0))
        model = make_rating_model("visual-knn").fit(data, described())
        predicted = model.predict(["nobody"] * len(NEW), NEW)
        assert predicted[::2].min() > 3.2
        assert predicted[1::2].max() < 2.8

    def test_vote_is_the_nearest_neighbour_classifier(self):
        data = checkerboard()
        features = described(noise=0.3)
        model = make_rating_model("visual-knn", form="vote", k=3).fit(data, features)
        looks = np.hstack(
            [b / np.linalg.norm(b, axis=1, keepdims=True) for b in features.blocks.values()]
        )
        ratings = {item: [] for item in range(N_ITEMS)}
        for item, rating in zip(data.item_ids, data.ratings, strict=True):
            ratings[item].append(rating)
        for row, item in enumerate(NEW, start=N_ITEMS):
            near = np.argsort(-(looks[row] @ looks[:N_ITEMS].T))[:3]
            votes = [rating for other in near for rating in ratings[other]]
            expected = max(sorted(set(votes)), key=votes.count)
            assert model.predict(["whoever"], [item])[0] == expected

    def test_needs_features(self):
        with pytest.raises(InputError, match="picture vectors"):
            make_rating_model("visual-knn").fit(checkerboard())

    @pytest.mark.parametrize("params", [{"k": 0}, {"form": "x"}, {"sharpness": 0.0}])
    def test_refuses_what_makes_no_sense(self, params):
        with pytest.raises(OptionError):
            make_rating_model("visual-knn", **params).fit(checkerboard(), described())


class TestContentProfile:
    def test_recommends_what_nobody_rated_by_its_features(self):
        data = checkerboard("implicit")
        model = make_rating_model("content-profile").fit(data, described())
        assert fraction_right(model, data) > 0.95
        assert model.knows_by("looks")
        assert not model.knows_by("taste")

    def test_is_bayes_rule_by_block(self):
        users, items = ["a", "a", "b"], ["x", "y", "z"]
        data = Interactions.from_arrays(users, items, feedback="implicit")
        colours = [["red"], ["red", "blue"], ["blue"], ["green"]]
        features = ItemFeatures.from_columns(["x", "y", "z", "w"], {"colour": colours})
        model = make_rating_model("content-profile", prior=2.0).fit(data, features)
        rows = np.array([[0, 0, 1], [0.5**0.5, 0, 0.5**0.5], [1, 0, 0], [0, 1, 0]])
        everybody = rows[:3].mean(axis=0)
        mine = (rows[0] + rows[1] + 2 * everybody) / 4
        expected = np.log(rows[:3] @ mine / (rows[:3] @ everybody))
        found = model.predict(["a"] * 4, ["x", "y", "z", "w"])
        np.testing.assert_allclose(found[:3], expected, rtol=1e-5)
        assert found[3] == 0  # like nothing that anybody chose

    def test_numbers_are_alike_by_their_distance(self):
        data = Interactions.from_arrays(
            ["a", "a", "b", "b"], [1990, 1991, 1960, 1961], feedback="implicit"
        )
        years = [1990, 1991, 1960, 1961, 1988, 1964]
        block = np.array(years, np.float32)[:, None]
        model = make_rating_model("content-profile").fit(
            data, ItemFeatures(Ids(years), {"year": block})
        )
        near, far = model.predict(["a", "a"], [1988, 1964])
        assert near > 0 > far

    def test_an_undescribed_item_and_an_unknown_user_are_told_nothing_of(self):
        data = checkerboard("implicit")
        features = described()
        some = ItemFeatures(
            Ids(features.items.values[2:]), {n: b[2:] for n, b in features.blocks.items()}
        )
        model = make_rating_model("content-profile").fit(data, some)
        assert model.predict(["user 0", "user 1", "nobody"], [0, 1, 5]).tolist() == [0, 0, 0]

    def test_new_items_are_known_without_a_fit(self):
        data, features = checkerboard("implicit"), described()
        whole = make_rating_model("content-profile").fit(data, features)
        old = ItemFeatures(
            Ids(range(N_ITEMS)), {n: b[:N_ITEMS] for n, b in features.blocks.items()}
        )
        fitted = make_rating_model("content-profile").fit(data, old)
        added = load_rating_model(fitted.to_artifact()).add_items(features)
        users = ["user 0"] * len(NEW)
        np.testing.assert_allclose(
            added.predict(users, NEW), whole.predict(users, NEW), rtol=1e-5, atol=1e-6
        )
        assert added.add_items(features) is added
        with pytest.raises(InputError, match="columns by block"):
            fitted.add_items(ItemFeatures(Ids(NEW), {"looks": np.ones((10, 3), np.float32)}))

    def test_needs_features_and_a_prior(self):
        data = checkerboard("implicit")
        with pytest.raises(InputError, match="needs item features"):
            make_rating_model("content-profile").fit(data)
        with pytest.raises(OptionError, match="above 0"):
            make_rating_model("content-profile", prior=0.0).fit(data, described())
        other = ItemFeatures(Ids(["elsewhere"]), {"looks": np.ones((1, 2), np.float32)})
        with pytest.raises(InputError, match="nothing can be learned"):
            make_rating_model("content-profile").fit(data, other)
