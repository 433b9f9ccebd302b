"""An index that was written and mapped again is the same index."""

import numpy as np
import pytest

from tests.index.test_nearest_neighbours import QUERIES, VECTORS, D, N, clustered, wide
from vitrine.errors import InputError
from vitrine.index import Distance, NearestNeighbours
from vitrine.index.kept import VECTORS as VECTORS_FILE
from vitrine.index.kept import bytes_that_count


@pytest.fixture(params=["exact", "faiss"])
def index(request):
    index = NearestNeighbours(Distance("cosine"), method=request.param).build(VECTORS)
    index.upsert(np.arange(N - 5, N + 20), clustered(25, seed=7))  # some that no list holds
    index.remove(np.arange(0, N, 9))
    assert request.param == "exact" or len(index._file.pending) > 10
    return index


@pytest.fixture
def again(index, tmp_path):
    kept = index.keep(tmp_path)
    kept.write_vectors()
    return NearestNeighbours(index.distance, method=index.method).load(tmp_path, kept.notes)


def same(one, other, **options):
    a, b = (index.search(QUERIES, 10, **options) for index in (one, other))
    np.testing.assert_array_equal(a.positions, b.positions)
    np.testing.assert_array_equal(a.distances, b.distances)


def test_it_finds_the_same(index, again):
    assert len(again) == len(index)
    assert again.exact == index.exact
    assert again.effort == index.effort
    same(index, again)
    own = np.arange(N, N + 20)
    assert again.search(clustered(25, seed=7)[5:], 1).positions[:, 0].tolist() == own.tolist()
    same(index, again, allowed=np.arange(len(index)) % 3 == 0)


def test_it_goes_on_changing_as_the_original_does(index, again):
    for one in (index, again):
        one.upsert(np.arange(0, 1500), clustered(1500, seed=8))  # enough to be filed
        one.upsert(np.arange(len(one), len(one) + 40), clustered(40, seed=9))
        one.remove(np.arange(3, 20))
    same(index, again)


def test_wide_vectors_go_on_changing_too(tmp_path):
    index = NearestNeighbours(Distance("cosine"), method="faiss").build(wide(3000))
    kept = index.keep(tmp_path)
    kept.write_vectors()
    again = NearestNeighbours(index.distance, method="faiss").load(tmp_path, kept.notes)
    for one in (index, again):
        one.upsert(np.arange(0, 1500), wide(1500, seed=8))  # filed with codes of the same books
    queries = wide(50, seed=1)
    found = again.search(queries, 10)
    np.testing.assert_array_equal(index.search(queries, 10).positions, found.positions)


def test_what_is_written_to_it_stays_its_own(index, again, tmp_path):
    before = (tmp_path / VECTORS_FILE).read_bytes()
    again.upsert(np.array([1, len(again)]), clustered(2, seed=8))
    assert (tmp_path / VECTORS_FILE).read_bytes() == before


def test_rows_are_appended_where_there_is_room(again):
    before = again._rows.vectors.base
    again.upsert(np.arange(len(again), len(again) + 400), clustered(400, seed=8))
    assert again._rows.vectors.base is before  # not a copy of all


def test_the_room_takes_no_part_in_what_counts(index, again, tmp_path):
    path = tmp_path / VECTORS_FILE
    assert path.stat().st_size > bytes_that_count(path) > 4 * D * len(index)
    assert not any(path.read_bytes()[bytes_that_count(path) :])


def test_an_empty_index_cannot_be_kept(tmp_path):
    with pytest.raises(InputError, match="empty"):
        NearestNeighbours(Distance("cosine")).keep(tmp_path)


def test_rows_may_change_while_a_file_is_trained():
    index = NearestNeighbours(Distance("cosine"), method="faiss").build(VECTORS)
    trained = index.trained()
    fresh = clustered(30, seed=11)
    index.upsert(np.arange(10), fresh[:10])
    index.upsert(np.arange(N, N + 20), fresh[10:])
    index.remove(np.array([15]))
    index.renew(trained)
    found = index.search(fresh, 1)
    assert found.positions[:, 0].tolist() == [*range(10), *range(N, N + 20)]
    assert 15 not in index.search(VECTORS[15:16], 5).positions
    assert not np.isin(index.search(VECTORS[:10], 1).positions[:, 0], np.arange(10)).any()
