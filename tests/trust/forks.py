"""Processes forked from one that has everything imported: a start costs milliseconds.

Whoever forks must not have computed anything: threads of OpenMP or ONNX Runtime do not survive a
fork. So all work, checks too, is done in children.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

Image.init()  # like the imports above: done once here, not by every child


class Child:
    """A function that runs in a forked process, and a file in which it says what is done."""

    def __init__(self, log: Path, function: Callable[..., Any], *arguments: Any) -> None:
        self.log = log
        log.touch()
        self.code: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _end(_run(log, function, arguments))

    def kill(self) -> None:
        """Kill it as the system does when memory is short: it gets no chance to tidy up."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = 120.0) -> int:
        """Return its exit code, -9 where it was killed."""
        until = time.monotonic() + seconds
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
            else:
                time.sleep(0.002)
        return self.code

    @property
    def running(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is None

    def said(self) -> list[Any]:
        """Return what it said so far, without a last line that is not whole."""
        whole, _, _ = self.log.read_bytes().rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]


def in_child(folder: Path, function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a function in a forked process and return its result, which JSON can hold."""
    log = folder / f"result-{time.monotonic_ns()}"

    def run(say: Callable[[Any], None]) -> None:
        say(function(*arguments))

    child = Child(log, run)
    code, said = child.wait(), child.said()
    errors = log.with_suffix(".err").read_text()
    log.unlink()
    log.with_suffix(".err").unlink()
    if code != 0 or not said:
        raise AssertionError(f"{function.__name__} ended with {code}\n{errors}")
    return said[0]


def _run(log: Path, function: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
    # What is written to a file is the system's: it survives the process, as an answer would.
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    errors = os.open(log.with_suffix(".err"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(errors, 2)

    def say(what: Any) -> None:
        os.write(file, json.dumps(what).encode() + b"\n")

    try:
        function(say, *arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _end(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
