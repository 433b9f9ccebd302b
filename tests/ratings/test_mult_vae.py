"""The variational autoencoder: its gradients, its features, and items that are drawn to compete."""

import numpy as np
import pytest
import scipy.sparse as sp
from tests.ratings.test_features import NEW, described, fraction_right
from tests.ratings.worlds import N_ITEMS, checkerboard

from vitrine.errors import InputError, OptionError
from vitrine.evaluation.ratings import share_of_each_user
from vitrine.ratings import Interactions, ItemFeatures, load_rating_model, make_rating_model
from vitrine.ratings.adam import Adam, one_cycle
from vitrine.ratings.ids import Ids
from vitrine.ratings.variational import Draw, Network
from vitrine.ratings.variational_training import FEATURE_SCALES

N_FACTORS, N_HIDDEN = 3, 4
EVERYTHING = [
    "own_in",
    "own_out",
    "by_features_in",
    "by_features_out",
    "hidden",
    "mean",
    "mean_shift",
    "spread",
    "spread_shift",
]


def fitted(features=None, data=None, **params):
    data = checkerboard("implicit") if data is None else data
    return make_rating_model("mult-vae", **params).fit(data, features)


class TestAdam:
    def test_finds_the_lowest_point_of_a_long_valley(self):
        steep = np.array([100.0, 1.0])
        descent = Adam(np.array([3.0, -2.0]), 0.0)
        for number in range(1, 2000):
            descent.step(steep * descent.values, 0.1 * (1 - number / 2000), number)
        assert descent.values == pytest.approx(np.zeros(2), abs=1e-3)

    def test_steps_only_the_rows_it_is_given(self):
        table = Adam(np.ones((4, 2), np.float32), 0.5)
        table.step(np.ones((2, 2), np.float32), 0.1, 1, np.array([1, 3]))
        assert table.values[[0, 2]] == pytest.approx(np.ones((2, 2)))
        # The first step is as long as the rate, whatever the gradient, and the decay comes on top.
        assert table.values[[1, 3]] == pytest.approx(np.full((2, 2), 1 - 0.1 - 0.05))

    def test_the_rate_rises_and_falls(self):
        rates = [one_cycle(1.0, done) for done in (0, 0.15, 0.3, 0.65, 1)]
        assert rates == pytest.approx([0.04, 0.52, 1.0, 0.5, 0.0])


class TestNetwork:
    @pytest.fixture
    def case(self):
        rng = np.random.default_rng(0)
        features = rng.normal(0, 1, (7, 2))
        network = Network(features.astype(np.float32), N_HIDDEN, N_FACTORS, 0.0, rng)
        network.features = features
        for name in EVERYTHING:  # in doubles, and far enough from 0 to matter
            parameter = getattr(network, name)
            parameter.values = rng.normal(0, 0.7, parameter.values.shape)
        chosen = sp.csr_matrix(rng.random((3, 7)) * (rng.random((3, 7)) < 0.5))
        chosen = sp.csr_matrix(chosen.multiply([1, 1, 1, 1, 1, 0, 0]))
        draw = Draw(
            rng.standard_normal((3, N_FACTORS)),
            np.array([1.0, 0, 1, 1, 1, 0, 1]),
            np.array([0, 1, 2, 3, 4, 6]),
            np.array([0.0, 0, 0, 0, 0, 0.7]),
        )
        return network, sp.csr_matrix(chosen), draw

    @pytest.mark.parametrize("name", EVERYTHING)
    def test_its_gradients_are_those_of_its_loss(self, case, name):
        network, chosen, draw = case
        parameter = getattr(network, name)
        _, gradients = network.gradients(chosen, chosen, draw, 0.3)
        found = np.zeros_like(parameter.values)
        for each, gradient, rows in gradients:
            if each is parameter:
                found[slice(None) if rows is None else rows] = gradient
        measured = np.zeros_like(found)
        for place in np.ndindex(found.shape):
            kept = parameter.values[place]
            losses = []
            for step in (1e-5, -1e-5):
                parameter.values[place] = kept + step
                losses.append(network.gradients(chosen, chosen, draw, 0.3)[0])
            parameter.values[place] = kept
            measured[place] = (losses[0] - losses[1]) / 2e-5
        assert np.abs(measured).max() > 1e-4
        assert found == pytest.approx(measured, abs=1e-7)


