import faiss
import numpy as np
import pytest

from vitrine.index.allowed import Allowed
from vitrine.index.rows import Rows
from vitrine.index.scattered import likely, likely_candidates
from vitrine.index.threads import FEW_QUERIES, threads_for

rng = np.random.default_rng(0)
VECTORS = rng.standard_normal((500, 24)).astype(np.float32)
CHOSEN = np.sort(rng.permutation(500)[:80])


@pytest.fixture
def rows():
    rows = Rows(24)
    rows.put(np.arange(500), VECTORS)
    return rows


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_the_nearest_are_among_the_likely_and_few_others(rows, metric):
    for query in VECTORS[:20] + np.float32(0.1):
        exact = VECTORS[CHOSEN].astype(float)
        scores = exact @ query if metric == "ip" else -((exact - query) ** 2).sum(1)
        truth = CHOSEN[np.argsort(-scores)[:7]]
        found = likely(query, rows, CHOSEN, 7, metric)
        assert set(truth) <= set(found)
        assert len(found) <= 9
        assert (np.diff(found) > 0).all()


def test_all_equal_ones_are_likely(rows):
    rows.put(CHOSEN[:30], np.repeat(VECTORS[:1], 30, axis=0))
    assert set(CHOSEN[:30]) <= set(likely(VECTORS[0], rows, CHOSEN, 3, "l2"))


def test_few_rows_are_all_likely(rows):
    assert likely(VECTORS[0], rows, CHOSEN[:5], 5, "ip").tolist() == CHOSEN[:5].tolist()


@pytest.mark.parametrize("metric", ["ip", "l2"])
def test_each_query_has_candidates_of_its_own(rows, metric):
    candidates = np.stack([rng.permutation(500)[:60] for _ in range(3)])
    candidates[1, 40:], candidates[2] = -1, -1
    found = likely_candidates(VECTORS[:3], rows, candidates, 4, metric)
    for i in range(2):
        own = candidates[i][candidates[i] >= 0]
        expected = likely(VECTORS[i], rows, own, 4, metric)
        assert found[i][found[i] >= 0].tolist() == expected.tolist()
    assert (found[2] == -1).all()


def test_what_is_worked_out_of_a_mask():
    allowed = Allowed(np.array([True, False, True, False, False, False, False, False, True]))
    assert allowed.count == 3
    assert allowed.positions.tolist() == [0, 2, 8]
    assert allowed.bits.tolist() == [0b101, 1]


def test_few_queries_take_one_thread_and_leave_the_setting_as_it_was():
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(3)
    try:
        with threads_for(FEW_QUERIES):
            assert faiss.omp_get_max_threads() == 1
        assert faiss.omp_get_max_threads() == 3
        with threads_for(FEW_QUERIES + 1):
            assert faiss.omp_get_max_threads() == 3
    finally:
        faiss.omp_set_num_threads(before)
