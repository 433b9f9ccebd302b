"""The hybrid for explicit ratings: the sampler of its map, what is said of unrated items."""

import numpy as np
import pytest
from tests.ratings.worlds import N_ITEMS, checkerboard

from vitrine.errors import InputError, OptionError
from vitrine.ratings import Interactions, ItemFeatures, load_rating_model, make_rating_model
from vitrine.ratings.feature_map import FeatureMap
from vitrine.ratings.feature_prior import FeaturePrior
from vitrine.ratings.ids import Ids

NEW = [*range(100, 110)]
"""Items that nobody rated; their parity is their taste, as for all others."""
FEW = {"n_samples": 20, "burn_in": 10}


def described(ids, seed=0):
    """Looks that show an item's parity, and a block that shows nothing."""
    rng = np.random.default_rng(seed)
    looks = np.eye(2)[np.array(ids) % 2] + rng.normal(0, 0.1, (len(ids), 2))
    blocks = {"looks": looks, "nothing": rng.normal(0, 1, (len(ids), 8))}
    return ItemFeatures(Ids(ids), {name: b.astype(np.float32) for name, b in blocks.items()})


def fitted(features=None, data=None, **params):
    model = make_rating_model("bayesian-hybrid", **(FEW | params))
    return model.fit(data or checkerboard(), features)


def apart(model, items, users=range(0, 40, 2)):
    """Mean rating that even users are expected to give to even items less that to odd ones."""
    users = [f"user {user}" for user in users]
    expected = [model.predict(users, [item] * len(users)).mean() for item in items]
    return np.mean(expected[::2]) - np.mean(expected[1::2])


class TestFeatureMap:
    def test_columns_are_centred_orthogonal_and_of_mean_square_one(self):
        block = np.random.default_rng(0).normal(1, 1, (50, 5)).astype(np.float32)
        columns = FeatureMap.of({"x": block}, 3)({"x": block})["x"]
        assert columns.shape == (50, 3)
        assert columns.mean(axis=0) == pytest.approx(np.zeros(3), abs=1e-5)
        gram = columns.T @ columns
        assert gram - np.diag(np.diag(gram)) == pytest.approx(np.zeros((3, 3)), abs=1e-3)
        assert np.square(columns).sum(axis=1).mean() == pytest.approx(1, abs=1e-4)

    def test_any_curve_of_a_number_is_linear_in_its_columns(self):
        years = np.random.default_rng(0).uniform(1930, 1999, (400, 1)).astype(np.float32)
        mapped = FeatureMap.of({"year": years}, 64)
        columns = np.column_stack([np.ones(400), mapped({"year": years})["year"]])
        hill = -np.abs(years[:, 0] - 1970)
        told = columns @ np.linalg.lstsq(columns, hill, rcond=None)[0]
        assert np.corrcoef(told, hill)[0, 1] > 0.99

    def test_a_number_beyond_those_seen_is_taken_for_the_last(self):
        years = np.arange(1950, 2000, dtype=np.float32)[:, None]
        mapped = FeatureMap.of({"year": years}, 64)
        later, last = mapped({"year": np.array([[2050], [1999]], np.float32)})["year"]
        assert later == pytest.approx(last)

    def test_many_categories_say_no_more_than_one(self):
        block = np.eye(4, dtype=np.float32)
        block[0] = 1
        mapped = FeatureMap.of({"x": block}, 4)
        row = mapped._rows("x", block)
        assert np.linalg.norm(row, axis=1) == pytest.approx(np.ones(4))
        longer = block * 3  # no categories: what is longer says more
        assert (
            np.ptp(np.linalg.norm(FeatureMap.of({"x": longer}, 4)._rows("x", longer), axis=1)) > 1
        )

    def test_a_block_without_differences_has_no_columns(self):
        block = np.ones((4, 3), np.float32)
        assert FeatureMap.of({"x": block}, 3)({"x": block})["x"].shape == (4, 0)

    def test_is_the_same_from_its_arrays(self):
        rng = np.random.default_rng(0)
        blocks = {
            "genre": np.eye(3)[rng.integers(0, 3, 50)],
            "year": rng.normal(0, 1, (50, 1)),
            "x": rng.normal(0, 1, (50, 5)),
        }
        mapped = FeatureMap.of(blocks, 4)
        again = FeatureMap.from_arrays({"other": np.ones(3), **mapped.to_arrays()})
        for name, columns in mapped(blocks).items():
            assert np.array_equal(again(blocks)[name], columns)


class TestFeaturePrior:
    def test_finds_the_map_that_made_the_columns(self):
        rng = np.random.default_rng(0)
        block = rng.normal(0, 1, (400, 4))
        columns = FeatureMap.of({"x": block}, 4)({"x": block})
        truth = rng.normal(0, 1, (3, 4))
        values = truth @ columns["x"].T + rng.normal(0, 0.1, (3, 400))
        prior = FeaturePrior(columns, 3)
        drawn = []
        for _ in range(60):
            prior.draw(values, np.full(3, 100.0), rng)
            drawn.append(prior.coefficients["x"])
        assert np.mean(drawn[10:], axis=0) == pytest.approx(truth, abs=0.06)

    def test_what_says_nothing_is_held_near_zero(self):
        rng = np.random.default_rng(0)
        columns = {"x": rng.normal(0, 0.2, (300, 30))}
        prior = FeaturePrior(columns, 1)
        for _ in range(50):
            prior.draw(rng.normal(0, 1, (1, 300)), np.ones(1), rng)
        assert prior.precisions["x"][0] > 1


