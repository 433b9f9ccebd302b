"""One Spark session for a job: where it runs, what is set, how loud it is."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vitrine.errors import MissingExtraError, MissingProgramError, OptionError

LOCAL = "local[*]"
LEAST_JAVA = 17
_SUBMITTED = "PYSPARK_GATEWAY_PORT"
"""Set where spark-submit has started this process, and with it a Java machine."""

_LOG_SETTINGS = Path(__file__).with_name("log4j2.properties")
_GIGABYTE = 2**30


@contextmanager
def session(master: str | None = None, conf: Iterable[str] = ()) -> Iterator[Any]:
    """Open a Spark session, and stop it at the end; one that is open already is used and left open.

    Parameters
    ----------
    master : str, optional
        Where it runs, as Spark writes it: ``local[4]``, ``spark://host:7077``, ``yarn``. By default
        what spark-submit was told, else all cores of this machine.
    conf : iterable of str
        Settings of Spark, ``key=value`` each; they go before what is set here.

    Yields
    ------
    pyspark.sql.SparkSession

    Raises
    ------
    MissingExtraError
        If pyspark is not installed.
    MissingProgramError
        If there is no Java, or one too old.
    OptionError
        If a setting is not written so.
    """
    wanted = read_conf(conf)
    check_spark()
    from pyspark.sql import SparkSession

    there = SparkSession.getActiveSession()
    if there is not None:
        yield there
        return
    submitted = _SUBMITTED in os.environ
    if not submitted:
        check_java()
        wanted = defaults(master or LOCAL) | wanted
    elif master is not None:
        raise OptionError("--master: spark-submit has one of its own; say it there")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("vitrine")
    for key, value in wanted.items():
        builder = builder.config(key, value)
    opened = builder.getOrCreate()
    opened.sparkContext.setLogLevel("WARN")
    try:
        yield opened
    finally:
        opened.stop()


@contextmanager
def with_settings(spark: Any, settings: Mapping[str, object]) -> Iterator[None]:
    """Set what a job needs inside the context, and put back what was set before."""
    before = {key: spark.conf.get(key, None) for key in settings}
    for key, value in settings.items():
        spark.conf.set(key, str(value))
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, value)


def read_conf(texts: Iterable[str]) -> dict[str, str]:
    """Read settings written as ``spark.key=value``.

    Raises
    ------
    OptionError
        If one is not written so.
    """
    settings = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.startswith("spark."):
            raise OptionError(f"--conf {text}: write it as spark.key=value")
        settings[key] = value
    return settings


def defaults(master: str) -> dict[str, str]:
    """Return what is set unless the caller says otherwise."""
    settings = {
        "spark.master": master,
        "spark.ui.showConsoleProgress": "false",  # progress is shown by whoever listens
        "spark.driver.memory": f"{_driver_megabytes()}m",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={_LOG_SETTINGS.as_uri()}",
    }
    if master.startswith("local"):  # one machine: no port is open to any other
        settings |= {
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.enabled": "false",
        }
    return settings


def check_spark() -> None:
    """Raise `MissingExtraError` where pyspark is not installed."""
    try:
        import pyspark  # noqa: F401 - is it there?
    except ImportError:
        raise MissingExtraError("running on Spark", "spark") from None


def check_java() -> None:
    """Raise `MissingProgramError` where there is no Java, or one older than Spark needs."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    advice = (
        f"Spark needs Java {LEAST_JAVA} or newer: install openjdk-{LEAST_JAVA}-jre-headless (or "
        "another), or name its folder with JAVA_HOME"
    )
    if java is None or not Path(java).is_file():
        raise MissingProgramError(f"there is no Java{f' in {home}' if home else ''}; {advice}")
    said = subprocess.run(  # noqa: S603 - the Java of this machine's own settings
        [java, "-version"], capture_output=True, text=True, check=False
    ).stderr
    found = re.search(r'version "(\d+)(?:\.(\d+))?', said)
    if found is None:
        raise MissingProgramError(f"{java}: does not say its version; {advice}")
    version = int(found[2]) if found[1] == "1" and found[2] else int(found[1])  # 1.8 was Java 8
    if version < LEAST_JAVA:
        raise MissingProgramError(f"{java}: this is Java {version}; {advice}")


def _driver_megabytes() -> int:
    """Return a quarter of this machine's memory, 1 to 4 GB: on one machine the jobs run in it."""
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not known here
        total = 8 * _GIGABYTE
    return int(min(4 * _GIGABYTE, max(_GIGABYTE, total // 4)) // 2**20)
