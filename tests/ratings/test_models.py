"""Models against references: direct solutions, plain loops, planted answers."""

import numpy as np
import pytest
from tests.ratings.worlds import checkerboard

from vitrine.errors import InputError, OptionError, TrainingError
from vitrine.ratings import Interactions, make_rating_model, memory
from vitrine.ratings.als import solve_rows


def planted(n_users=60, n_items=50, rank=2, noise=0.3, share=0.5, seed=0):
    """Ratings around 3 from a product of few factors, with noise; split into train and test."""
    rng = np.random.default_rng(seed)
    truth = 3 + rng.normal(0, 1, (n_users, rank)) @ rng.normal(0, 0.7, (n_items, rank)).T
    users, items = np.nonzero(rng.random((n_users, n_items)) < share)
    ratings = truth[users, items] + rng.normal(0, noise, len(users))
    data = Interactions.from_arrays(users, items, ratings)
    held = np.random.default_rng(seed + 1).random(len(data)) < 0.2
    return data.select(~held), data.select(held)


def rmse(model, test):
    return float(
        np.sqrt(np.mean((model.predict(test.user_ids, test.item_ids) - test.ratings) ** 2))
    )


def dense(data, missing=0.0):
    matrix = np.full((data.n_users, data.n_items), missing)
    matrix[data.user_codes, data.item_codes] = data.ratings
    return matrix


class TestBiases:
    def test_are_the_ridge_solution(self):
        train, _ = planted()
        model = make_rating_model("biases", user_damping=3.0, item_damping=2.0, n_iterations=200)
        model.fit(train)
        n, m = train.n_users, train.n_items
        design = np.zeros((len(train), n + m))
        design[np.arange(len(train)), train.user_codes] = 1
        design[np.arange(len(train)), n + train.item_codes] = 1
        ridge = np.diag([3.0] * n + [2.0] * m)
        rest = train.ratings - train.ratings.mean()
        expected = np.linalg.solve(design.T @ design + ridge, design.T @ rest)
        found = np.concatenate([model.user_biases_[:-1], model.item_biases_[:-1]])
        assert found == pytest.approx(expected, abs=1e-4)

    def test_unknown_users_get_the_items_bias(self):
        model = make_rating_model("biases").fit(planted()[0])
        expected = model.mean_ + model.item_biases_[3]
        assert model.predict(["nobody"], [model.items_.values[3]])[0] == pytest.approx(expected)


class TestNeighbours:
    @pytest.mark.parametrize("similarity", ["pearson-baseline", "pearson", "cosine"])
    @pytest.mark.parametrize("form", ["baseline", "centred", "plain"])
    @pytest.mark.parametrize("name", ["item-knn", "user-knn"])
    def test_as_a_plain_loop_has_it(self, name, similarity, form):
        # Dense: pairs of two common ratings all correlate by ±1, and which is taken is rounding.
        train, test = planted(n_users=25, n_items=20, share=0.9)
        params = {"k": 4, "shrinkage": 5.0, "damping": 0.1, "similarity": similarity, "form": form}
        model = make_rating_model(name, **params).fit(train)
        biases = make_rating_model("biases", user_damping=6.0, item_damping=2.0).fit(train)
        baseline = biases._scores(np.arange(train.n_users, dtype=np.int32))
        ratings = dense(train, np.nan)
        if name == "user-knn":
            ratings, baseline = ratings.T, baseline.T
        users, items = test.user_codes, test.item_codes
        if name == "user-knn":
            users, items = items, users
        expected = [
            _knn(ratings, baseline, u, i, similarity, form)
            for u, i in zip(users, items, strict=True)
        ]
        limits = model.rating_range_
        found = model.predict(test.user_ids, test.item_ids)
        assert found == pytest.approx(np.clip(expected, *limits), abs=2e-3)

    def test_n_kept_bounds_the_neighbours_and_keeps_the_best(self):
        train, _ = planted()
        full = make_rating_model("item-knn").fit(train)
        few = make_rating_model("item-knn", n_kept=3).fit(train)
        assert np.diff(few.indptr_).max() == 3
        for item in range(5):
            everything = full.similarities_[full.indptr_[item] : full.indptr_[item + 1]]
            kept = few.similarities_[few.indptr_[item] : few.indptr_[item + 1]]
            assert sorted(kept) == sorted(everything)[-3:]

    @pytest.mark.parametrize(
        "params", [{"k": 0}, {"similarity": "jaccard"}, {"form": "x"}, {"damping": -1.0}]
    )
    def test_refuses_what_makes_no_sense(self, params):
        with pytest.raises(OptionError):
            make_rating_model("item-knn", **params).fit(planted()[0])


