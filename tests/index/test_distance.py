"""Distances: names, scales, and what equal vectors get."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vitrine.errors import OptionError
from vitrine.index import DISTANCES, Distance, NearestNeighbours
from vitrine.index.distance import unit

SCIPY = {"euclidean": "euclidean", "standardized": "seuclidean", "cosine": "cosine"}


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_are_those_of_scipy(name):
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(60, 5)) * [1, 10, 0.1, 3, 1] + 1).astype(np.float32)
    queries = rng.normal(size=(7, 5)).astype(np.float32)
    options = {"V": vectors.var(axis=0, dtype=np.float64)} if name == "standardized" else {}
    expected = np.sort(cdist(queries, vectors, SCIPY[name], **options), axis=1)
    found = NearestNeighbours(Distance.fit(name, vectors)).build(vectors).search(queries, 60)
    np.testing.assert_allclose(found.distances, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", DISTANCES)
def test_equal_vectors_are_at_distance_zero_and_similarity_one(name):
    vectors = np.random.default_rng(1).normal(size=(200, 33)).astype(np.float32)
    found = NearestNeighbours(Distance.fit(name, vectors)).build(vectors).search(vectors, 1)
    assert (found.distances == 0).all()
    assert (found.similarities == 1).all()


def test_opposite_vectors_are_at_cosine_distance_two():
    found = NearestNeighbours(Distance("cosine")).build(np.array([[-3.0, 0]], np.float32))
    assert found.search(np.array([[5.0, 0]], np.float32), 1).distances.tolist() == [[2.0]]


def test_a_vector_of_zeros_has_no_angle_to_anything():
    zeros = np.zeros((1, 3), np.float32)
    assert unit(zeros).tolist() == [[0, 0, 0]]
    found = (
        NearestNeighbours(Distance("cosine")).build(zeros).search(np.ones((1, 3), np.float32), 1)
    )
    assert found.distances.tolist() == [[1.0]]


def test_a_component_that_never_varies_keeps_its_scale():
    distance = Distance.fit("standardized", np.array([[1, 5], [3, 5]], np.float32))
    assert distance.scale.tolist() == [1.0, 1.0]
    distance = Distance.fit("standardized", np.array([[1, 5], [5, 5]], np.float32))
    assert distance.scale.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("name", DISTANCES)
def test_settings_come_back(name):
    distance = Distance.fit(name, np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32))
    again = Distance.from_settings(distance.to_settings())
    assert again.name == name
    np.testing.assert_array_equal(again.scale, distance.scale)


def test_wrong_names_and_scales_are_refused():
    with pytest.raises(OptionError, match="not one of euclidean, standardized, cosine"):
        Distance("manhattan")
    with pytest.raises(OptionError, match="a scale belongs"):
        Distance("standardized")
    with pytest.raises(OptionError, match="a scale belongs"):
        Distance("cosine", np.ones(2, np.float32))
