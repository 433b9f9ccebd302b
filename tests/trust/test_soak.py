"""A minute of what ``make soak`` does for ten."""

import pytest

from tests.trust.asking import Asked
from tests.trust.soak import Soak, judge
from tests.trust.watching import Taken, Watch

pytestmark = pytest.mark.alone


@pytest.mark.slow
def test_a_service_bears_a_minute_at_the_edge_an_overload_and_a_worker_killed(run_program):
    said = run_program("tests.trust.soak", "--seconds", "60")
    assert "one worker was killed; another was there after" in said
    rows = {row.split("|")[1].strip(): row.split("|") for row in said.splitlines() if "|" in row}
    assert int(rows["overload"][5].replace(",", "")) > 0  # told to come again
    assert int(rows["after"][3].replace(",", "")) > 100


def soak_of(**changed):
    watch = Watch(0)
    for phase in ("at the edge", "after"):
        watch._seen[1] += [Taken(phase, 100.0, 20, 9)] * 10
    fine = [Asked("item", 200, 10.0, 0.0)] * 9
    phases = {"at the edge": fine, "overload": [*fine, Asked("item", 503, 1.0, 0.0)], "after": fine}
    return Soak({**phases, **changed}, watch)


def test_a_good_run_has_no_fault():
    soak = soak_of()
    judge(soak)
    assert soak.faults == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"after": [Asked("item", 500, 1.0, 0.0, "oh")] + [Asked("item", 200, 10.0, 0.0)] * 9},
            "500: oh",
        ),
        (
            {"after": [Asked("item", 0, 1.0, 0.0, "lost")] + [Asked("item", 200, 10.0, 0.0)] * 9},
            "lost",
        ),
        ({"after": [Asked("item", 200, 21.0, 0.0)] * 9}, "21 ms after the overload"),
        ({"overload": [Asked("item", 200, 1.0, 0.0)]}, "the overload was none"),
    ],
)
def test_a_bad_answer_is_noticed(changed, said):
    soak = soak_of(**changed)
    judge(soak)
    [fault] = soak.faults
    assert said in fault


def test_memory_and_files_that_grow_are_noticed():
    soak = soak_of()
    soak.watch._seen[1][-5:] = [Taken("after", 106.0, 24, 9)] * 5
    judge(soak)
    assert sorted(soak.faults) == ["1 grew from 100 to 106 MB", "1 had 20 files open, then 24"]