class TestBayesianHybrid:
    def test_without_features_it_is_the_plain_sampler(self):
        data = checkerboard()
        plain = make_rating_model("bayesian-svdpp", **FEW).fit(data)
        pairs = data.user_ids, data.item_ids
        assert np.array_equal(fitted().predict(*pairs), plain.predict(*pairs))

    def test_items_nobody_rated_are_told_apart_by_their_looks(self):
        model = fitted(described([*range(N_ITEMS), *NEW]))
        assert apart(model, NEW) > 1.5
        assert apart(model, NEW, range(1, 40, 2)) < -1.5

    def test_what_few_rated_and_few_liked_is_told_apart_before_it_is_rated_much(self):
        rng = np.random.default_rng(0)
        much, seldom = range(100), range(100, 200)
        rows = [(u, i, rng.choice([4, 5])) for i in much for u in range(40)]
        rows += [(int(u), i, rng.choice([1, 2])) for i in seldom for u in rng.choice(40, 1)]
        data = Interactions.from_arrays(*map(list, zip(*rows, strict=True)))
        nothing = ItemFeatures(
            Ids([*much, *seldom, "new"]), {"nothing": rng.normal(0, 1, (201, 3)).astype(np.float32)}
        )
        model = fitted(nothing, data)
        plain = make_rating_model("bayesian-svdpp", **FEW).fit(data)
        seldom_rated = [m.predict([0] * 100, seldom).mean() for m in (model, plain)]
        assert seldom_rated[0] < seldom_rated[1] - 0.1
        # An item that nobody rated is taken for one that an average rating is of.
        assert model.predict([0], ["new"])[0] > seldom_rated[0] + 0.5
        assert model.predict([0], ["unknown"])[0] > seldom_rated[0] + 0.5

    def test_looks_that_mean_nothing_say_nothing(self):
        features = described([*range(N_ITEMS), *NEW])
        rng = np.random.default_rng(3)
        shuffled = {name: rng.permutation(block) for name, block in features.blocks.items()}
        model = fitted(ItemFeatures(features.items, shuffled))
        assert abs(apart(model, NEW)) < 0.4 * apart(fitted(features), NEW)

    def test_new_items_are_what_they_would_have_been_in_the_fit(self):
        whole = fitted(described([*range(N_ITEMS), *NEW]))
        features = described([*range(N_ITEMS), *NEW])
        some = ItemFeatures(
            Ids(range(N_ITEMS)), {name: b[:N_ITEMS] for name, b in features.blocks.items()}
        )
        model = fitted(some)
        added = model.add_items(features)
        assert len(model.items_) == N_ITEMS
        assert len(added.items_) == N_ITEMS + len(NEW)
        users = ["user 0"] * len(NEW)
        # Both are short chains, and not the same ones; what they know of an item is.
        found, expected = added.predict(users, NEW), whole.predict(users, NEW)
        assert np.corrcoef(found, expected)[0, 1] > 0.95
        assert np.abs(found - expected).mean() < 1
        assert added.add_items(features) is added
        old = ["user 0"] * N_ITEMS, range(N_ITEMS)
        assert np.array_equal(added.predict(*old), model.predict(*old))
        loaded = load_rating_model(model.to_artifact()).add_items(features)
        assert np.array_equal(loaded.predict(users, NEW), added.predict(users, NEW))
        value, spread = added.predict_spread(users, NEW)
        assert np.isfinite(value + spread).all()

    def test_a_new_item_needs_features_in_the_fit(self):
        with pytest.raises(InputError, match="without item features"):
            fitted().add_items(described(NEW))
        model = fitted(described(range(N_ITEMS)))
        other = ItemFeatures(Ids(NEW), {"looks": np.ones((len(NEW), 5), np.float32)})
        with pytest.raises(InputError, match="columns by block"):
            model.add_items(other)

    def test_features_of_nothing_rated_are_refused(self):
        with pytest.raises(InputError, match="nothing can be learned"):
            fitted(described(NEW))

    def test_ratings_outweigh_looks_where_there_are_many(self):
        # Item 0 looks even and is rated as an odd one.
        data = checkerboard(share=0.8)
        ratings = np.where(np.array(data.item_ids) == 0, 6 - data.ratings, data.ratings)
        turned = Interactions.from_arrays(data.user_ids, data.item_ids, ratings)
        model = fitted(described(range(N_ITEMS)), turned)
        assert model.predict(["user 0"], [0])[0] < 2.5 < model.predict(["user 0"], [2])[0]

    def test_refuses_what_makes_no_sense(self):
        with pytest.raises(OptionError, match="n_components"):
            fitted(n_components=0)
