import os
import subprocess
import sys

import pytest


@pytest.fixture
def run_program():
    """Return what runs a module of these tests as a program and returns what it printed."""

    def run(module, *arguments, fails=False, seconds=400):
        command = [sys.executable, "-m", module, *arguments]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, env=dict(os.environ)
        )
        assert (ended.returncode != 0) is fails, ended.stdout + ended.stderr
        return ended.stdout

    return run