def _knn(ratings, baseline, u, i, similarity, form):
    """Predict column i of row u from the four columns most like it, in plain NumPy."""
    values = ratings - baseline if similarity == "pearson-baseline" else ratings
    found = []
    for j in np.flatnonzero(~np.isnan(ratings[u])):
        both = ~np.isnan(ratings[:, i]) & ~np.isnan(ratings[:, j])
        x, y = values[both, i], values[both, j]
        if similarity == "pearson" and both.any():
            x, y = x - x.mean(), y - y.mean()
        norm = np.sqrt((x @ x) * (y @ y))
        trust = (both.sum() - 1) / (both.sum() - 1 + 5.0)
        value = x @ y / norm * trust if norm > 1e-6 else 0.0
        if j != i and value > 0:
            found.append((value, j))
    found = sorted(found, reverse=True)[:4]
    means = np.nanmean(ratings, axis=0)
    base = {"baseline": baseline[u, i], "centred": means[i], "plain": 0.0}[form]
    if not found:
        return baseline[u, i] if form != "centred" else means[i]
    from_ = {"baseline": baseline[u], "centred": means, "plain": np.zeros_like(means)}[form]
    total = sum(value * (ratings[u, j] - from_[j]) for value, j in found)
    return base + total / (sum(value for value, _ in found) + 0.1)


class TestDescent:
    def test_svd_is_what_a_plain_loop_gives(self):
        train, _ = planted(n_users=12, n_items=10)
        params = {"n_factors": 3, "n_epochs": 2, "decay": 1.0, "shuffle": False}
        rates = {"learning_rate": 0.02, "regularization": 0.1, "bias_regularization": 0.05}
        model = make_rating_model("svd", **params, **rates).fit(train)
        rng = np.random.default_rng(0)
        users, items = (
            0.015 * rng.standard_normal((n, 3), np.float32).astype(float) for n in (12, 10)
        )
        user_biases, item_biases = np.zeros(12), np.zeros(10)
        rows = list(zip(train.user_codes, train.item_codes, train.ratings, strict=True))
        for u, i, rating in rows * 2:
            error = rating - train.ratings.mean() - user_biases[u] - item_biases[i]
            error -= users[u] @ items[i]
            user_biases[u] += 0.02 * (error - 0.05 * user_biases[u])
            item_biases[i] += 0.02 * (error - 0.05 * item_biases[i])
            step = 0.02 * (error * items[i] - 0.1 * users[u])
            items[i] += 0.02 * (error * users[u] - 0.1 * items[i])
            users[u] += step
        assert model.user_factors_[:-1] == pytest.approx(users, abs=1e-5)
        assert model.item_factors_[:-1] == pytest.approx(items, abs=1e-5)
        assert model.item_biases_[:-1] == pytest.approx(item_biases, abs=1e-5)

    @pytest.mark.parametrize(
        ("name", "params"),
        [
            ("svd", {"n_epochs": 150, "decay": 1.0}),
            ("svdpp", {"n_epochs": 150, "decay": 1.0}),
            ("bayesian-svdpp", {}),
        ],
    )
    def test_finds_planted_factors(self, name, params):
        train, test = planted()
        biases = rmse(make_rating_model("biases").fit(train), test)
        assert rmse(make_rating_model(name, **params).fit(train), test) < 0.7 * biases

    @pytest.mark.parametrize("name", ["svd", "svdpp"])
    def test_users_without_ratings_get_what_unknown_ones_do(self, name):
        data, _ = planted(n_users=12, n_items=10)
        silent = data.user_codes[0]
        model = make_rating_model(name, init_deviation=1e-9).fit(
            data.select(data.user_codes != silent)
        )
        users, items = [data.users.values[silent], "nobody"], [data.items.values[3]] * 2
        assert np.ptp(model.predict(users, items)) < 1e-5

    @pytest.mark.parametrize("name", ["svd", "svdpp"])
    def test_a_runaway_descent_says_what_to_try(self, name):
        with pytest.raises(TrainingError, match="learning_rate"):
            make_rating_model(name, learning_rate=50.0).fit(planted()[0])

    @pytest.mark.parametrize("name", ["svd", "svdpp", "bpr"])
    @pytest.mark.parametrize("params", [{"n_factors": 0}, {"n_epochs": 0}, {"learning_rate": 0.0}])
    def test_refuses_what_makes_no_sense(self, name, params):
        with pytest.raises(OptionError):
            make_rating_model(name, **params).fit(planted()[0])

    def test_svdpp_learns_from_what_was_rated_at_all(self):
        # Who rates even items likes item 0; the ratings of the even items say nothing.
        rng = np.random.default_rng(0)
        rows = []
        for user in range(200):
            group = user % 2
            rows += [(user, 2 + 2 * item + group, rng.choice([2, 4])) for item in range(8)]
            if user < 150:
                rows.append((user, 0, 5 - 4 * group))
        users, items, ratings = zip(*rows, strict=True)
        model = make_rating_model("svdpp", n_epochs=60).fit(
            Interactions.from_arrays(users, items, ratings)
        )
        predicted = model.predict(range(150, 200), [0] * 50)
        assert predicted[::2].min() > predicted[1::2].max() + 1


