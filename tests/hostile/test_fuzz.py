"""A few seconds of coverage-guided fuzzing; `make fuzz` gives it minutes."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("atheris", reason="atheris is not installed (it is made for Linux alone)")

SECONDS = int(os.environ.get("VITRINE_FUZZ_SECONDS", "5"))


@pytest.mark.parametrize("target", ["pictures", "artifacts"])
def test_nothing_is_found_in_the_time_there_is(target, tmp_path):
    # The most memory that a process ever had passes to those it starts, and these tests' own is
    # large by now; a shell between them has little.
    ran = subprocess.run(
        ["sh", "-c", '"$@"; exit $?', "sh",
         sys.executable, "-m", "tests.hostile.fuzz", target, f"-max_total_time={SECONDS}",
         "-seed=1", f"-artifact_prefix={tmp_path}/"],
        capture_output=True, text=True, check=False, timeout=SECONDS + 240,
    )  # fmt: skip
    print(ran.stderr[-3_000:])
    assert ran.returncode == 0, ran.stderr[-3_000:]
    assert list(tmp_path.iterdir()) == []
    assert int(re.search(r"number_of_executed_units: (\d+)", ran.stderr)[1]) > 100
