"""What every rating model promises, on a checkerboard of tastes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from tests.ratings.worlds import N_ITEMS, checkerboard, kinds_of_users, ndcg_of_parity, parity

from vitrine.artifact import Artifact
from vitrine.errors import ArtifactError, InputError, OptionError
from vitrine.ratings import (
    Interactions,
    ItemFeatures,
    UserFeatures,
    load_rating_model,
    make_rating_model,
    rating_model_class,
    rating_model_names,
)
from vitrine.ratings.ids import Ids

FLOORS = {"mean": 0.4, "biases": 0.4, "popularity": 0.2, "trending": 0.2, "random": 0.35}
"""NDCG@5 that a model must reach; 0.95 where none is named: only these know no tastes."""
PARAMS = {
    "pca": {"n_components": 1},
    "truncated-svd": {"n_components": 1},
    "blend": {"models": [["svd", {}], ["item-knn", {}]]},
    "rank-stack": {"models": [["ease", {}], ["mult-vae", {}]], "n_draws": 2},
}
"""Where the defaults are made for more than 40 users."""

NEEDS_FEATURES = ("visual-knn", "content-profile")
NEEDS_USERS = ("user-profile",)
PARITY = ItemFeatures(
    Ids(range(N_ITEMS)), {"parity": np.eye(2, dtype=np.float32)[np.arange(N_ITEMS) % 2]}
)

every_model = pytest.mark.parametrize("name", rating_model_names())


def make(name, **params):
    return make_rating_model(name, **(PARAMS.get(name, {}) | params))


def world(name):
    data = checkerboard("explicit" if rating_model_class(name).predicts_ratings else "implicit")
    return data.described_by(kinds_of_users()) if name in NEEDS_USERS else data


def features_for(name):
    return PARITY if name in NEEDS_FEATURES else None


@pytest.fixture(scope="session")
def fitted():
    cache = {}

    def get(name):
        if name not in cache:
            data = world(name)
            cache[name] = data, make(name).fit(data, features_for(name))
        return cache[name]

    return get


@every_model
def test_knows_the_answer(name, fitted):
    data, model = fitted(name)
    users = list(data.users.values)
    picks = model.recommend(users, 5)
    assert ndcg_of_parity(dict(zip(users, picks, strict=True))) >= FLOORS.get(name, 0.95)


@every_model
def test_predictions_are_ratings_or_the_ranking_score(name, fitted):
    _, model = fitted(name)
    users = ["user 0"] * N_ITEMS
    predicted = model.predict(users, range(N_ITEMS))
    assert predicted.dtype == np.float32
    assert predicted.shape == (N_ITEMS,)
    if model.predicts_ratings:
        assert predicted.min() >= 1
        assert predicted.max() <= 5
        if name not in FLOORS:
            assert predicted[::2].mean() - predicted[1::2].mean() > 1
    else:
        for item, score in model.recommend(["user 0"], 3, exclude_seen=False)[0]:
            assert score == pytest.approx(predicted[item], rel=1e-4, abs=1e-5)


@every_model
def test_recommends_exactly_k_distinct_unseen_items(name, fitted):
    data, model = fitted(name)
    seen = {item for user, item in zip(data.user_ids, data.item_ids, strict=True)
            if user == "user 3"}  # fmt: skip
    for k in (1, 4, N_ITEMS - len(seen)):
        items = [pick.item_id for pick in model.recommend(["user 3"], k)[0]]
        assert len(set(items)) == k
        assert not seen & set(items)
    assert len(model.recommend(["user 3"], N_ITEMS)[0]) == N_ITEMS - len(seen)
    assert len(model.recommend(["user 3"], 99, exclude_seen=False)[0]) == N_ITEMS


@every_model
def test_scores_fall(name, fitted):
    _, model = fitted(name)
    scores = [pick.score for pick in model.recommend(["user 1"], 10)[0]]
    assert scores == sorted(scores, reverse=True)
    assert np.isfinite(scores).all()


@every_model
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_one_user_gets_what_a_batch_gives_with_filters_on(name, exclude_seen, fitted):
    data, model = fitted(name)
    users = [*data.users.values, "nobody"]
    allowed = [item for item in range(N_ITEMS) if item % 3]
    batch = model.recommend(users, 4, exclude_seen=exclude_seen, allowed=allowed)
    for user, expected in zip(users, batch, strict=True):
        alone = model.recommend([user], 4, exclude_seen=exclude_seen, allowed=allowed)[0]
        assert len(alone) == 4
        assert all(pick.item_id % 3 for pick in alone)
        assert [pick.score for pick in alone] == pytest.approx(
            [pick.score for pick in expected], rel=1e-5, abs=1e-6
        )


@every_model
def test_a_mask_and_its_ids_allow_the_same(name, fitted):
    _, model = fitted(name)
    mask = np.arange(N_ITEMS) < 9
    ids = [*model.items_.take(np.flatnonzero(mask)), "unheard of"]
    assert model.recommend(["user 2"], 5, allowed=mask) == model.recommend(
        ["user 2"], 5, allowed=ids
    )


@every_model
def test_nothing_allowed_is_no_error(name, fitted):
    _, model = fitted(name)
    assert model.recommend(["user 0", "nobody"], 3, allowed=[]) == [[], []]
    assert model.recommend([], 3) == []


@every_model
def test_unknown_users_and_items_have_a_fallback(name, fitted):
    _, model = fitted(name)
    predicted = model.predict(["nobody", "user 0", "nobody"], [0, "no item", "no item"])
    assert np.isfinite(predicted).all()
    assert len(model.recommend(["nobody"], 5)[0]) == 5


@every_model
def test_similar_items_are_of_the_same_kind(name, fitted):
    _, model = fitted(name)
    for item, picks in zip([0, 7], model.similar_items([0, 7], 5), strict=True):
        found = [pick.item_id for pick in picks]
        assert len(set(found) - {item}) == 5
        if name not in FLOORS:
            assert np.mean([other % 2 == item % 2 for other in found]) >= 0.8
    with pytest.raises(InputError, match="no item"):
        model.similar_items(["no item"])


@every_model
def test_the_same_seed_gives_the_same_model(name, fitted):
    data, model = fitted(name)
    again = clone(model).fit(data, features_for(name))
    pairs = data.user_ids, data.item_ids
    assert np.array_equal(model.predict(*pairs), again.predict(*pairs))
    if "random_state" in model.get_params():
        other = clone(model).set_params(random_state=99).fit(data, features_for(name))
        if name not in ("pca", "truncated-svd", "hybrid"):  # an exact solution whatever the seed
            assert not np.array_equal(model.predict(*pairs), other.predict(*pairs))


@every_model
def test_a_saved_model_answers_alike(name, fitted, tmp_path):
    data, model = fitted(name)
    loaded = load_rating_model(model.save(tmp_path / "model"))
    assert type(loaded) is type(model)
    assert loaded.get_params() == model.get_params()
    users = [*data.users.values, "nobody"]
    assert loaded.recommend(users, 5) == model.recommend(users, 5)
    items = [*data.items.values][:1] * len(users)
    assert np.array_equal(loaded.predict(users, items), model.predict(users, items))


@every_model
def test_a_damaged_model_is_refused(name, fitted):
    _, model = fitted(name)
    artifact = model.to_artifact()
    broken = Artifact(artifact.kind, dict(artifact.settings), {}, {})
    with pytest.raises(ArtifactError, match="fit it again"):
        type(model).from_artifact(broken)
    artifact.kind = "other"
    with pytest.raises(ArtifactError, match="other"):
        type(model).from_artifact(artifact)
    with pytest.raises(ArtifactError, match="no rating model"):
        load_rating_model(artifact)


@every_model
def test_unfitted_use_is_refused(name):
    model = make(name)
    for use in (
        lambda: model.predict(["a"], ["b"]),
        lambda: model.recommend(["a"]),
        lambda: model.similar_items(["a"]),
        model.to_artifact,
    ):
        with pytest.raises(NotFittedError):
            use()


@every_model
def test_catalogue_items_nobody_rated_are_known(name):
    data = world(name)
    features = ItemFeatures(
        Ids([*range(N_ITEMS), "new even", "new odd"]),
        {"parity": np.eye(2, dtype=np.float32)[[*np.arange(N_ITEMS) % 2, 0, 1]]},
    )
    model = make(name).fit(data, features)
    assert len(model.items_) == N_ITEMS + 2
    assert np.isfinite(model.predict(["user 0"], ["new even"])).all()
    assert {pick.item_id for pick in model.recommend(["user 0"], 99, exclude_seen=False)[0]} == {
        *range(N_ITEMS), "new even", "new odd",
    }  # fmt: skip


@every_model
def test_hostile_input(name, fitted):
    data, model = fitted(name)
    with pytest.raises(OptionError):
        model.recommend(["user 0"], 0)
    with pytest.raises(InputError, match="mask"):
        model.recommend(["user 0"], 1, allowed=np.ones(3, dtype=bool))
    with pytest.raises(InputError, match="pairs"):
        model.predict(["user 0"], [])
    with pytest.raises(InputError, match="no interactions"):
        make(name).fit(data.select(np.zeros(len(data), dtype=bool)))
    with pytest.raises(OptionError, match="no parameter"):
        make(name, colour="red")


@every_model
def test_one_user_and_one_item_are_enough_or_an_error_says_so(name):
    tiny = Interactions.from_arrays(["a", "a", "b"], ["x", "y", "x"], [1.0, 3.0, 2.0])
    if not rating_model_class(name).predicts_ratings:
        tiny = tiny.liked(0)
    features = None
    if name in NEEDS_FEATURES:
        features = ItemFeatures(Ids(["x", "y"]), {"looks": np.eye(2, dtype=np.float32)})
    if name in NEEDS_USERS:
        tiny = tiny.described_by(UserFeatures.from_columns(["a", "b"], {"sex": ["f", "m"]}))
    model = make(name).fit(tiny, features)
    assert np.isfinite(model.predict(["a", "b"], ["x", "y"])).all()
    assert [pick.item_id for pick in model.recommend(["b"], 5)[0]] == ["y"]


def test_the_worlds_are_what_they_say():
    data = checkerboard()
    rated = zip(data.user_ids, data.item_ids, data.ratings, strict=True)
    assert all((rating == 5) == (parity(user) == item % 2) for user, item, rating in rated)


def test_unknown_model():
    with pytest.raises(OptionError, match="did you mean 'svdpp'"):
        make_rating_model("svdp")
