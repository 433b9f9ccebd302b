"""A filter that is asked again is searched in a copy, with the answers of a search without one."""

import numpy as np
import pytest

from vitrine.index import DISTANCES, Allowed, Distance, NearestNeighbours, allowed
from vitrine.index.compact import Compact
from vitrine.index.rows import Rows

N, D = 1500, 20
rng = np.random.default_rng(3)
centres = 4 * rng.standard_normal((12, D))
NORMAL = rng.standard_normal((N, D))
KINDS = {
    "clustered": centres[rng.integers(0, 12, N)] + NORMAL,
    "unclustered": NORMAL,
    "one number far off": NORMAL * np.where(np.arange(N) == 600, 1e4, 1)[:, None],
    "tiny": 1e-15 * NORMAL,
    "next to nothing": 1e-44 * NORMAL,
    "huge": 1e15 * NORMAL,
    "nearly the same": 1 + 1e-4 * NORMAL,
    "nothing": 0 * NORMAL,
    "all on a grid": np.round(NORMAL),
}
MASK = np.arange(N) % 3 > 0


@pytest.fixture(autouse=True)
def _copies_pay(monkeypatch):
    monkeypatch.setattr(allowed, "_WORTH_COPYING", 0)


@pytest.fixture(params=KINDS)
def vectors(request):
    return KINDS[request.param].astype(np.float32)


def asked_again(vectors, distance, mask, positions, k=5):
    """Return the answers without a copy and with one."""
    index = NearestNeighbours(Distance.fit(distance, vectors), method="exact").build(vectors)
    kept = Allowed(mask)
    return [[index.search_rows(positions[i : i + 1], k, kept) for i in range(len(positions))]
            for _ in range(2)]  # fmt: skip


@pytest.mark.parametrize("distance", DISTANCES)
def test_answers_stay_the_same(vectors, distance):
    mask = np.arange(N) % 5 == 0
    first, again = asked_again(vectors, distance, mask, np.arange(0, N, 20))
    for one, other in zip(first, again, strict=True):
        assert one.positions.tolist() == other.positions.tolist()
        np.testing.assert_array_equal(one.distances, other.distances)


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_no_row_that_is_left_out_passes_the_limit(vectors, metric):
    rows = Rows(D)
    rows.put(np.arange(N), vectors)
    there = np.flatnonzero(MASK)
    queries = np.concatenate([vectors[::50], 2 * vectors[:3], np.zeros((1, D), np.float32)])
    found, limits = Compact(rows, there, metric).candidates(queries, 40)
    for query, candidates, limit in zip(queries.astype(float), found, limits, strict=True):
        others = np.setdiff1d(there, candidates)
        exact = vectors[others].astype(float)
        scores = exact @ query if metric == "ip" else -((exact - query) ** 2).sum(axis=1)
        assert set(candidates) <= set(there)
        assert scores.max() <= limit


def test_a_copy_finds_the_nearest_by_itself():
    rows = Rows(D)
    vectors = KINDS["clustered"].astype(np.float32)
    rows.put(np.arange(N), vectors)
    compact = Compact(rows, np.arange(N), "l2")
    assert len(compact) == N
    found, limits = compact.candidates(vectors[:50], 60)
    nearest = np.sort(((vectors[:50, None] - vectors) ** 2).sum(axis=2), axis=1)[:, 9]
    assert (-nearest > limits).mean() > 0.9  # and knows that the ten nearest are there
    assert (found == np.arange(50)[:, None]).any(axis=1).all()


@pytest.fixture
def index():
    vectors = KINDS["clustered"].astype(np.float32)
    return NearestNeighbours(Distance("euclidean"), method="exact").build(vectors)


def test_rows_that_change_are_seen_at_once(index):
    kept = Allowed(np.arange(N) % 5 == 0)
    query = np.full((1, D), 50, np.float32)
    for _ in range(3):
        before = index.search(query, 3, kept).positions[0]
    index.upsert(np.array([10]), query)
    for _ in range(3):
        assert index.search(query, 3, kept).positions[0].tolist() == [10, *before[:2]]


def test_rows_that_are_removed_are_gone_at_once(index):
    kept = Allowed(np.arange(N) % 5 == 0)
    query = np.full((1, D), 3, np.float32)
    for _ in range(3):
        before = index.search(query, 6, kept).positions[0].tolist()
    index.remove(np.array(before[:3]))
    assert index.search(query, 3, kept).positions[0].tolist() == before[3:]


def test_so_many_are_removed_that_the_copy_holds_too_few(index):
    kept = Allowed(np.arange(N) % 5 == 0)
    query = np.full((1, D), 3, np.float32)
    for _ in range(3):
        before = index.search(query, 290, kept).positions[0].tolist()
        index.search(query, 5, kept)
    index.remove(np.array(before[:285]))
    assert index.search(query, 5, kept).positions[0].tolist() == before[285:]


def test_all_are_removed_before_the_copy_is_made(index):
    mask = np.arange(N) % 5 == 0
    kept = Allowed(mask)
    query = np.full((1, D), 3, np.float32)
    index.search(query, 3, kept)
    index.remove(np.flatnonzero(mask))
    assert index.search(query, 3, kept).positions[0].tolist() == [-1, -1, -1]


def test_a_filter_is_not_taken_for_that_of_another_index(index):
    kept = Allowed(np.arange(N) % 5 == 0)
    other = NearestNeighbours(Distance("euclidean"), method="exact")
    other.build(np.ascontiguousarray(KINDS["clustered"][::-1]).astype(np.float32))
    query = np.full((1, D), 3, np.float32)
    expected = other.search(query, 3, kept.mask).positions.tolist()
    for _ in range(3):
        index.search(query, 3, kept)
    assert other.search(query, 3, kept).positions.tolist() == expected


def test_a_filter_that_is_asked_once_is_not_copied(index):
    kept = Allowed(MASK)
    rows = Rows(D)
    rows.put(np.arange(N), KINDS["clustered"].astype(np.float32))
    assert kept.compact(rows, "ip") is None
    copy = kept.compact(rows, "ip")
    assert copy is kept.compact(rows, "ip") is not None
    rows.put(np.array([0]), np.ones((1, D), np.float32))
    assert kept.compact(rows, "ip") is None  # as rows were written since
    assert kept.compact(rows, "ip") not in (None, copy)
