"""`evaluate`: worked examples, scikit-learn's report, and every edge case by name."""

import json
import warnings

import numpy as np
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from vitrine.errors import InputError, OptionError
from vitrine.evaluation import evaluate
from vitrine.index import DISTANCES, Distance

EUCLIDEAN = Distance("euclidean")


def on_a_line(*places):
    return np.array(places, np.float32)[:, None]


def labelled(n=300, d=8, n_categories=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_categories, n)
    centres = rng.normal(size=(n_categories, d))
    return (centres[labels] + rng.normal(size=(n, d))).astype(np.float32), labels


def test_a_worked_example_leaving_one_out():
    #          a  a  b  a  b
    vectors = on_a_line(0, 1, 3, 7, 12)
    result = evaluate(vectors, ["a", "a", "b", "a", "b"], distance=EUCLIDEAN, k=2)
    assert result.nearest.tolist() == [[1, 2], [0, 2], [1, 0], [2, 4], [3, 2]]
    assert result.same_category_rate.value == pytest.approx(2 / 5)
    assert result.precision_at_k.value == pytest.approx((1 + 1 + 0 + 0 + 1) / 2 / 5)
    assert result.recall_at_k.value == pytest.approx((1 / 2 + 1 / 2 + 0 + 0 + 1) / 5)
    assert result.map_at_k.value == pytest.approx((1 / 2 + 1 / 2 + 0 + 0 + 1 / 2) / 5)
    assert result.confusion.tolist() == [[2, 1], [2, 0]]
    assert (result.n_queries, result.n_gallery) == (5, 5)


def test_a_worked_example_with_a_gallery():
    result = evaluate(
        on_a_line(0, 10), ["a", "b"], on_a_line(11, 1, 4), ["b", "b", "a"], distance=EUCLIDEAN, k=3
    )
    assert result.nearest.tolist() == [[1, 2, 0], [0, 2, 1]]
    assert result.same_category_rate.value == 0.5
    assert result.precision_at_k.value == pytest.approx((1 / 3 + 2 / 3) / 2)
    assert result.recall_at_k.value == 1
    assert result.map_at_k.value == pytest.approx((1 / 2 + (1 + 2 / 3) / 2) / 2)


