"""Commands on a disk without room; ``make disk-full`` tries more commands with more sizes."""

import pytest


@pytest.mark.parametrize(
    ("how", "room", "commands"),
    [
        ([], "30000", ["create", "retrain", "backup", "export (HDF5)", "write over HTTP"]),
        (["--limit"], "40000", ["add", "report"]),
    ],
)
def test_a_full_disk_is_said_clearly_and_loses_nothing(run_program, how, room, commands):
    # A small disk of its own where one may be mounted, else, and secondly, a limit on files.
    said = run_program("tests.trust.disk_full", *how, "--commands", *commands, "--rooms", room)
    rows = [line.strip("|").split("|") for line in said.splitlines() if line.startswith("| ")][1:]
    assert [row[0].strip() for row in rows] == commands
    assert all([int(row[1]), int(row[2]), int(row[4])] == [1, 1, 0] for row in rows), said
