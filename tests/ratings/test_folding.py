import numpy as np
import pytest
from tests.ratings.worlds import N_ITEMS, checkerboard

from vitrine.ratings import Interactions, ItemFeatures, make_rating_model
from vitrine.ratings.folding_neighbours import folding
from vitrine.ratings.ids import Ids

PERSONAL = {
    "pca": {"n_components": 2},
    "truncated-svd": {"n_components": 2},
    "svd": {"n_factors": 4, "learning_rate": 0.05},
    "svdpp": {"n_factors": 4, "learning_rate": 0.03},
    "bayesian-svdpp": {"n_factors": 2, "n_samples": 10, "burn_in": 10},
    "bayesian-hybrid": {"n_factors": 2, "n_samples": 10, "burn_in": 10},
    "item-knn": {"shrinkage": 1.0},
    "user-knn": {"shrinkage": 1.0},
    "ease": {"regularization": 5.0},
    "hybrid": {"regularization": 5.0},
    "implicit-als": {"n_factors": 4},
    "bpr": {"n_factors": 4},
    "mult-vae": {"n_factors": 4},
    "visual-knn": {},
    "content-profile": {},
    "rank-blend": {"models": [("ease", {"regularization": 5.0}), ("implicit-als", {})]},
    "rank-stack": {"models": [("ease", {"regularization": 5.0}), ("implicit-als", {})]},
    "trend-blend": {"personal": "ease", "personal_params": {"regularization": 5.0}},
    "blend": {"models": [("item-knn", {"shrinkage": 1.0}), ("svd", {"n_factors": 4})],
              "n_folds": 2},
}  # fmt: skip
FORMS = {
    "item-knn": ("form", ("centred", "plain")),
    "user-knn": ("similarity", ("pearson", "cosine")),
    "visual-knn": ("form", ("vote",)),
}


def features():
    """Even and odd items look different."""
    rng = np.random.default_rng(0)
    parity = np.arange(N_ITEMS) % 2
    vectors = np.stack([parity, 1 - parity], axis=1) + rng.normal(0, 0.05, (N_ITEMS, 2))
    return ItemFeatures(Ids(range(N_ITEMS)), {"pictures": vectors.astype(np.float32)})


def fitted(name, **params):
    return make_rating_model(name, **PERSONAL.get(name, {}), **params).fit(
        checkerboard(), features()
    )


def guest(model, parity, n=8):
    """Somebody who likes items of one parity and dislikes the others, and the unseen items."""
    ids = np.arange(n)
    codes = model.items_.codes(ids.tolist())
    order = np.argsort(codes)
    ratings = np.where(ids % 2 == parity, 5.0, 1.0).astype(np.float32)
    return codes[order], ratings[order], model.items_.codes(range(n, N_ITEMS))


@pytest.mark.parametrize("name", PERSONAL)
def test_somebody_new_gets_what_those_of_the_same_taste_like(name):
    model = fitted(name)
    served = folding(model)
    for parity in (0, 1):
        items, ratings, unseen = guest(model, parity)
        scores = served.scores(items, ratings)
        assert scores.shape == (N_ITEMS,)
        best = unseen[np.argsort(-scores[unseen])[:8]]
        liked = np.array([model.items_.values[code] % 2 == parity for code in best])
        assert liked.mean() >= 0.85, name


# Where features explain every rating exactly, as they do here, shares in it are arbitrary.
@pytest.mark.parametrize("name", [name for name in PERSONAL if name != "bayesian-hybrid"])
def test_what_was_liked_and_is_alike_carries_a_pick(name):
    model = fitted(name)
    served = folding(model)
    items, ratings, unseen = guest(model, 0)
    picks = unseen[[model.items_.values[code] % 2 == 0 for code in unseen]][:4]
    shares = served.contributions(items, ratings, picks)
    assert shares.shape == (4, 8)
    assert np.isfinite(shares).all()
    liked = ratings == 5
    assert (shares[:, liked].max(axis=1) > 0).all()
    assert shares[:, liked].sum() > 0
    if not model.predicts_ratings:  # else a dislike of the other kind carries as much
        assert shares[:, liked].sum() > shares[:, ~liked].sum()


@pytest.mark.parametrize("name", ["mean", "biases", "popularity", "trending", "random"])
def test_where_nothing_is_personal_nothing_carries_a_pick(name):
    model = fitted(name)
    items, ratings, unseen = guest(model, 0)
    served = folding(model)
    assert np.isfinite(served.scores(items, ratings)).all()
    assert not served.contributions(items, ratings, unseen).any()


@pytest.mark.parametrize(
    "name", ["svd", "ease", "implicit-als", "item-knn", "user-knn", "trend-blend"]
)
def test_a_fitted_user_folded_in_is_served_much_as_fitted(name):
    model = fitted(name)
    served = folding(model)
    for user in range(5):
        row = slice(*model.seen_.indptr[user : user + 2])
        scores = served.scores(model.seen_.indices[row], model.seen_.ratings[row])
        own = model._scores(np.array([user], np.int32))[0]
        assert np.corrcoef(scores, own)[0, 1] > 0.9


@pytest.mark.parametrize(
    ("name", "params"),
    [(name, {key: value}) for name, (key, values) in FORMS.items() for value in values],
)
def test_the_other_forms_of_neighbours_are_served_too(name, params):
    model = fitted(name, **params)
    items, ratings, unseen = guest(model, 1)
    scores = folding(model).scores(items, ratings)
    best = model.items_.take(unseen[np.argsort(-scores[unseen])[:6]])
    if params != {"form": "vote"}:  # which asks nobody in particular
        assert np.mean([item % 2 for item in best]) >= 0.8
    assert np.isfinite(folding(model).contributions(items, ratings, unseen)).all()


@pytest.mark.parametrize("name", ["mult-vae", "content-profile"])
def test_a_model_of_histories_serves_as_fitted(name):
    model = fitted(name)
    served = folding(model)
    for user in range(5):
        row = slice(*model.seen_.indptr[user : user + 2])
        scores = served.scores(model.seen_.indices[row], model.seen_.ratings[row])
        assert scores == pytest.approx(model._scores(np.array([user], np.int32))[0], abs=1e-4)
    nothing = served.scores(np.array([0], np.int32), np.array([1.0], np.float32))  # no choice
    assert nothing == pytest.approx(model._scores(np.array([-1], np.int32))[0], abs=1e-5)


def test_als_is_solved_exactly_for_weights():
    data = checkerboard("implicit")
    heavy = Interactions.from_arrays(
        data.user_ids, data.item_ids, np.arange(len(data)) % 3 + 1.0, feedback="implicit"
    )
    model = make_rating_model("implicit-als", n_factors=3, n_epochs=60).fit(heavy)
    row = slice(*model.seen_.indptr[3:5])
    scores = folding(model).scores(model.seen_.indices[row], model.seen_.ratings[row])
    np.testing.assert_allclose(scores, model._scores(np.array([3]))[0], atol=0.02)


def test_a_rating_beyond_the_fitted_scale_counts_as_its_end():
    model = fitted("ease")
    items, ratings, _ = guest(model, 0)
    served = folding(model)
    np.testing.assert_allclose(
        served.scores(items, ratings * 10 - 9), served.scores(items, ratings), atol=1e-6
    )
