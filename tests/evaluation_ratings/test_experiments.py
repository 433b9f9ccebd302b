import numpy as np
import pytest

from vitrine.errors import InputError
from vitrine.evaluation.ratings import (
    Protocol,
    RatingSplit,
    compare_rating_models,
    evaluate_rating_model,
    join,
    mae,
    make_splits,
    rating_differences,
    rmse,
)
from vitrine.ratings import Interactions, ItemFeatures, make_rating_model
from vitrine.ratings.ids import Ids


def split_by_hand():
    train = Interactions.from_arrays(
        ["a", "a", "b", "b", "c"], ["x", "y", "x", "z", "x"], [5, 3, 4, 2, 5]
    )
    test = Interactions.from_arrays(["a", "b", "new"], ["z", "w", "x"], [4, 5, 1])
    return RatingSplit("by hand", train, test)


def world(seed=0):
    rng = np.random.default_rng(seed)
    pairs = rng.choice(40 * 30, 700, replace=False)
    users, items = pairs // 30, pairs % 30
    ratings = np.where(users % 2 == items % 2, 4.5, 1.5) + rng.normal(0, 0.3, 700)
    return Interactions.from_arrays(users, items, ratings)


def test_figures_by_hand():
    result = evaluate_rating_model(
        make_rating_model("mean"), split_by_hand(), Protocol(top_n=2, relevant_from=4)
    )
    errors = np.array([3.8 - 4, 3.8 - 5, 3.8 - 1])
    assert result.errors.tolist() == pytest.approx(errors.tolist(), abs=1e-6)
    figures = result.figures()
    assert figures["rmse"].value == pytest.approx(np.sqrt(np.mean(errors**2)))
    assert figures["mae"].value == pytest.approx(np.abs(errors).mean())
    # a has only z unseen and finds it; b wants w, which nobody knew; new wants nothing at all.
    assert list(result.list_users) == ["a", "b"]
    assert result.lists["recall"].tolist() == [1, 0]
    assert result.lists["hit_rate"].tolist() == [1, 0]
    assert result.coverage == 2 / 3
    assert result.user_counts.tolist() == [2, 2, 0]
    assert result.item_counts.tolist() == [1, 0, 3]


def test_intervals_hold_the_figure_and_narrow_with_users():
    rng = np.random.default_rng(0)
    few, many = (
        rmse(rng.integers(0, n, 20 * n).tolist(), rng.normal(0, 1, 20 * n)) for n in (20, 500)
    )
    for figure in (few, many):
        assert figure.low < figure.value < figure.high
    assert many.high - many.low < few.high - few.low
    assert mae(["a"], np.array([-2.0])).value == 2


def test_models_that_only_rank_have_no_rmse():
    split = split_by_hand()
    row = evaluate_rating_model(make_rating_model("popularity"), split).row()
    assert row["rmse"] is None
    assert row["ndcg_at_20"] > 0


def test_rows_differences_and_their_direction():
    splits = list(make_splits("folds:3", world()))
    models = {name: make_rating_model(name) for name in ("biases", "svd")}
    results = compare_rating_models(models, splits, Protocol(top_n=5, relevant_from=4))
    rows = {result.model: result.row() for result in results}
    assert rows["svd"]["rmse"] < rows["biases"]["rmse"]
    differences = rating_differences(results, "biases")
    assert differences["svd"]["rmse"].high < 0 < differences["svd"]["ndcg"].low
    assert differences["svd"]["rmse"].value == pytest.approx(
        rows["svd"]["rmse"] - rows["biases"]["rmse"]
    )
    with pytest.raises(InputError, match="nothing"):
        rating_differences(results, "nothing")


def test_results_about_different_ratings_are_not_compared():
    one, two = list(make_splits("folds:2", world()))
    results = [
        evaluate_rating_model(make_rating_model("mean"), one, name="one"),
        evaluate_rating_model(make_rating_model("mean"), two, name="two"),
    ]
    with pytest.raises(InputError, match="different"):
        rating_differences(results, "one")


def test_warmth_classes_add_up():
    result = join([
        evaluate_rating_model(make_rating_model("biases"), split)
        for split in make_splits("cold-items", world())
    ])  # fmt: skip
    rows = result.by_warmth()
    for side in ("user", "item"):
        assert sum(row["n"] for row in rows if row["side"] == side) == len(result.errors)
    assert [row["ratings"] for row in rows if row["side"] == "item"] == ["none"]


def test_lists_of_cold_items_alone():
    split = next(make_splits("cold-items", world()))
    cold = set(split.test.items.values)
    everything = [*range(30)]
    features = ItemFeatures(Ids(everything), {"one": np.ones((30, 1), np.float32)})
    result = evaluate_rating_model(
        make_rating_model("random"), split, Protocol(top_n=len(cold), only_cold=True), features
    )
    assert result.lists["recall"].tolist() == [1] * len(result.list_users)
    assert result.coverage == 1


def test_the_model_that_was_given_stays_unfitted():
    model = make_rating_model("mean")
    evaluate_rating_model(model, split_by_hand())
    assert not hasattr(model, "items_")
    with pytest.raises(InputError, match="no split"):
        compare_rating_models({"mean": model}, [])