@pytest.mark.parametrize("name", DISTANCES)
def test_the_nearest_are_those_of_brute_force(name):
    vectors, labels = labelled()
    distance = Distance.fit(name, vectors)
    prepared = distance.prepare(vectors).astype(np.float64)
    apart = ((prepared[:, None] - prepared) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    expected = np.argsort(apart, axis=1)[:, :10]
    result = evaluate(vectors, labels, distance=distance)
    np.testing.assert_array_equal(result.nearest, expected)
    assert result.same_category_rate.value == np.mean(labels[expected[:, 0]] == labels)
    assert result.precision_at_k.value == pytest.approx(
        np.mean(labels[expected] == labels[:, None])
    )


def test_the_report_is_that_of_scikit_learn():
    vectors, labels = labelled(n_categories=3)
    result = evaluate(vectors, labels, distance=EUCLIDEAN)
    predicted = labels[result.nearest[:, 0]]
    report = classification_report(labels, predicted, output_dict=True)
    for row in (*result.per_category, *result.averages[1:]):
        theirs = report[row.category]
        mine = [row.precision, row.recall, row.f1, row.support]
        assert mine == pytest.approx(
            [theirs[key] for key in ("precision", "recall", "f1-score", "support")]
        )
    assert result.averages[0].category == "accuracy"
    assert result.averages[0].f1 == pytest.approx(report["accuracy"])
    np.testing.assert_array_equal(result.confusion, confusion_matrix(labels, predicted))


def test_a_category_that_is_never_found_warns_nobody():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = evaluate(on_a_line(0, 1, 2), ["a", "a", "b"], distance=EUCLIDEAN)
    assert [row.precision for row in result.per_category] == [pytest.approx(2 / 3), 0]


def test_ties_go_to_the_lower_position():
    result = evaluate(on_a_line(0, 1, -1, 1), list("abcd"), distance=EUCLIDEAN, k=3)
    assert result.nearest.tolist() == [[1, 2, 3], [3, 0, 2], [0, 1, 3], [1, 0, 2]]


def test_one_member_categories_are_misses_and_undefined_for_recall():
    result = evaluate(on_a_line(0, 1, 5), ["a", "a", "alone"], distance=EUCLIDEAN, k=1)
    assert result.n_without_match == 1
    assert result.same_category_rate.value == pytest.approx(2 / 3)
    assert result.precision_at_k.value == pytest.approx(2 / 3)
    assert result.recall_at_k.value == 1
    assert result.map_at_k.value == 1


def test_only_one_member_categories_leave_recall_unmeasured():
    result = evaluate(on_a_line(0, 1, 5), ["a", "b", "c"], distance=EUCLIDEAN)
    assert result.same_category_rate.value == 0
    assert np.isnan(result.recall_at_k.value)
    figures = result.to_dict()
    assert figures["recall_at_k"] is None
    json.dumps(figures, allow_nan=False)


def test_k_larger_than_the_gallery_is_as_deep_as_it_goes():
    result = evaluate(on_a_line(0, 1, 5), ["a", "a", "a"], distance=EUCLIDEAN, k=50)
    assert result.k == 50
    assert result.nearest.shape == (3, 2)
    assert result.precision_at_k.value == result.recall_at_k.value == result.map_at_k.value == 1


def test_a_single_category_is_always_right():
    vectors, _ = labelled(30)
    result = evaluate(vectors, ["only"] * 30, distance=EUCLIDEAN)
    assert result.same_category_rate.value == result.same_category_rate.low == 1
    assert result.confusion.tolist() == [[30]]


@pytest.mark.parametrize("unknown", [None, float("nan"), np.float64("nan"), ""])
def test_unlabelled_items_are_neither_asked_about_nor_found(unknown):
    vectors = on_a_line(0, 1, 2, 10, 12)
    result = evaluate(vectors, ["a", unknown, "b", "b", "a"], distance=EUCLIDEAN, k=2)
    assert result.query_positions.tolist() == [0, 2, 3, 4]
    assert result.nearest.tolist() == [[2, 3], [0, 3], [4, 2], [3, 2]]
    assert (result.n_queries, result.n_gallery, result.n_unlabelled) == (4, 4, 1)
    found = evaluate(on_a_line(0), ["a"], on_a_line(0, 5), [unknown, "a"], distance=EUCLIDEAN, k=2)
    assert found.nearest.tolist() == [[1]]


def test_a_category_that_only_queries_have_is_a_miss():
    result = evaluate(on_a_line(0, 1), ["a", "z"], on_a_line(0), ["a"], distance=EUCLIDEAN, k=1)
    assert result.n_without_match == 1
    assert result.same_category_rate.value == 0.5
    assert result.categories == ("a", "z")


def test_labels_are_compared_as_text():
    result = evaluate(on_a_line(0, 1), [1, "1"], distance=EUCLIDEAN)
    assert result.categories == ("1",)


def test_a_query_never_finds_itself_even_among_its_doubles():
    result = evaluate(on_a_line(3, 3, 3), ["a", "a", "b"], distance=EUCLIDEAN, k=2)
    assert result.nearest.tolist() == [[1, 2], [0, 2], [0, 1]]


def test_the_same_seed_gives_the_same_intervals():
    vectors, labels = labelled()
    first, again, other = (
        evaluate(vectors, labels, distance=EUCLIDEAN, random_state=seed) for seed in (1, 1, 2)
    )
    assert first.figures() == again.figures()
    assert first.figures() != other.figures()
    assert first.same_category_rate.low < first.same_category_rate.value
    assert first.same_category_rate.value < first.same_category_rate.high


def test_to_dict_has_flat_keys_that_json_can_hold():
    vectors, labels = labelled()
    figures = json.loads(json.dumps(evaluate(vectors, labels, distance=EUCLIDEAN).to_dict()))
    for name in ("same_category_rate", "precision_at_k", "recall_at_k", "map_at_k"):
        assert figures[f"{name}_low"] <= figures[name] <= figures[f"{name}_high"]
    assert (figures["k"], figures["n_queries"], figures["n_gallery"]) == (10, 300, 300)
    assert figures["categories"][0].keys() == {"category", "precision", "recall", "f1", "support"}


def test_what_cannot_be_measured_is_refused():
    vectors = on_a_line(0, 1)
    with pytest.raises(InputError, match="too few to measure"):
        evaluate(vectors, [None, None], distance=EUCLIDEAN)
    with pytest.raises(InputError, match="too few to measure"):
        evaluate(vectors, ["a", None], distance=EUCLIDEAN)
    with pytest.raises(InputError, match="too few to measure"):
        evaluate(vectors, ["a", "b"], vectors, [None, None], distance=EUCLIDEAN)
    with pytest.raises(InputError, match="1 labels do not fit"):
        evaluate(vectors, ["a"], distance=EUCLIDEAN)
    with pytest.raises(InputError, match="or neither"):
        evaluate(vectors, ["a", "b"], vectors, distance=EUCLIDEAN)
    with pytest.raises(InputError, match="NaN"):
        evaluate(on_a_line(0, np.nan, 1), ["a", "a", "a"], distance=EUCLIDEAN)
    with pytest.raises(OptionError, match="1 or more"):
        evaluate(vectors, ["a", "b"], distance=EUCLIDEAN, k=0)