class TestFeatures:
    def test_recommends_what_nobody_chose_by_its_looks(self):
        data = checkerboard("implicit")
        assert fraction_right(fitted(described()), data) > 0.95

    def test_looks_that_mean_nothing_do_not_help(self):
        data = checkerboard("implicit")
        found = [
            fraction_right(fitted(described(seed=seed, shuffled=True)), data) for seed in range(5)
        ]
        assert 0.35 < np.mean(found) < 0.65

    def test_a_new_item_is_what_it_would_have_been_in_the_fit(self):
        data, features = checkerboard("implicit"), described()
        whole = fitted(features)
        some = ItemFeatures(
            Ids(range(N_ITEMS)), {n: b[:N_ITEMS] for n, b in features.blocks.items()}
        )
        model = fitted(some)
        added = model.add_items(features)
        users = list(data.users.values)
        asked = users[:1] * len(NEW), NEW
        assert len(model.items_) == N_ITEMS
        assert fraction_right(added, data) > 0.95
        scores = added.predict(*asked), whole.predict(*asked)
        assert np.corrcoef(*scores)[0, 1] > 0.98
        assert added.add_items(features) is added
        loaded = load_rating_model(model.to_artifact()).add_items(features)
        assert np.array_equal(loaded.predict(*asked), added.predict(*asked))

    def test_in_which_order_blocks_come_does_not_matter(self):
        features = described()
        known = {name: block[:N_ITEMS] for name, block in features.blocks.items()}
        model = fitted(ItemFeatures(Ids(range(N_ITEMS)), known))
        turned = ItemFeatures(features.items, dict(reversed(features.blocks.items())))
        pairs = [0] * len(NEW), NEW
        one, two = (model.add_items(each).predict(*pairs) for each in (features, turned))
        assert np.array_equal(one, two)

    def test_cold_items_compete_with_warm_ones(self):
        data = checkerboard("implicit")
        lists = fitted(described()).recommend(list(data.users.values), 10)
        new = [sum(pick.item_id in NEW for pick in picks) for picks in lists]
        assert 0.5 < np.mean(new) < 8

    def test_what_is_neither_chosen_nor_described_is_as_the_least_popular(self):
        model = fitted(described(), checkerboard("implicit").with_items(["unheard of"]))
        code = model.items_.codes(["unheard of"])[0]
        assert model.item_biases_[code] == model.item_biases_.min()
        assert not model.item_factors_[code].any()

    def test_features_are_needed_in_the_fit_and_of_chosen_items(self):
        with pytest.raises(InputError, match="without item features"):
            fitted().add_items(described())
        strangers = ItemFeatures(Ids(NEW), {"looks": np.eye(len(NEW), dtype=np.float32)})
        with pytest.raises(InputError, match="nothing can be learned"):
            fitted(strangers)


@pytest.fixture(scope="module")
def world():
    """Users who choose by a softmax of 6 tastes, and the items' true looks."""
    rng = np.random.default_rng(0)
    looks, tastes = rng.normal(0, 1, (200, 6)), rng.normal(0, 1, (150, 6))
    drawn = 1.5 * tastes @ looks.T + rng.gumbel(0, 1, (150, 200))
    items = np.argsort(-drawn, axis=1)[:, :25].ravel()
    users = np.repeat(np.arange(150), 25)
    return looks, Interactions.from_arrays(users, items, feedback="implicit")