class TestBayesian:
    def test_the_spread_covers_what_happens(self):
        train, test = planted(n_users=100, n_items=80)
        model = make_rating_model("bayesian-svdpp", n_factors=4).fit(train)
        predicted, spread = model.predict_spread(test.user_ids, test.item_ids)
        assert np.array_equal(predicted, model.predict(test.user_ids, test.item_ids))
        covered = np.mean(np.abs(predicted - test.ratings) < 1.96 * spread)
        assert 0.9 < covered < 0.99

    def test_who_rates_at_random_has_more_noise(self):
        train, _ = planted()
        erratic = train.user_codes < 10
        ratings = train.ratings.copy()
        ratings[erratic] += np.random.default_rng(5).normal(0, 2, erratic.sum())
        data = Interactions.from_arrays(train.user_ids, train.item_ids, ratings)
        model = make_rating_model("bayesian-svdpp").fit(data)
        noise = model.user_noise_[data.users.codes(train.users.values)]
        assert np.median(noise[:10]) > 3 * np.median(noise[10:])
        spread = model.predict_spread([0, 30], [0, 0])[1]
        assert spread[0] > spread[1]

    def test_one_noise_for_all_as_published(self):
        model = make_rating_model("bayesian-svdpp", noise_freedom=None).fit(planted()[0])
        assert np.array_equal(model.user_noise_, np.ones(len(model.users_) + 1))

    def test_only_the_looser_variant_looks_at_other_pairs(self):
        train, test = planted(share=0.3)
        model = make_rating_model("bayesian-svdpp", n_samples=5)
        strict = model.fit(train).predict(test.user_ids, test.item_ids)
        loose = model.fit_transductive(train, test).predict(test.user_ids, test.item_ids)
        again = model.fit(train).predict(test.user_ids, test.item_ids)
        assert not np.array_equal(strict, loose)
        assert np.array_equal(strict, again)
        stranger = Interactions.from_arrays(["stranger"], [0], [1])
        with pytest.raises(InputError, match="also_rated"):
            model.fit_transductive(train, stranger)

    @pytest.mark.parametrize(
        "params", [{"n_factors": 0}, {"n_samples": 0}, {"burn_in": -1}, {"noise_freedom": 0.0}]
    )
    def test_refuses_what_makes_no_sense(self, params):
        with pytest.raises(OptionError):
            make_rating_model("bayesian-svdpp", **params).fit(planted()[0])


class TestBlend:
    def test_is_no_worse_than_its_best_part(self):
        train, test = planted()
        blend = make_rating_model("blend", models=[["biases", {}], ["svd", {}]]).fit(train)
        assert rmse(blend, test) < 1.02 * min(rmse(model, test) for model in blend.models_)

    @pytest.mark.parametrize("params", [{"models": []}, {"models": [["ease", {}]]}, {"n_folds": 1}])
    def test_refuses_what_makes_no_sense(self, params):
        with pytest.raises(OptionError):
            make_rating_model("blend", **params).fit(planted()[0])


