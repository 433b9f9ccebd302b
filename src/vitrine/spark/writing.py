"""Spark tables to Parquet, and what can go wrong with that said in one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from vitrine.errors import JobError, OptionError


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
    """Return the line that says why, of the many that Spark prints."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    python = [line for line in lines if line.startswith(("vitrine.errors.", "vitrine.spark."))]
    return (python or lines or ["it does not say why"])[-1 if python else 0][:500]
