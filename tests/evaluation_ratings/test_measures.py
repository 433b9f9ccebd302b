import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.metrics import ndcg_score

from vitrine.evaluation.ratings import measures
from vitrine.ratings.interactions import Rows

LISTS = np.array([[0, 1, 2], [3, 0, -1]])


def test_relevance_by_row():
    wanted = Rows(np.array([0, 1, 2]), np.array([2, 0], np.int32), np.ones(2, np.float32))
    assert measures.relevance(LISTS, wanted).tolist() == [
        [False, False, True],
        [False, True, False],
    ]


def test_relevance_of_items_the_lists_never_hold():
    wanted = Rows(np.array([0, 0, 2]), np.array([0, 99], np.int32), np.ones(2, np.float32))
    assert measures.relevance(LISTS, wanted).tolist() == [[False] * 3, [False, True, False]]


def test_ndcg_by_hand():
    relevant = np.array([[True, False, True], [False, False, False]])
    values = measures.ndcg_at_k(relevant, np.array([2, 1]))
    assert values.tolist() == pytest.approx([(1 + 0.5) / (1 + 1 / np.log2(3)), 0])


def test_ndcg_as_scikit_learn_has_it():
    rng = np.random.default_rng(0)
    truth, scores = rng.random((50, 30)) < 0.2, rng.random((50, 30))
    truth[:, 0] = True
    order = np.argsort(-scores, axis=1)[:, :10]
    relevant = np.take_along_axis(truth, order, axis=1)
    ours = measures.ndcg_at_k(relevant, truth.sum(axis=1)).mean()
    assert ours == pytest.approx(ndcg_score(truth.astype(float), scores, k=10))


def test_nothing_to_find_is_undefined():
    relevant = np.zeros((1, 3), bool)
    assert np.isnan(measures.ndcg_at_k(relevant, np.array([0]))).all()
    assert np.isnan(measures.hit_at_k(relevant, np.array([0]))).all()


def test_hit_rate():
    relevant = np.array([[False, True], [False, False]])
    assert measures.hit_at_k(relevant, np.array([3, 1])).tolist() == [1, 0]


def test_coverage_counts_each_item_once():
    assert measures.coverage(LISTS, 8) == 4 / 8


def test_novelty_is_self_information_in_bits():
    shares = np.array([0.5, 0.25, 0.125, 0.0])
    # Item 3 counts as half of the rarest: 1/16, 4 bits.
    assert measures.novelty(LISTS, shares).tolist() == [2.0, 2.5]


def test_popularity_leaves_missing_places_out():
    shares = np.array([0.5, 0.25, 0.0, 0.1])
    assert measures.popularity(LISTS, shares).tolist() == pytest.approx([0.25, 0.3])


def test_diversity_is_one_minus_the_mean_cosine():
    rated = sp.csr_matrix(np.array([[1, 1, 0, 0], [1, 1, 0, 1], [0, 0, 3, 0]]))
    lists = np.array([[0, 1, 2], [0, 3, -1], [2, -1, -1]])
    values = measures.diversity(lists, rated)
    # Items 0 and 1 are alike, 2 is like neither; 0 and 3 share one user of 2 and 1.
    assert values[:2].tolist() == pytest.approx([1 - 1 / 3, 1 - 1 / np.sqrt(2)])
    assert np.isnan(values[2])
