import numpy as np
import pytest
from tests.evaluation_ratings.test_experiments import world

from vitrine.errors import InputError
from vitrine.evaluation.ratings import Protocol, Search, compare_rating_models, make_splits
from vitrine.evaluation.ratings import search as searching
from vitrine.evaluation.ratings.spaces import SPACES, draw_params
from vitrine.ratings import make_rating_model, rating_model_names
from vitrine.ratings.registry import rating_model_class


def test_every_space_is_of_a_model_and_of_its_parameters():
    rng = np.random.default_rng(0)
    assert set(SPACES) <= set(rating_model_names())
    for kind in SPACES:
        for _ in range(5):
            model = rating_model_class(kind)(**draw_params(kind, rng))
            assert model.kind == kind
    assert draw_params("mean", rng) == {}


def test_a_better_setting_is_found_and_only_the_training_part_is_looked_at(monkeypatch):
    data = world()
    splits = list(make_splits("folds:2", data))
    seen = []
    inner = Search.inner_split
    monkeypatch.setattr(
        Search, "inner_split", lambda self, train: seen.append(train) or inner(self, train)
    )
    bad = {"item-knn": make_rating_model("item-knn", damping=1e9)}  # no neighbour counts
    protocol = Protocol(top_n=5)
    [plain] = compare_rating_models(bad, splits, protocol)
    [tuned] = compare_rating_models(bad, splits, protocol, search=Search(4))
    assert [id(train) for train in seen] == [id(split.train) for split in splits]
    assert plain.options == ()
    assert len(tuned.options) == 2
    assert all(option["damping"] < 4 for option in tuned.options)
    assert tuned.row()["rmse"] < 0.9 * plain.row()["rmse"]


def test_the_same_seed_draws_the_same_settings_and_the_first_is_the_models_own():
    search = Search(5, random_state=3)
    assert search.settings("ease") == search.settings("ease")
    assert search.settings("ease")[0] == {}
    assert len(search.settings("ease")) == 5
    assert search.settings("ease") != Search(5, random_state=4).settings("ease")
    assert search.settings("popularity") == [{}]


def test_a_setting_that_cannot_be_fitted_is_passed_over(monkeypatch):
    split = next(make_splits("folds:2", world()))
    monkeypatch.setattr(Search, "settings", lambda self, kind: [{}, {"k": 3}, {"k": 7}])

    def evaluate(model, _):
        if model.k == 3:
            raise InputError("no")
        result = type("Result", (), {"errors": np.array([1.0 / model.k])})
        return result()

    model = make_rating_model("item-knn")
    assert searching.best_setting(model.set_params(k=5), Search(), evaluate, split) == {"k": 7}


def test_models_that_only_rank_are_chosen_by_their_lists():
    split = next(make_splits("folds:2", world()))
    models = {"ease": make_rating_model("ease")}
    [found] = compare_rating_models(models, [split], Protocol(top_n=5), search=Search(3))
    assert np.isnan(found.errors).all()
    assert len(found.options) == 1


@pytest.mark.parametrize("kind", ["global-time", "cold-items", "given:u1..u2"])
def test_the_inner_split_is_made_in_the_way_of_the_outer_one(kind):
    from vitrine.ratings import Interactions

    data = world()
    timed = Interactions.from_arrays(
        data.user_ids, data.item_ids, data.ratings, np.arange(len(data))
    )
    inner = Search(split=kind).inner_split(timed)
    assert inner.name == {"global-time": "latest", "cold-items": "cold items 1"}.get(kind, "fold 1")
