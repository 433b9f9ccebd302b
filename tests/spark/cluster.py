"""A Spark of several processes on this machine's loopback: a master, and workers of one core."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

SECONDS = 400


def spark_home() -> Path:
    import pyspark

    return Path(pyspark.__file__).parent


def environment() -> dict[str, str]:
    loopback = {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_HOME": str(spark_home())}
    return {**os.environ, **loopback}


class Cluster:
    """Processes that are all gone at the end, each with those it has started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"spark://127.0.0.1:{_free_port()}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, n_workers: int) -> None:
        port = self.url.rpartition(":")[2]
        self._run("master", "Master", "--port", port)
        self._wait("master", "I have been elected leader")
        self.workers = [
            self._run(
                f"worker-{i}", "Worker", self.url, "--cores", "1", "--memory", "1g",
                "--work-dir", str(self.folder / f"work-{i}"),
            )
            for i in range(n_workers)
        ]  # fmt: skip
        for i in range(n_workers):
            self._wait(f"worker-{i}", "Successfully registered with master")

    def kill(self, worker: int) -> None:
        """Kill a worker and its executor, as a machine that fails would."""
        os.killpg(self.workers[worker].pid, signal.SIGKILL)

    def stop(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def executors(self, worker: int) -> list[Path]:
        """The folders of the executors that a worker has started."""
        return list((self.folder / f"work-{worker}").glob("app-*/*/stderr"))

    def _run(self, name: str, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [
            str(spark_home() / "bin" / "spark-class"),
            f"org.apache.spark.deploy.{kind.lower()}.{kind}",
            "--host", "127.0.0.1", "--webui-port", "0", *arguments,
        ]  # fmt: skip
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment(), start_new_session=True
            )
        self._processes.append(process)
        return process

    def _wait(self, name: str, for_what: str) -> None:
        log = self.folder / f"{name}.log"
        wait_until(lambda: for_what in log.read_text(), f"{name}: {for_what}")


def wait_until(true, what: str) -> None:
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < SECONDS, f"waited {SECONDS} s for: {what}"
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def running(folder: Path, n_workers: int) -> Iterator[Cluster]:
    cluster = Cluster(folder)
    try:
        cluster.start(n_workers)
        yield cluster
    finally:
        cluster.stop()
