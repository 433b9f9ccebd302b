"""Intervals cover what they should, and see what is paired."""

import numpy as np
import pytest

from vitrine.evaluation import Figure, bootstrap, paired_difference


def test_the_interval_of_a_share_is_the_normal_one():
    values = np.r_[np.ones(300), np.zeros(700)][:, None]
    figure = bootstrap(values, 4000)[0]
    half = 1.96 * np.sqrt(0.3 * 0.7 / 1000)
    assert figure.value == 0.3
    assert figure.low == pytest.approx(0.3 - half, abs=0.003)
    assert figure.high == pytest.approx(0.3 + half, abs=0.003)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    figures = [bootstrap(rng.normal(size=(80, 1)), 300, seed)[0] for seed in range(200)]
    assert 0.89 <= np.mean([figure.low <= 0 <= figure.high for figure in figures]) <= 0.99


def test_columns_are_measured_apart_and_nan_leaves_a_query_out():
    values = np.array([[1, np.nan, np.nan], [0, 1, np.nan], [1, 1, np.nan], [1, 1, np.nan]])
    first, second, third = bootstrap(values, 200)
    assert first.value == 0.75
    assert second == Figure(1, 1, 1)
    assert np.isnan([third.value, third.low, third.high]).all()


def test_the_seed_decides():
    values = np.random.default_rng(0).random((50, 2))
    assert bootstrap(values, 100, 1) == bootstrap(values, 100, 1)
    assert bootstrap(values, 100, 1) != bootstrap(values, 100, 2)


def test_many_queries_are_drawn_in_blocks_to_the_same_effect():
    values = np.random.default_rng(0).random((200_000, 1))
    figure = bootstrap(values, 60)[0]
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert figure.high - figure.low == pytest.approx(2 * half, rel=0.35)


def test_no_resampling_gives_the_mean_alone():
    figure = bootstrap(np.ones((3, 1)), 0)[0]
    assert figure.value == 1
    assert np.isnan([figure.low, figure.high]).all()


def test_pairing_shows_a_difference_that_two_intervals_hide():
    difficulty = np.random.default_rng(0).random(200)
    better, worse = difficulty + 0.01, difficulty
    apart = bootstrap(np.stack([better, worse], axis=1))
    assert apart[0].low < apart[1].high
    assert paired_difference(better, worse).low > 0


def test_equal_systems_are_not_told_apart():
    rng = np.random.default_rng(1)
    figure = paired_difference(rng.random(300), rng.random(300))
    assert figure.low < 0 < figure.high