class TestFeatureScale:
    @staticmethod
    def features(columns):
        return ItemFeatures(Ids(range(len(columns))), {"looks": columns.astype(np.float32)})

    @staticmethod
    def blurred(looks):
        """Return 64 columns that say next to nothing of the looks."""
        rng = np.random.default_rng(1)
        seen = looks @ rng.normal(0, 1, (6, 64))
        return seen + 10.0 * rng.normal(0, 1, seen.shape)

    @pytest.mark.parametrize("seed", range(3))
    def test_is_long_where_looks_say_much_in_faint_columns(self, world, seed):
        looks, data = world
        faint = self.features(looks * 0.5 ** np.arange(6))
        found = fitted(faint, data, random_state=seed).feature_scales_
        assert found == {"looks": max(FEATURE_SCALES)}

    @pytest.mark.parametrize("seed", range(3))
    def test_is_short_where_looks_say_little(self, world, seed):
        looks, data = world
        blurred = self.features(self.blurred(looks))
        assert fitted(blurred, data, random_state=seed).feature_scales_ == {
            "looks": min(FEATURE_SCALES)
        }

    def test_is_fainter_for_a_block_that_drowns_the_others(self, world):
        looks, data = world
        blocks = {"looks": looks, "blurred": self.blurred(looks)}
        both = ItemFeatures(
            Ids(range(200)), {name: block.astype(np.float32) for name, block in blocks.items()}
        )
        found = fitted(both, data).feature_scales_
        assert found["blurred"] < found["looks"]

    def test_short_rows_cost_items_that_people_chose_less(self, world):
        looks, data = world
        split = next(share_of_each_user(data, 0.2, 0))
        wanted = set(zip(split.test.user_ids, split.test.item_ids, strict=True))
        users = list(split.test.users.values)
        found = []
        for scale in (min(FEATURE_SCALES), max(FEATURE_SCALES)):
            blurred = self.features(self.blurred(looks))
            model = fitted(blurred, split.train, feature_scale=scale)
            assert model.feature_scales_ == {"looks": scale}
            lists = model.recommend(users, 20)
            found.append(sum((u, p.item_id) in wanted for u, r in zip(users, lists, strict=True)
                             for p in r))  # fmt: skip
        assert found[0] > 1.02 * found[1]

    def test_a_settled_model_takes_what_was_found_and_is_the_same(self, world):
        looks, data = world
        model = fitted(self.features(looks), data)
        settled = model.settled()
        assert settled.feature_scale == model.feature_scales_
        again = settled.fit(data, self.features(looks))
        pairs = data.user_ids[:50], data.item_ids[:50]
        assert np.array_equal(model.predict(*pairs), again.predict(*pairs))
        assert make_rating_model("mult-vae").fit(data).settled().feature_scale is None

    def test_scales_are_of_the_blocks_that_are_there(self, world):
        looks, data = world
        with pytest.raises(OptionError, match="is for colour; the blocks are looks"):
            fitted(self.features(looks), data, feature_scale={"colour": 1.0})
        with pytest.raises(OptionError, match="above 0"):
            fitted(self.features(looks), data, feature_scale={"looks": 0.0})

    def test_a_loaded_model_takes_in_items_at_its_scale(self, world):
        looks, data = world
        new = ItemFeatures(Ids(["new"]), {"looks": looks[:1].astype(np.float32)})
        model = fitted(self.features(looks), data, feature_scale=0.5)
        added, loaded = (m.add_items(new) for m in (model, load_rating_model(model.to_artifact())))
        assert loaded.feature_scales_ == {"looks": 0.5}
        pairs = [0, 1, 2], ["new"] * 3
        assert np.array_equal(loaded.predict(*pairs), added.predict(*pairs))


def test_items_drawn_to_compete_stand_for_all():
    data = checkerboard("implicit")
    whole, drawn = fitted(), fitted(n_competing=8)
    for user in list(data.users.values)[:5]:
        pairs = [user] * N_ITEMS, range(N_ITEMS)
        assert np.corrcoef(whole.predict(*pairs), drawn.predict(*pairs))[0, 1] > 0.95


def test_a_bound_on_steps_is_kept():
    assert not np.allclose(fitted(max_steps=1).user_factors_, fitted().user_factors_)
    one, other = fitted(max_steps=1, n_epochs=7), fitted(max_steps=1, n_epochs=9)
    assert np.array_equal(one.user_factors_, other.user_factors_)


@pytest.mark.parametrize(
    "params",
    [{"n_factors": 0}, {"max_steps": 0}, {"dropout": 1.0}, {"own_dropout": -0.1},
     {"learning_rate": 0.0}, {"kl_weight": -1.0}, {"weight_decay": -1.0}, {"n_competing": 0},
     {"feature_scale": 0.0}],
)  # fmt: skip
def test_refuses_what_makes_no_sense(params):
    with pytest.raises(OptionError):
        fitted(**params)
