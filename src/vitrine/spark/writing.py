"""Spark tables to Parquet, and what can go wrong with that said in one line."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Any

from vitrine.errors import JobError, OptionError

_RAISED = re.compile(r"^\s*([A-Za-z_][\w.]*(?:Error|Exception)): (.+)$", re.MULTILINE)
_JAVA = ("java.", "javax.", "org.", "py4j.", "scala.", "pyspark.")


def write_table(table: Any, output: str, overwrite: bool) -> None:
    """Write a table as a folder of Parquet files; without ``_SUCCESS`` in it, it is not whole.

    Raises
    ------
    OptionError
        If there is something already, and `overwrite` is not set.
    JobError
        If the job failed.
    """
    with clear_errors(output):
        table.write.mode("overwrite" if overwrite else "errorifexists").parquet(output)


@contextlib.contextmanager
def clear_errors(output: str) -> Iterator[None]:
    """Turn Spark's errors into Vitrine's."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        text = str(error)
        if "PATH_ALREADY_EXISTS" in text:
            raise OptionError(
                f"{output}: there is something already; name another place, or say --overwrite"
            ) from error
        raise JobError(f"the Spark job failed: {_cause(text)}") from error


def _cause(text: str) -> str:
    """Return the line that says why, of the many that Spark prints: Python's, where it has one."""
    python = [match for match in _RAISED.finditer(text) if not match[1].startswith(_JAVA)]
    if python:
        name, reason = python[0].groups()
        if "No module named 'vitrine" in reason:
            reason += "; Vitrine must be installed in the Python that executors run, which "
            reason += "PYSPARK_PYTHON names"
        return f"{name.rpartition('.')[2]}: {reason}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines or ["it does not say why"])[0][:500]