class TestImplicit:
    def test_random_picks_differ_by_user_where_all_choices_weigh_the_same(self):
        data = checkerboard("implicit")
        lists = make_rating_model("random").fit(data).recommend(list(data.users.values), 5)
        assert len({tuple(pick.item_id for pick in picks) for picks in lists}) > 30

    def test_ease_is_one_ridge_regression_an_item(self):
        data = checkerboard("implicit")
        published = {"user_scaling": 0.0, "frequency_scaling": 0.0}
        model = make_rating_model("ease", regularization=7.0, **published).fit(data)
        chosen = (dense(data) > 0).astype(float)
        for item in range(5):
            others = np.delete(np.arange(data.n_items), item)
            x = chosen[:, others]
            gram = x.T @ x + 7.0 * np.eye(len(others))
            expected = np.linalg.solve(gram, x.T @ chosen[:, item])
            assert model.weights_[others, item] == pytest.approx(expected, abs=1e-5)
        assert not model.weights_.diagonal().any()

    def test_ease_with_scalings_is_a_weighted_ridge_regression(self):
        data = checkerboard()
        model = make_rating_model(
            "ease", regularization=7.0, user_scaling=0.4, frequency_scaling=0.6, rating_power=2.0
        ).fit(data)
        strengths = ((dense(data) - 1) / 4) ** 2 * (dense(data) > 0)
        counts = data.by_user.counts
        root = np.sqrt((counts / counts.mean()) ** -0.4)[:, None]
        x = strengths * root
        own = (x * x).sum(axis=0)
        gram = x.T @ x + np.diag(7.0 * (own / own.mean()) ** 0.6)
        for item in range(5):
            others = np.delete(np.arange(data.n_items), item)
            expected = np.linalg.solve(gram[np.ix_(others, others)], gram[others, item])
            assert model.weights_[others, item] == pytest.approx(expected, abs=1e-5)

    def test_ease_says_beforehand_that_it_does_not_fit(self, monkeypatch):
        monkeypatch.setattr(memory, "free_bytes", lambda: 10_000)
        with pytest.raises(InputError, match="choose implicit-als"):
            make_rating_model("ease").fit(checkerboard("implicit"))

    def test_free_memory_is_a_sensible_number(self, monkeypatch, tmp_path):
        assert 2**20 < memory.free_bytes() < 2**50
        monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
        assert memory.free_bytes() is None or memory.free_bytes() > 2**20

    @pytest.mark.parametrize("name", ["ease", "implicit-als", "bpr"])
    def test_the_lowest_rating_is_no_choice(self, name):
        data = checkerboard()
        model = make_rating_model(name).fit(data)
        scores = model._scores(np.arange(data.n_users, dtype=np.int32))
        rows = np.arange(data.n_users)[:, None] % 2 == np.array(data.items.values) % 2
        assert scores[rows].mean() > scores[~rows].mean() + 0.1
        with pytest.raises(OptionError, match="rating_power"):
            make_rating_model(name, rating_power=-1.0).fit(data)

    def test_a_new_users_ratings_are_graded(self):
        model = make_rating_model("ease").fit(checkerboard())
        low, high = (model.recommend_for([0, 1], 4, ratings=r) for r in ([1, 5], [5, 1]))
        assert all(pick.item_id % 2 for pick in low)
        assert not any(pick.item_id % 2 for pick in high)
        with pytest.raises(InputError, match="one an item"):
            model.recommend_for([0, 1], 4, ratings=[5])

    @pytest.mark.parametrize("name", ["ease", "hybrid"])
    def test_a_new_user_with_the_same_items_gets_the_same(self, name):
        data = checkerboard("implicit")
        model = make_rating_model(name).fit(data)
        mine = [i for u, i in zip(data.user_ids, data.item_ids, strict=True) if u == "user 4"]
        known = model.recommend(["user 4"], 6)[0]
        folded = model.recommend_for([*mine, "unheard of"], 6)
        assert [pick.item_id for pick in folded] == [pick.item_id for pick in known]
        assert [pick.score for pick in folded] == pytest.approx([pick.score for pick in known])
        assert model.recommend_for([], 6) == model.recommend(["nobody"], 6)[0]
        assert {pick.item_id for pick in model.recommend_for(mine, 9, allowed=[1, 3])} == {1, 3}

    def test_als_rows_solve_their_equations(self):
        rng = np.random.default_rng(0)
        data = checkerboard("implicit")
        items = rng.normal(0, 1, (data.n_items, 5)).astype(np.float32)
        base = (0.3 * items.T @ items).astype(np.float32)
        ridge = rng.random(data.n_users).astype(np.float32) + 0.1
        rows = data.by_user
        solved = solve_rows(rows.indptr, rows.indices, rows.ratings, items, base, ridge)
        weights = dense(data)
        for user in range(data.n_users):
            gram = base + (items.T * weights[user]) @ items + ridge[user] * np.eye(5)
            expected = np.linalg.solve(gram, items.T @ weights[user])
            assert solved[user] == pytest.approx(expected, abs=1e-4)

    def test_heavier_interactions_count_more_for_als(self):
        data = checkerboard("implicit")
        users, items = data.user_ids, data.item_ids
        weights = [9.0 if item == items[0] else 1.0 for item in items]
        heavy = Interactions.from_arrays(users, items, weights, feedback="implicit")
        light = make_rating_model("implicit-als", n_factors=4).fit(data)
        model = make_rating_model("implicit-als", n_factors=4).fit(heavy)
        asked = users[:1], items[:1]
        assert model.predict(*asked)[0] > light.predict(*asked)[0]

    @pytest.mark.parametrize(
        ("name", "params"),
        [
            ("ease", {"regularization": 0.0}),
            ("implicit-als", {"n_factors": 0}),
            ("implicit-als", {"regularization": 0.0}),
            ("bpr", {"n_candidates": 0}),
        ],
    )
    def test_refuses_what_makes_no_sense(self, name, params):
        with pytest.raises(OptionError):
            make_rating_model(name, **params).fit(checkerboard("implicit"))
