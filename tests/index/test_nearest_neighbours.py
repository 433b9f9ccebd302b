"""The contract of `NearestNeighbours`, over both methods and all distances."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from vitrine.errors import InputError, OptionError
from vitrine.index import DISTANCES, Distance, NearestNeighbours, neighbours, searching

N, D = 2000, 12


def clustered(n, seed=0):
    """Vectors in fifty clusters, as catalogues have them."""
    centres = np.random.default_rng(99).normal(size=(50, D))
    rng = np.random.default_rng(seed)
    return (centres[rng.integers(0, 50, n)] + 0.5 * rng.normal(size=(n, D))).astype(np.float32)


VECTORS = clustered(N)
QUERIES = clustered(60, seed=1)


@pytest.fixture(autouse=True)
def _filters_reach_faiss(monkeypatch):
    # On so few rows every filter would be searched exactly, whatever the method.
    monkeypatch.setattr(searching, "FEW_NUMBERS", 0)


@pytest.fixture(params=["exact", "faiss"])
def method(request):
    return request.param


@pytest.fixture(params=DISTANCES)
def distance(request):
    return Distance.fit(request.param, VECTORS)


@pytest.fixture
def index(method, distance):
    return NearestNeighbours(distance, method=method).build(VECTORS)


@pytest.fixture
def cosine(method):
    return NearestNeighbours(Distance("cosine"), method=method).build(VECTORS)


def recall(found, distance, vectors, queries, k, allowed=None):
    """Share of the true k nearest that was found."""
    exact = NearestNeighbours(distance, method="exact").build(vectors)
    truth = exact.search(queries, k, allowed).positions
    hits = (truth[:, :, None] == found[:, None, :]).any(axis=2)
    return hits[truth >= 0].mean()


def test_thinning_out_candidates_changes_no_answer(distance, monkeypatch):
    index = NearestNeighbours(distance, method="faiss").build(VECTORS)
    answers = []
    for many in (0, 10**6):
        monkeypatch.setattr(searching, "MANY_CANDIDATES", many)
        answers.append([index.search(QUERIES, 7), index.search_rows(np.arange(40), 7)])
    for thinned, plain in zip(*answers, strict=True):
        np.testing.assert_array_equal(thinned.positions, plain.positions)
        np.testing.assert_array_equal(thinned.distances, plain.distances)


def test_methods_are_what_they_say(index, method):
    assert index.exact == (method == "exact")
    assert len(index) == N


def test_recall_has_a_floor_where_lengths_differ_very_much():
    rng = np.random.default_rng(4)
    centres = rng.normal(size=(50, 160))
    vectors = centres[rng.integers(0, 50, 3000)] + 0.5 * rng.normal(size=(3000, 160))
    vectors = (vectors * np.exp(2 * rng.normal(size=(3000, 1)))).astype(np.float32)
    euclidean = Distance("euclidean")
    index = NearestNeighbours(euclidean, method="faiss").build(vectors)
    found = index.search(vectors[:100], 10).positions
    assert recall(found, euclidean, vectors, vectors[:100], 10) > 0.97


def wide(n, seed=0, d=160, spread=0.5):
    """Clustered vectors of so many numbers that 4 bits a number suffice."""
    centres = np.random.default_rng(98).normal(size=(50, d))
    rng = np.random.default_rng(seed)
    return (centres[rng.integers(0, 50, n)] + spread * rng.normal(size=(n, d))).astype(np.float32)


@pytest.mark.parametrize("name", DISTANCES)
@pytest.mark.parametrize("share", [1, 0.5, 0.1])
def test_recall_has_a_floor_for_wide_vectors_that_change(name, share):
    vectors, queries = wide(5000), wide(60, seed=1)
    distance = Distance.fit(name, vectors)
    index = NearestNeighbours(distance, method="faiss").build(vectors)
    changed, gone = np.arange(1000, 2500), np.arange(4000, 4300)  # enough to be filed anew
    vectors[changed] = wide(1500, seed=2)
    index.upsert(changed, vectors[changed])
    index.remove(gone)
    allowed = np.random.default_rng(2).random(5000) < share
    allowed[gone] = False
    found = index.search(queries, 10, allowed).positions
    assert recall(found, distance, vectors, queries, 10, allowed) >= 0.98


def test_few_candidates_suffice_in_narrow_clusters():
    # Products of codes are off by as much as rows of one cluster differ; distances are not.
    vectors = wide(4000, d=256, spread=0.3)
    index = NearestNeighbours(Distance("cosine"), method="faiss").build(vectors)
    assert index.effort.n_candidates == 5
    assert index.effort.recall >= 0.99


def test_blank_vectors_hide_no_others():
    rng = np.random.default_rng(6)
    vectors = rng.normal(size=(4000, 128)).astype(np.float32)
    vectors[rng.permutation(4000)[:1500]] = 0
    cosine = Distance("cosine")
    index = NearestNeighbours(cosine, method="faiss").build(vectors)
    queries = rng.normal(size=(50, 128)).astype(np.float32)
    assert recall(index.search(queries, 10).positions, cosine, vectors, queries, 10) > 0.97


def test_recall_has_a_floor(index, distance):
    assert recall(index.search(QUERIES, 10).positions, distance, VECTORS, QUERIES, 10) >= 0.98


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_recall_has_a_floor_with_filters(index, distance, share):
    allowed = np.random.default_rng(2).random(N) < share
    found = index.search(QUERIES, 10, allowed).positions
    assert recall(found, distance, VECTORS, QUERIES, 10, allowed) >= 0.98


def test_recall_has_a_floor_where_what_is_allowed_lies_together(index, distance):
    nearest = NearestNeighbours(distance).build(VECTORS).search(VECTORS[:1], 400).positions[0]
    allowed = np.zeros(N, bool)
    allowed[nearest] = True
    found = index.search(QUERIES, 10, allowed).positions
    assert recall(found, distance, VECTORS, QUERIES, 10, allowed) >= 0.95


def test_recall_has_a_floor_far_from_all_that_is_allowed():
    rng = np.random.default_rng(3)
    centres, kinds = rng.normal(size=(400, 64)), rng.integers(0, 400, 20_000)
    vectors = (centres[kinds] + 0.3 * rng.normal(size=(20_000, 64))).astype(np.float32)
    cosine = Distance("cosine")
    index = NearestNeighbours(cosine, method="faiss").build(vectors)
    queries, allowed = vectors[kinds % 2 == 1][:100], kinds % 2 == 0
    found = index.search(queries, 10, allowed).positions
    assert recall(found, cosine, vectors, queries, 10, allowed) >= 0.98
    # The next are not filed yet when the filter is asked for.
    index.upsert(np.arange(20_000, 20_100), queries)
    allowed = np.append(allowed, np.ones(100, bool))
    found = index.search(queries, 10, allowed).positions
    np.testing.assert_array_equal(found[:, 0], np.arange(20_000, 20_100))


@pytest.mark.parametrize("name", DISTANCES)
def test_recall_has_a_floor_for_queries_from_elsewhere(name):
    # Every row has thirty that hardly differ from it, so few lists suffice among themselves.
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(700, 8)) @ rng.normal(size=(8, 64))
    near = 0.05 * rng.normal(size=(600, 30, 64))
    vectors = (centres[:600, None] + near).reshape(-1, 64).astype(np.float32)
    queries = centres[600:].astype(np.float32)
    distance = Distance.fit(name, vectors)
    index = NearestNeighbours(distance, method="faiss").build(vectors)
    found = index.search(queries, 10).positions
    assert recall(found, distance, vectors, queries, 10) >= 0.98
    index.remove(np.arange(0, len(vectors), 700))  # few enough to stay in the lists
    found = index.search(queries, 10).positions
    left = np.ones(len(vectors), bool)
    left[::700] = False
    assert recall(found, distance, vectors, queries, 10, left) >= 0.98


@pytest.mark.parametrize("n_allowed", [0, 1, 9, 10, 11, 500])
def test_exactly_k_where_k_are_allowed(index, n_allowed):
    allowed = np.zeros(N, bool)
    allowed[np.random.default_rng(3).permutation(N)[:n_allowed]] = True
    found = index.search(QUERIES, 10, allowed)
    n_found = min(10, n_allowed)
    assert found.positions.shape == found.distances.shape == found.similarities.shape == (60, 10)
    assert (found.positions[:, :n_found] >= 0).all()
    assert (found.positions[:, n_found:] == -1).all()
    assert allowed[found.positions[:, :n_found]].all()
    assert np.isposinf(found.distances[:, n_found:]).all()
    assert np.isneginf(found.similarities[:, n_found:]).all()
    for row in found.positions[:, :n_found]:
        assert len(set(row)) == n_found


def test_k_may_exceed_the_rows(index):
    found = index.search(QUERIES[:2], N + 5)
    assert (np.sort(found.positions[:, :N], axis=1) == np.arange(N)).all()
    assert (found.positions[:, N:] == -1).all()


def test_nearest_first(index):
    distances = index.search(QUERIES, 10).distances
    assert (np.diff(distances, axis=1) >= 0).all()
    assert distances.dtype == np.float32


@pytest.mark.parametrize("share", [1.0, 0.5, 0.01])
def test_one_query_is_a_batch_of_one(index, share):
    allowed = np.random.default_rng(4).random(N) < share
    exclude = np.arange(60)
    batch = index.search(QUERIES, 10, allowed, exclude)
    for i in range(60):
        one = index.search(QUERIES[i : i + 1], 10, allowed, exclude[i : i + 1])
        np.testing.assert_array_equal(one.positions[0], batch.positions[i])
        np.testing.assert_array_equal(one.distances[0], batch.distances[i])


def test_the_excluded_row_is_left_out_and_k_remain(index):
    own = np.arange(200)
    found = index.search(VECTORS[:200], 10, exclude=own).positions
    assert (found != own[:, None]).all()
    assert (found >= 0).all()
    kept = index.search(VECTORS[:200], 1, exclude=np.full(200, -1)).positions
    np.testing.assert_array_equal(kept[:, 0], own)


def test_removed_rows_are_never_returned(index):
    gone = np.arange(0, N, 3)
    index.remove(gone)
    assert len(index) == N
    for allowed in (None, np.random.default_rng(5).random(N) < 0.5, np.arange(N) < 100):
        found = index.search(VECTORS[gone[:50]], 10, allowed).positions
        assert not np.isin(found, gone).any()
        assert (found >= 0).all()
    index.remove(gone[:1])  # once more is no error


def test_removing_everything_finds_nothing_until_something_is_added(index):
    index.remove(np.arange(N))
    assert (index.search(QUERIES, 3).positions == -1).all()
    index.upsert(np.array([7]), VECTORS[:1])
    assert index.search(QUERIES[:1], 3).positions.tolist() == [[7, -1, -1]]


def test_upserts_are_found_at_once_and_old_vectors_no_longer(index):
    far = VECTORS[:5] + 40 * np.eye(D, dtype=np.float32)[:5]
    index.upsert(np.array([3, 10, N, N + 1, N + 2]), far)
    assert len(index) == N + 3
    found = index.search(far, 1)
    assert found.positions[:, 0].tolist() == [3, 10, N, N + 1, N + 2]
    assert (found.distances == 0).all()
    assert 3 not in index.search(VECTORS[3:4], 5).positions


def test_a_removed_row_that_is_upserted_is_back(index):
    index.remove(np.array([5]))
    index.upsert(np.array([5]), VECTORS[5:6])
    assert index.search(VECTORS[5:6], 1).positions.tolist() == [[5]]


def test_of_equal_positions_the_last_wins(index):
    index.upsert(np.array([4, 4]), VECTORS[[100, 200]] * np.float32(1.001))
    assert 4 in index.search(VECTORS[200:201], 2).positions
    assert 4 not in index.search(VECTORS[100:101], 2).positions


def test_many_changes_keep_the_recall(index, distance):
    vectors = VECTORS.copy()
    for seed in range(6):  # enough to file anew, and to train anew
        vectors[seed::7] = clustered(len(vectors[seed::7]), seed=10 + seed)
        index.upsert(np.arange(len(vectors))[seed::7], vectors[seed::7])
        more = clustered(300, seed=20 + seed)
        index.upsert(np.arange(len(index), len(index) + 300), more)
        vectors = np.concatenate([vectors, more])
        found = index.search(QUERIES, 10).positions
        assert recall(found, distance, vectors, QUERIES, 10) >= 0.98


def test_an_index_may_grow_from_nothing(method):
    index = NearestNeighbours(Distance("euclidean"), method=method)
    assert len(index) == 0
    assert (index.search(QUERIES, 2).positions == -1).all()
    for i in range(30):
        index.upsert(np.array([i]), VECTORS[i : i + 1])
    np.testing.assert_array_equal(index.search(VECTORS[:30], 1).positions[:, 0], np.arange(30))


def test_the_same_seed_gives_the_same_result(method):
    results = [
        NearestNeighbours(Distance("cosine"), method=method, random_state=3)
        .build(VECTORS)
        .search(QUERIES, 20)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(results[0].positions, results[1].positions)
    np.testing.assert_array_equal(results[0].distances, results[1].distances)


def test_equal_vectors_come_in_order_of_position(method):
    index = NearestNeighbours(Distance("euclidean"), method=method)
    index.build(np.repeat(VECTORS[:500], 4, axis=0))
    found = index.search(VECTORS[:50], 4).positions
    np.testing.assert_array_equal(found, np.arange(200).reshape(50, 4))


def test_threads_may_search_at_once(cosine):
    expected = cosine.search(QUERIES, 10).positions
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: cosine.search(QUERIES, 10).positions, range(16)):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e25])
def test_numbers_that_cannot_be_compared_are_refused_and_change_nothing(cosine, bad):
    spoilt = VECTORS[:2].copy()
    spoilt[1, 3] = bad
    before = cosine.search(QUERIES, 5).positions
    for attempt in (
        lambda: cosine.upsert(np.array([0, N]), spoilt),
        lambda: cosine.search(spoilt, 1),
        lambda: cosine.build(spoilt),
    ):
        with pytest.raises(InputError, match="NaN, infinity"):
            attempt()
    assert len(cosine) == N
    np.testing.assert_array_equal(cosine.search(QUERIES, 5).positions, before)


def test_a_scale_that_makes_numbers_too_large_is_refused(method):
    distance = Distance("standardized", np.full(D, 1e-15, np.float32))
    with pytest.raises(InputError, match="NaN, infinity"):
        NearestNeighbours(distance, method=method).build(VECTORS * np.float32(1e15))


def test_shapes_that_do_not_fit_are_refused(cosine):
    for vectors in (np.ones((2, D + 1), np.float32), np.ones(D, np.float32)):
        with pytest.raises(InputError, match=f"must be .n, {D}."):
            cosine.search(vectors, 1)
        with pytest.raises(InputError, match=f"must be .n, {D}."):
            cosine.upsert(np.array([0, 1]), vectors)
    with pytest.raises(InputError, match=f"{N} booleans"):
        cosine.search(QUERIES, 1, np.ones(N - 1, bool))
    with pytest.raises(InputError, match="60 positions"):
        cosine.search(QUERIES, 1, exclude=np.zeros(3, np.int64))
    with pytest.raises(InputError, match="do not fit"):
        cosine.upsert(np.array([0]), VECTORS[:2])
    with pytest.raises(OptionError, match="1 or more"):
        cosine.search(QUERIES, 0)


@pytest.mark.parametrize("positions", [[N + 1], [-1], [N, N + 2]])
def test_positions_that_leave_a_gap_are_refused(cosine, positions):
    with pytest.raises(InputError, match="without a gap"):
        cosine.upsert(np.array(positions), VECTORS[: len(positions)])
    assert len(cosine) == N


def test_positions_that_are_not_there_cannot_be_removed(cosine):
    for position in (N, -1):
        with pytest.raises(InputError, match="positions to remove"):
            cosine.remove(np.array([position]))
    with pytest.raises(InputError, match="empty index"):
        NearestNeighbours(Distance("cosine")).remove(np.array([0]))


def test_an_unknown_method_is_refused():
    with pytest.raises(OptionError, match="auto, exact, faiss"):
        NearestNeighbours(Distance("cosine"), method="annoy")


def test_auto_changes_over_as_the_rows_grow(monkeypatch):
    monkeypatch.setattr(neighbours, "EXACT_NUMBERS", 1000 * D)
    index = NearestNeighbours(Distance("cosine")).build(VECTORS[:900])
    assert index.exact
    index.upsert(np.arange(900, 1500), VECTORS[900:1500])
    assert not index.exact
    np.testing.assert_array_equal(index.search(VECTORS[:50], 1).positions[:, 0], np.arange(50))
