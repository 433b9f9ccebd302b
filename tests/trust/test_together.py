"""Writers and readers at once, and whether the checker of their log notices what it must."""

import pytest

from tests.trust.replaying import Read, Write, replay

pytestmark = pytest.mark.alone


@pytest.mark.slow
def test_no_update_is_lost_and_no_read_torn_under_four_writers_and_eight_readers(run_program):
    said = run_program("tests.trust.together", "--seconds", "15")
    assert "| lost updates · torn reads · steps back in time | 0 · 0 · 0 |" in said
    [writes] = [row.split("|")[2] for row in said.splitlines() if "writes acknowledged" in row]
    assert int(writes.replace(",", "")) > 40


def wrote(version, began, ended, writer=0, item=1, kind="picture"):
    return Write(writer, item, kind, version, 0, began, ended)


def saw(version, began, ended, torn=False, anew=False, reader=0):
    return Read(reader, 1, version, torn, anew, began, ended)


def end(version):
    return {"versions": {"1": version}, "ratings": {}, "problems": []}


LOG = [wrote(4, 1, 2), wrote(8, 3, 4), wrote(-1, 5, 6, kind="remove"), wrote(12, 7, 8)]


def test_a_history_that_can_have_been_is_found_to_be_without_fault():
    reads = [saw(0, 0, 1.5), saw(4, 1.5, 1.6), saw(8, 5, 5.5), saw(-1, 6, 6.5), saw(12, 9, 10)]
    found = replay(LOG, reads, end(12), fresh=5)
    assert found.faults == []
    assert (found.writes, found.reads) == (4, 5)


@pytest.mark.parametrize(
    ("reads", "last", "said"),
    [
        ([], 8, "ends as 8"),
        ([saw(4, 9, 10, torn=True)], 12, "torn"),
        ([saw(8, 4, 5), saw(4, 5, 6)], 12, "fell from 8"),
        ([saw(12, 1, 2)], 12, "nobody had written"),
        ([saw(99, 9, 10)], 12, "nobody had written"),
        ([saw(4, 20, 21)], 12, "still is as before"),
        ([saw(8, 6.5, 7, anew=True)], 12, "still is as before"),
    ],
)
def test_a_history_that_cannot_have_been_is_noticed(reads, last, said):
    found = replay(LOG, reads, end(last), fresh=5)
    assert len(found.faults) == 1
    assert said in found.faults[0]


def test_of_writes_at_the_same_time_either_may_be_the_last():
    log = [wrote(4, 1, 3), wrote(5, 2, 4, writer=1), wrote(9, 5, 6, writer=1), wrote(8, 5, 7)]
    assert replay(log, [saw(4, 3, 4), saw(9, 6, 7)], end(8), fresh=5).faults == []
    assert replay(log, [], end(9), fresh=5).faults == []
    assert "ends as 4" in replay(log, [], end(4), fresh=5).faults[0]
    assert "nobody can have seen" in replay(log, [saw(4, 20, 21)], end(8), fresh=5).faults[0]
