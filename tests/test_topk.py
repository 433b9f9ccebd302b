"""`top_k` and `blocked_top_k` against plain sorting in double precision."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vitrine.errors import InputError, OptionError
from vitrine.topk import blocked_top_k, nearest, rank_candidates, squared_lengths, top_k


def by_sorting(scores, k, allowed=None):
    """The same by a stable sort of each row in Python."""
    positions = np.full((len(scores), k), -1)
    allowed = (
        np.ones(scores.shape, bool) if allowed is None else np.broadcast_to(allowed, scores.shape)
    )
    for i, row in enumerate(scores):
        usable = [j for j in range(len(row)) if allowed[i, j] and row[j] > -np.inf]
        best = sorted(usable, key=lambda j: (-row[j], j))[:k]
        positions[i, : len(best)] = best
    return positions


def by_brute_force(queries, vectors, k, metric, allowed=None, exclude=None):
    q, v = queries.astype(np.float64), vectors.astype(np.float64)
    if metric == "ip":
        scores = np.einsum("qd,nd->qn", q, v)
    else:
        scores = -np.stack([((row - v) ** 2).sum(axis=1) for row in q])
    mask = np.ones(scores.shape, bool) if allowed is None else np.tile(allowed, (len(q), 1))
    if exclude is not None:
        rows = np.flatnonzero(exclude >= 0)
        mask[rows, exclude[rows]] = False
    return by_sorting(scores, k, mask), scores


coarse = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 4), st.integers(1, 200)),
    elements=st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 1.0, 2.0]),
)


@given(coarse, st.integers(1, 30), st.randoms())
@settings(max_examples=150, deadline=None)
def test_top_k_is_a_stable_sort_cut_at_k(scores, k, random):
    allowed = np.array([random.random() < 0.7 for _ in range(scores.shape[1])])
    positions, values = top_k(scores, k, allowed)
    np.testing.assert_array_equal(positions, by_sorting(scores, k, allowed))
    taken = np.take_along_axis(scores, np.maximum(positions, 0), axis=1)
    np.testing.assert_array_equal(values, np.where(positions < 0, -np.inf, taken))


def test_top_k_takes_a_mask_for_each_row():
    scores = np.array([[1.0, 2, 3], [1, 2, 3]])
    allowed = np.array([[True, True, False], [False, False, True]])
    positions, values = top_k(scores, 2, allowed)
    assert positions.tolist() == [[1, 0], [2, -1]]
    assert values.tolist() == [[2, 1], [3, -np.inf]]
    assert positions.dtype == np.int64


def test_top_k_never_returns_nan_and_pads_where_k_exceeds_n():
    positions, _ = top_k(np.array([[np.nan, 0.0, np.inf]]), 5)
    assert positions.tolist() == [[2, 1, -1, -1, -1]]


def test_top_k_of_nothing_is_all_padding():
    positions, values = top_k(np.empty((2, 0)), 3)
    assert positions.tolist() == [[-1] * 3] * 2
    assert np.isneginf(values).all()


def test_top_k_leaves_the_scores_as_they_are():
    scores = np.arange(6.0).reshape(1, 6)
    top_k(scores, 2, np.array([True, False] * 3))
    assert scores.tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("metric", ["ip", "l2"])
@pytest.mark.parametrize("d", [1, 2, 3, 16, 100])
@pytest.mark.parametrize("k", [1, 2, 10, 400])
@pytest.mark.parametrize("norms_kept", [False, True])
def test_blocked_top_k_agrees_with_double_precision_brute_force(metric, d, k, norms_kept):
    rng = np.random.default_rng(d)
    vectors = (rng.normal(size=(300, d)) + 3).astype(np.float32)
    vectors[100:140] = vectors[0]  # ties
    queries = np.concatenate([vectors[:20], rng.normal(size=(20, d)).astype(np.float32)])
    exclude = np.concatenate([np.arange(20), np.full(20, -1)])
    norms = squared_lengths(vectors) if norms_kept else None
    for allowed in (None, rng.random(300) < 0.6, rng.random(300) < 0.05, np.zeros(300, bool)):
        expected, scores = by_brute_force(queries, vectors, k, metric, allowed, exclude)
        positions, found = blocked_top_k(
            queries,
            vectors,
            k,
            metric,
            allowed=allowed,
            exclude=exclude,
            squared_norms=norms,
            block_bytes=4 * 300 * 7,
        )
        if metric == "ip":  # order of summation: equal to the last bit is not defined
            exact = np.take_along_axis(scores, np.maximum(expected, 0), axis=1)
            mine = np.take_along_axis(scores, np.maximum(positions, 0), axis=1)
            np.testing.assert_allclose(mine, exact, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(positions < 0, expected < 0)
        else:
            np.testing.assert_array_equal(positions, expected)
        values = np.take_along_axis(scores, np.maximum(positions, 0), axis=1)
        np.testing.assert_allclose(found, np.where(positions < 0, -np.inf, values), rtol=1e-6)


@pytest.mark.parametrize("k", [1, 5])
def test_far_from_the_origin_near_vectors_are_told_apart(k):
    # In float32 |a|² + |b|² − 2ab is off by far more than these distances.
    rng = np.random.default_rng(0)
    vectors = (1000 + 1e-2 * rng.normal(size=(500, 8))).astype(np.float32)
    expected, scores = by_brute_force(vectors, vectors, k, "l2", exclude=np.arange(500))
    norms = squared_lengths(vectors)
    for kept in (None, norms):
        positions, found = blocked_top_k(
            vectors, vectors, k, "l2", exclude=np.arange(500), squared_norms=kept
        )
        np.testing.assert_array_equal(positions, expected)
        np.testing.assert_allclose(found, np.take_along_axis(scores, expected, axis=1), rtol=1e-6)


@pytest.mark.parametrize("d", [2, 50])
def test_equal_vectors_are_at_distance_zero_in_order_of_position(d):
    rng = np.random.default_rng(1)
    vectors = np.repeat(rng.normal(size=(40, d)), 30, axis=0).astype(np.float32)
    positions, scores = blocked_top_k(vectors, vectors, 3, "l2")
    assert (scores == 0).all()
    np.testing.assert_array_equal(positions, np.arange(1200)[:, None] // 30 * 30 + np.arange(3))


@pytest.mark.parametrize("d", [2, 3])
def test_the_tree_agrees_with_brute_force(d, monkeypatch):
    rng = np.random.default_rng(2)
    vectors = np.round(rng.normal(size=(2000, d)), 1).astype(np.float32)  # many ties
    exclude = np.arange(2000)
    with monkeypatch.context() as patch:
        patch.setattr(nearest, "_tree_pays", lambda *_: True)
        by_tree = blocked_top_k(vectors, vectors, 4, "l2", exclude=exclude)
        patch.setattr(nearest, "_tree_pays", lambda *_: False)
        by_blas = blocked_top_k(vectors, vectors, 4, "l2", exclude=exclude)
    np.testing.assert_array_equal(by_tree[0], by_blas[0])
    np.testing.assert_array_equal(by_tree[1], by_blas[1])


def test_the_tree_is_used_for_two_dimensions(monkeypatch):
    monkeypatch.setattr(nearest._Search, "run", None)  # a call would fail
    vectors = np.random.default_rng(0).random((4000, 2), np.float32)
    positions, _ = blocked_top_k(vectors, vectors, 1, "l2")
    np.testing.assert_array_equal(positions[:, 0], np.arange(4000))


def test_block_size_changes_nothing():
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(500, 20)).astype(np.float32)
    whole = blocked_top_k(vectors, vectors, 7, "l2")
    small = blocked_top_k(vectors, vectors, 7, "l2", block_bytes=1)
    np.testing.assert_array_equal(whole[0], small[0])
    np.testing.assert_array_equal(whole[1], small[1])


def test_rank_candidates_orders_each_row_and_skips_missing_ones():
    vectors = np.array([[0.0], [1], [2], [3]], np.float32)
    candidates = np.array([[3, -1, 0], [-1, -1, -1]])
    positions, scores = rank_candidates(
        np.array([[1.0], [1]], np.float32), vectors, candidates, 2, "l2"
    )
    assert positions.tolist() == [[0, 3], [-1, -1]]
    assert scores.tolist() == [[-1, -4], [-np.inf, -np.inf]]


@pytest.mark.parametrize("k", [0, -1])
def test_k_under_one_is_refused(k):
    with pytest.raises(OptionError, match="ask for 1 or more"):
        top_k(np.zeros((1, 3)), k)
    with pytest.raises(OptionError, match="ask for 1 or more"):
        blocked_top_k(np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32), k)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
@pytest.mark.parametrize("d", [2, 5])
def test_numbers_that_cannot_be_compared_are_refused(bad, d, monkeypatch):
    vectors = np.ones((10, d), np.float32)
    spoilt = vectors.copy()
    spoilt[3, 1] = bad
    for pays in (False, True):
        monkeypatch.setattr(nearest, "_tree_pays", lambda *_, pays=pays: pays)
        for queries, gallery in ((spoilt, vectors), (vectors, spoilt)):
            with pytest.raises(InputError, match="NaN"):
                blocked_top_k(queries, gallery, 1, "l2")


def test_shapes_that_do_not_fit_are_refused():
    three, four = np.zeros((5, 3), np.float32), np.zeros((5, 4), np.float32)
    with pytest.raises(InputError, match=r"\(q, d\) and \(n, d\)"):
        blocked_top_k(three, four, 1)
    with pytest.raises(InputError, match="5 booleans"):
        blocked_top_k(three, three, 1, allowed=np.ones(4, bool))
    with pytest.raises(InputError, match="5 positions"):
        blocked_top_k(three, three, 1, exclude=np.zeros(4, np.int64))
    with pytest.raises(OptionError, match="not ip or l2"):
        blocked_top_k(three, three, 1, "cosine")
    with pytest.raises(InputError, match="allowed"):
        top_k(np.zeros((2, 3)), 1, np.ones(2, bool))
    with pytest.raises(InputError, match=r"\(q, n\)"):
        top_k(np.zeros(3), 1)


MEMORY = """
import numpy as np, resource
from vitrine.topk import blocked_top_k
vectors = np.random.default_rng(0).random((10_000, {d}), np.float32)
blocked_top_k(vectors[:50], vectors[:50], {k}, "l2")
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
blocked_top_k(vectors, vectors, {k}, "l2", exclude=np.arange(10_000))
print((peak() - before) / 1024)
"""


@pytest.mark.parametrize(("d", "k"), [(2, 1), (64, 10)])
def test_ten_thousand_squared_stays_within_200_mb(d, k):
    done = subprocess.run(
        [sys.executable, "-c", MEMORY.format(d=d, k=k)], check=True, capture_output=True, text=True
    )
    assert float(done.stdout) < 200
