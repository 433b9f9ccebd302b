"""A blend's ranking corrected by what held-out choices teach."""

from dataclasses import fields

import numpy as np
import pytest
from tests.ratings.test_features import NEW, described, fraction_right
from tests.ratings.test_user_profile import STRANGERS, strangers
from tests.ratings.worlds import N_ITEMS, checkerboard, ndcg_of_parity

from vitrine.errors import OptionError
from vitrine.ratings import Interactions, UserFeatures, load_rating_model, make_rating_model
from vitrine.ratings.folding_neighbours import folding
from vitrine.ratings.second_stage import SecondStage, Told

MODELS = [["ease", {}], ["hybrid", {"regularization": 5.0}]]


def told(seed=0, n_users=6, n_items=5, n_pair=3, n_item=2, n_user=2):
    rng = np.random.default_rng(seed)
    each = n_users, n_items
    shapes = each, (*each, n_pair), (*each, n_item), (n_users, n_user)
    return Told(*(rng.normal(0, 1, shape).astype(np.float32) for shape in shapes))


class TestSecondStage:
    def test_untaught_leaves_scores_as_they_are(self):
        some = told()
        stage = SecondStage.untaught(some, 4, np.random.default_rng(0))
        assert np.allclose(stage.scores(some), some.base)

    def test_gradients_are_those_of_the_loss(self):
        some, rng = told(), np.random.default_rng(1)
        names = [each.name for each in fields(SecondStage)]
        shapes = (3, 4), (2, 4), (2, 4), (4,), (4,), (3,), (2,), (1,)
        values = {n: rng.normal(0, 1, s) for n, s in zip(names, shapes, strict=True)}
        wanted = rng.random((6, 5)) * (rng.random((6, 5)) < 0.5)
        wanted[:, 0] += 0.5

        def loss(**changed):
            scores = SecondStage(**(values | changed)).scores(some)
            shares = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
            return -(wanted * shares).sum() / len(wanted)

        found = SecondStage(**values)._gradients(some, wanted)
        for name, gradient in zip(names, found, strict=True):
            for place in np.ndindex(values[name].shape):
                step = np.zeros_like(values[name])
                step[place] = 1e-5
                slope = (
                    loss(**{name: values[name] + step}) - loss(**{name: values[name] - step})
                ) / 2e-5
                assert gradient[place] == pytest.approx(slope, abs=2e-4), name

    def test_items_may_be_the_same_for_all(self):
        some, rng = told(), np.random.default_rng(0)
        stage = SecondStage.untaught(some, 4, rng)
        stage.out[:], stage.linear_item[:] = 1.0, (1.0, -2.0)
        shared = Told(some.base, some.pairs, some.items[0], some.users)
        each = Told(some.base, some.pairs, np.tile(some.items[:1], (6, 1, 1)), some.users)
        assert np.allclose(stage.scores(shared), stage.scores(each))
        candidates = np.array([[4, 0]] * 6)
        found = stage.scores(shared.among(candidates))
        assert np.allclose(found, stage.scores(shared)[:, [4, 0]])

    def test_learns_what_only_users_and_items_together_tell(self):
        """Half of the users choose by the first number of a pair, the others against it."""
        some = told(n_users=400, n_items=8)
        sign = np.where(some.users[:, 0] > 0, 1.0, -1.0)
        wanted = (some.pairs[:, :, 0] * sign[:, None] > 1).astype(np.float32)
        there = np.flatnonzero(wanted.any(axis=1))
        some, wanted = some.take(there), wanted[there]
        rng = np.random.default_rng(0)
        stage = SecondStage.untaught(some, 16, rng)
        stage.teach(some.take(np.arange(200)), wanted[:200], 100, 0.02, 0.0, rng)
        rest = np.arange(200, len(wanted))
        first = np.argmax(stage.scores(some.take(rest)), axis=1)
        by_base = np.argmax(some.base[rest], axis=1)
        assert wanted[rest, first].mean() > 0.9 > 0.5 > wanted[rest, by_base].mean()


