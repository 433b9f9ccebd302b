import numpy as np
import pytest

from vitrine.index import Distance, NearestNeighbours
from vitrine.topk import collapse, maximal_marginal_relevance


def test_near_identical_vectors_follow_the_first_of_them():
    a, b = np.eye(3, dtype=np.float32)[:2]
    vectors = np.stack([a, b, a + 0.001 * b, b, 3 * a]).astype(np.float32)
    assert collapse(vectors, 1e-3).tolist() == [0, 1, 0, 1, 4]  # a longer one is another one
    assert collapse(vectors, 1e-9).tolist() == [0, 1, 2, 1, 4]
    assert collapse(vectors[:0], 1e-3).tolist() == []


def test_a_chain_of_small_steps_does_not_become_one():
    angles = np.arange(8) * 0.03
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    assert collapse(vectors, 0.0006).tolist() == [0, 0, 2, 2, 4, 4, 6, 6]


def test_maximal_marginal_relevance_by_hand():
    relevance = np.array([0.9, 0.8, 0.7, 0.1], np.float32)
    alike = np.array(
        [[1, 0.95, 0.2, 0], [0.95, 1, 0.2, 0], [0.2, 0.2, 1, 0], [0, 0, 0, 1]], np.float32
    )
    # 0.5: after 0, the others are worth 0.4 − 0.475, 0.35 − 0.1 and 0.05 − 0
    assert maximal_marginal_relevance(relevance, alike, 4, 0.5).tolist() == [0, 2, 3, 1]
    assert maximal_marginal_relevance(relevance, alike, 3, 0.0).tolist() == [0, 1, 2]
    assert maximal_marginal_relevance(relevance, alike, 2, 1.0).tolist() == [0, 3]
    assert maximal_marginal_relevance(relevance, alike, 9, 0.5).size == 4
    assert maximal_marginal_relevance(relevance[:0], alike[:0, :0], 3, 0.5).size == 0


@pytest.mark.parametrize("name", ["cosine", "euclidean", "standardized"])
@pytest.mark.parametrize("method", ["exact", "faiss"])
def test_rows_are_searched_as_their_vectors_are(name, method):
    vectors = np.random.default_rng(0).standard_normal((3_000, 8)).astype(np.float32)
    index = NearestNeighbours(Distance.fit(name, vectors), method=method).build(vectors)
    rows = np.array([3, 70, 2_999])
    found, expected = index.search_rows(rows, 5), index.search(vectors[rows], 5, exclude=rows)
    np.testing.assert_array_equal(found.positions, expected.positions)
    np.testing.assert_array_equal(found.distances, expected.distances)
    alike = index.similarities_among(index.prepared(found.positions[0]))
    np.testing.assert_allclose(np.diagonal(alike), 1, atol=2e-3)
    assert (alike <= 1 + 1e-6).all()


def test_an_inverted_file_can_be_trained_beside_the_one_in_use():
    vectors = np.random.default_rng(0).standard_normal((4_000, 8)).astype(np.float32)
    index = NearestNeighbours(Distance("euclidean"), method="faiss").build(vectors[:1_000])
    assert not index.worn
    index.upsert(np.arange(1_000, 4_000), vectors[1_000:], renew=False)
    assert index.worn
    before = index.search_rows(np.array([3_500]), 5).positions
    index.renew(index.trained())
    assert not index.worn
    np.testing.assert_array_equal(index.search_rows(np.array([3_500]), 5).positions, before)
