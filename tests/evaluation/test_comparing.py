"""Baselines, splits and comparisons, on made pictures."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from tests.pictures import COLOURS, make_picture, write_class_folders
from vitrine.catalogue import Catalogue
from vitrine.encoders import make_encoder
from vitrine.errors import InputError, OptionError
from vitrine.evaluation import (
    BASELINES,
    MEASURES,
    compare,
    differences,
    evaluate_baselines,
    train_test_split_catalogue,
)
from vitrine.evaluation.experiments import Budget
from vitrine.evaluation.splits import _draw

NAMES = sorted(COLOURS)
LABELS = [NAMES[i % 3] for i in range(90)]
PICTURES = np.stack([make_picture(name, seed) for seed, name in enumerate(LABELS)])


@pytest.fixture(scope="module")
def rows():
    encoders = {
        "pixels": make_encoder("pixels"),
        "broken": make_encoder("pixels", n_components=-3),
        "one number": make_encoder("pixels", size=8, n_components=1),
    }
    return compare(PICTURES[:45], LABELS[:45], PICTURES[45:], LABELS[45:], encoders, k=5)


class TestBaselines:
    def test_they_come_in_order_over_the_same_queries(self):
        results = evaluate_baselines(PICTURES, LABELS, k=5)
        assert tuple(results) == BASELINES
        assert {result.n_queries for result in results.values()} == {90}

    def test_pixels_know_more_than_chance(self):
        results = evaluate_baselines(PICTURES, LABELS)
        assert results["raw pixels"].same_category_rate.value > 0.95
        assert results["PCA-2"].same_category_rate.value > 0.8
        chance = results["random"].same_category_rate
        assert chance.low - 0.05 <= 29 / 89 <= chance.high + 0.05

    def test_a_gallery_may_be_given(self):
        results = evaluate_baselines(PICTURES[:30], LABELS[:30], PICTURES[30:], LABELS[30:])
        for result in results.values():
            assert (result.n_queries, result.n_gallery) == (30, 60)

    def test_each_picture_is_read_once(self):
        class Counted(list):
            reads = 0

            def __getitem__(self, index):
                Counted.reads += (
                    len(range(*index.indices(len(self)))) if isinstance(index, slice) else 0
                )
                return super().__getitem__(index)

        own = np.arange(10)
        evaluate_baselines(PICTURES[:10], LABELS[:10], Counted(PICTURES), LABELS, own=own)
        assert Counted.reads <= len(PICTURES) + 1  # the fit looks at one for their size

    def test_queries_that_are_items_leave_themselves_out(self):
        among = evaluate_baselines(PICTURES, LABELS)
        own = np.arange(len(PICTURES))
        same = evaluate_baselines(PICTURES, LABELS, PICTURES, LABELS, own=own)
        for name in ("raw pixels", "PCA-2"):
            assert among[name].same_category_rate == same[name].same_category_rate

    def test_the_seed_draws_the_random_vectors(self):
        nearest = [
            evaluate_baselines(PICTURES, LABELS, random_state=seed)["random"].nearest
            for seed in (0, 0, 1)
        ]
        np.testing.assert_array_equal(nearest[0], nearest[1])
        assert (nearest[0] != nearest[2]).any()


class TestSplit:
    def test_without_parts_a_fifth_of_each_category_is_drawn(self, tmp_path):
        catalogue = Catalogue.read(write_class_folders(tmp_path, n_each=10))
        split = train_test_split_catalogue(catalogue, "category")
        assert sorted(split.test.values("category")) == sorted(NAMES * 2)
        assert sorted(split.train.item_ids + split.test.item_ids) == sorted(catalogue.item_ids)
        assert "20%" in split.how
        again = train_test_split_catalogue(catalogue, "category")
        other = train_test_split_catalogue(catalogue, "category", random_state=1)
        assert split.test.item_ids == again.test.item_ids
        assert split.test.item_ids != other.test.item_ids

    @pytest.mark.parametrize(
        ("parts", "test"),
        [
            (("train", "test"), "test"),
            (("train", "validation"), "validation"),
            (("train", "validation", "test"), "test"),
        ],
    )
    def test_known_parts_are_taken_as_they_are(self, tmp_path, parts, test):
        for i, part in enumerate(parts):
            write_class_folders(tmp_path / part, n_each=i + 2, first_seed=10 * i)
        split = train_test_split_catalogue(Catalogue.read(tmp_path), "category")
        assert len(split.train) == 3 * 2
        assert len(split.test) == 3 * (parts.index(test) + 2)
        assert f"judged by {test}" in split.how

    def test_lone_and_unknown_ones_go_to_train_and_are_said(self):
        drawn, notes = _draw(["a"] * 10 + ["alone", None, float("nan")], 0.2, 0)
        assert len(drawn) == 2
        assert drawn.max() < 10
        assert "1 categories with one item are not tested: alone" in notes[0]
        assert "2 items of unknown category" in notes[1]

    def test_two_members_give_one_each_way(self):
        drawn, notes = _draw(["a", "a", "b", "b"], 0.9, 0)
        assert len(drawn) == 2
        assert {int(i) // 2 for i in drawn} == {0, 1}
        assert notes == ()

    def test_without_a_label_any_are_drawn(self, tmp_path):
        catalogue = Catalogue.read(write_class_folders(tmp_path, n_each=5))
        assert len(train_test_split_catalogue(catalogue, test_size=0.4).test) == 6

    def test_too_little_is_refused(self, tmp_path):
        catalogue = Catalogue.read(write_class_folders(tmp_path, n_each=1))
        with pytest.raises(InputError, match="at least two"):
            train_test_split_catalogue(catalogue, "category")
        with pytest.raises(OptionError, match="between 0 and 1"):
            train_test_split_catalogue(catalogue, test_size=1.0)
        with pytest.raises(OptionError, match="colour"):
            train_test_split_catalogue(catalogue, "colour")


class TestCompare:
    def test_one_row_an_encoder_in_order(self, rows):
        assert [row.encoder for row in rows] == ["pixels", "broken", "one number"]
        first = rows[0].to_dict()
        assert first["n_components"] == PICTURES[0].size
        assert first["same_category_rate_low"] <= first["same_category_rate"]
        assert {"precision_at_5", "map_at_5"} <= first.keys()
        assert first["fit_seconds"] > 0
        assert first["transform_seconds"] > 0
        assert rows[0].result.n_queries == 45

    def test_a_failing_encoder_has_its_error_in_its_row(self, rows):
        failed = rows[1].to_dict()
        assert "n_components=-3" in failed["error"]
        assert failed["same_category_rate"] is None
        assert failed.keys() == rows[0].to_dict().keys()

    def test_real_differences_are_told(self, rows):
        (found,) = differences(rows)
        assert (found.best, found.other) == ("pixels", "one number")
        assert found.real == (found.ahead.low > 0)
        assert found.ahead.value == pytest.approx(
            rows[0].result.same_category_rate.value - rows[2].result.same_category_rate.value
        )

    @pytest.mark.parametrize("measure", MEASURES)
    def test_a_row_is_not_ahead_of_its_own_double(self, rows, measure):
        (found,) = differences([rows[0], rows[0].__class__("double", 5, rows[0].result)], measure)
        assert found.ahead.value == 0
        assert not found.real

    def test_nothing_to_compare_is_nothing(self, rows):
        assert differences(rows[1:2]) == []
        assert differences(rows[:2]) == []


class Slow(BaseEstimator):
    """Notes how long it was given."""

    def __init__(self, max_minutes=None):
        self.max_minutes = max_minutes


class TestBudget:
    def test_the_time_is_shared_out_among_what_is_trained(self):
        encoders = [Slow(), make_encoder("pixels"), Slow(), Slow(max_minutes=1)]
        budget = Budget(10, encoders)
        assert budget.limit(encoders[0]).max_minutes == pytest.approx(5, abs=0.1)
        assert budget.limit(encoders[1]).get_params() == make_encoder("pixels").get_params()
        assert budget.limit(encoders[2]).max_minutes == pytest.approx(10, abs=0.1)
        assert budget.limit(encoders[3]).max_minutes == 1

    def test_without_a_budget_nothing_is_limited(self):
        assert Budget(None, [Slow()]).limit(Slow()).max_minutes is None


def test_rows_come_one_by_one_with_their_size_and_colour():
    seen = []
    encoders = {"colour": make_encoder("colour", n_components=3), "pixels": make_encoder("pixels")}
    rows = compare(
        PICTURES[:45], LABELS[:45], PICTURES[45:], LABELS[45:], encoders, on_row=seen.append
    )
    assert seen == rows
    assert rows[0].bytes_per_item == 12
    assert rows[0].same_colour.value > 0.8  # each class has its own
    assert rows[0].to_dict()["same_colour_at_5"] == rows[0].same_colour.value
    grey = PICTURES.mean(axis=3).astype(np.uint8)
    [row] = compare(grey[:45], LABELS[:45], grey[45:], LABELS[45:], {"hog": make_encoder("hog")})
    assert row.same_colour is None