class TestRankStack:
    def test_without_held_out_choices_it_is_the_blend(self):
        data = checkerboard("implicit")
        users = [*data.users.values, "nobody"]
        stack = make_rating_model("rank-stack", models=MODELS, n_draws=0).fit(data)
        blend = make_rating_model("rank-blend", models=MODELS).fit(data)
        for one, two in zip(stack.recommend(users, 5), blend.recommend(users, 5), strict=True):
            assert [pick.item_id for pick in one] == [pick.item_id for pick in two]

    @pytest.mark.parametrize("feedback", ["explicit", "implicit"])
    def test_learns_whose_taste_features_tell(self, feedback):
        """Nearly all that men choose is even, and what women choose odd."""
        rng = np.random.default_rng(0)
        n_users, n_items = 150, 40
        is_man = np.arange(n_users) % 2 == 0
        rows = []
        for user in range(n_users):
            liked = rng.choice(n_items // 2, 6, replace=False) * 2 + (0 if is_man[user] else 1)
            rows += [(user, item) for item in {*liked, *rng.choice(n_items, 2)}]
        users, items = (list(column) for column in zip(*rows, strict=True))
        ratings = rng.integers(4, 6, len(users)) if feedback == "explicit" else None
        data = Interactions.from_arrays(users, items, ratings, feedback=feedback)
        sexes = UserFeatures.from_columns(range(n_users), {"sex": is_man.tolist()})
        popular = [["popularity", {}]]
        blind = make_rating_model("rank-stack", models=popular, weight_decay=0.1).fit(data)
        told = make_rating_model("rank-stack", models=popular, weight_decay=0.1).fit(
            data.described_by(sexes)
        )

        def right(model):
            picks = model.recommend(range(n_users), 5)
            return np.mean([p.item_id % 2 != is_man[u] for u, row in enumerate(picks) for p in row])

        assert right(told) > 0.95
        assert right(blind) < 0.6
        loaded = load_rating_model(told.to_artifact())
        history = np.array([0, 3], np.int32), np.array([5, 4], np.float32)
        for user in (0, 1, -1):
            one, two = (folding(model).scores_of(user, *history) for model in (told, loaded))
            assert np.array_equal(one, two)

    def test_serves_people_who_chose_nothing_by_their_features(self, tmp_path):
        stack = make_rating_model("rank-stack", models=MODELS, n_draws=1).fit(strangers())
        picks = stack.recommend(STRANGERS, 5)
        assert ndcg_of_parity(dict(zip(STRANGERS, picks, strict=True))) == 1.0
        loaded = load_rating_model(stack.save(tmp_path / "model"))
        everybody = [*stack.users_.values, "nobody"]
        assert loaded.recommend(everybody, 5) == stack.recommend(everybody, 5)

    def test_a_history_folded_in_is_served_as_fitted(self):
        data = strangers()
        stack = make_rating_model("rank-stack", models=[["ease", {}]], n_draws=2).fit(data)
        served = folding(stack)
        rows = data.by_user
        for user in (0, 1, 7):
            at = slice(rows.indptr[user], rows.indptr[user + 1])
            found = served.scores_of(user, rows.indices[at], rows.ratings[at])
            fitted = stack._scores(np.array([user], np.int32))[0]
            assert np.allclose(found, fitted, atol=1e-4)

    def test_takes_in_items_that_came_later(self, tmp_path):
        data, later = checkerboard("implicit"), described()
        before = described_only(later, range(N_ITEMS))
        stack = make_rating_model("rank-stack", models=MODELS, n_draws=1).fit(data, before)
        grown = stack.add_items(later)
        assert [*grown.items_.values][N_ITEMS:] == NEW
        assert len(stack.items_) == N_ITEMS
        assert fraction_right(grown, data) > 0.9
        assert grown.add_items(later) is grown
        loaded = load_rating_model(grown.save(tmp_path / "model"))
        users = [*data.users.values, "nobody"]
        assert loaded.recommend(users, 5) == grown.recommend(users, 5)
        known = users[:3], [0, 1, 2]
        assert np.allclose(grown.predict(*known), stack.predict(*known), atol=1e-4)
        blend = make_rating_model("rank-blend", models=MODELS).fit(data, before).add_items(later)
        for one, two in zip(*(m.recommend(users, 9, allowed=NEW) for m in (grown, blend)),
                            strict=True):  # fmt: skip
            assert [pick.item_id for pick in one] == [pick.item_id for pick in two]

    def test_somebody_without_choices_gets_later_items_scored_as_in_any_batch(self):
        data, later = strangers(), described()
        before = described_only(later, range(N_ITEMS))
        grown = make_rating_model("rank-stack", models=MODELS, n_draws=0).fit(data, before)
        grown = grown.add_items(later)
        batch = grown.recommend(STRANGERS, len(grown.items_))
        assert [len(picks) for picks in batch] == [N_ITEMS + len(NEW)] * len(STRANGERS)
        assert batch == [grown.recommend([user], len(grown.items_))[0] for user in STRANGERS]

    def test_is_bounded_by_how_many_histories_it_learns_from(self):
        data = checkerboard("implicit")
        few = make_rating_model("rank-stack", models=[["ease", {}]], max_histories=5)
        lessons = [*few.fit(data)._lessons(data, None, np.random.default_rng(0))]
        assert sum(len(wanted) for _, wanted in lessons) == 5

    @pytest.mark.parametrize(
        "params",
        [{"n_draws": -1}, {"test_share": 1.0}, {"n_candidates": 0}, {"learning_rate": 0.0},
         {"weight_decay": -1.0}, {"n_components": 0}, {"models": []}],
    )  # fmt: skip
    def test_refuses_what_makes_no_sense(self, params):
        with pytest.raises(OptionError):
            make_rating_model("rank-stack", **params).fit(checkerboard("implicit"))


def described_only(features, ids):
    """Return the features of some items alone."""
    rows = features.items.codes(ids)
    kept = {name: block[rows] for name, block in features.blocks.items()}
    return type(features)(type(features.items)(ids), kept)
