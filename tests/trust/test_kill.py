"""Real processes killed at random moments; ``make kill`` does the same some hundred times."""

import random

import pytest

from tests.trust import kill
from tests.trust.acts import ACTS, Rate
from tests.trust.forks import in_child
from tests.trust.made import World

pytestmark = pytest.mark.alone

# The tests' own process has computed already and must not fork: the program runs by itself.
MOMENTS = 20


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_at_any_of_some_moments(run_program):
    said = run_program("tests.trust.kill", "--moments", str(MOMENTS), "--seed", "3")
    *_, total = [line for line in said.splitlines() if line.startswith("| all ")]
    name, kills, in_the_middle, acknowledged, lost, half, unsound = (
        cell.strip() for cell in total.strip("|").split("|")
    )
    assert (name, kills, lost, half, unsound) == ("all", str(MOMENTS), "0", "0", "0")
    assert int(in_the_middle) > MOMENTS / 2
    assert int(acknowledged.replace(",", "")) > MOMENTS
    assert all(f"| {act.name} |" in said for act in ACTS)


class Liar(Rate):
    """Says that a rating is there before it is."""

    name = "rate, and lie"

    def do(self, say, path):
        for number in range(20):
            say(["user-1", f"item-{number}", 9.5])
        super().do(lambda _: None, path)


def lie(folder):
    world = World(folder)
    truth = in_child(folder, world.make)
    return kill.Trials(folder, world, Liar(world, truth)).run(2, random.Random(0))  # noqa: S311 - no secret


def test_a_write_that_is_acknowledged_and_not_there_is_noticed(run_program):
    said = run_program("tests.trust.test_kill", fails=True)
    assert "lost: ('user-1', 'item-3')" in said


if __name__ == "__main__":
    import sys
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as made:
        row = lie(Path(made))
    print("\n".join(row.faults))
    sys.exit(1 if row.lost else 0)
