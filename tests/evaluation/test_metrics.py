"""Measures by hand, and against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from vitrine.evaluation.metrics import (
    average_precision_at_k,
    hit_at_1,
    precision_at_k,
    recall_at_k,
)

RELEVANT = np.array([[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
N_RELEVANT = np.array([2, 10, 3])


def test_a_worked_example():
    assert hit_at_1(RELEVANT).tolist() == [1, 0, 0]
    assert precision_at_k(RELEVANT).tolist() == [2 / 4, 1 / 4, 0]
    assert recall_at_k(RELEVANT, N_RELEVANT).tolist() == [2 / 2, 1 / 10, 0]
    # (1/1 + 2/3) / 2; (1/4) / min(4, 10); 0
    expected = [(1 + 2 / 3) / 2, 1 / 16, 0]
    np.testing.assert_allclose(average_precision_at_k(RELEVANT, N_RELEVANT), expected)


def test_a_perfect_list_has_average_precision_one_for_every_k():
    for k in (1, 3, 7):
        assert average_precision_at_k(np.ones((1, k), bool), np.array([5 if k < 6 else 7])) == [1]


def test_nothing_to_find_is_a_miss_for_precision_and_undefined_for_recall():
    relevant, none = np.zeros((1, 3), bool), np.array([0])
    assert hit_at_1(relevant).tolist() == [0]
    assert precision_at_k(relevant).tolist() == [0]
    assert np.isnan(recall_at_k(relevant, none)).all()
    assert np.isnan(average_precision_at_k(relevant, none)).all()


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_over_the_whole_list_is_that_of_scikit_learn(seed):
    relevant = np.random.default_rng(seed).random((1, 40)) < 0.3
    mine = average_precision_at_k(relevant, relevant.sum(axis=1))
    theirs = average_precision_score(relevant[0], -np.arange(40))
    np.testing.assert_allclose(mine, [theirs])
