"""Two worker processes and a master, as on several machines; one worker is killed half-way."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.spark.cluster import environment, running, spark_home, wait_until

pytestmark = [pytest.mark.java, pytest.mark.slow]
ROWS, TASKS = 960, 24


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with running(tmp_path_factory.mktemp("cluster"), n_workers=2) as cluster:
        yield cluster


def settings(cluster):
    chosen = [
        "spark.driver.host=127.0.0.1",
        "spark.driver.bindAddress=127.0.0.1",
        "spark.driver.memory=1g",
        "spark.executor.memory=600m",
        "spark.ui.enabled=false",
    ]
    return [part for text in chosen for part in ("--conf", text)]


def test_a_worker_killed_in_the_middle_costs_nothing_but_time(cluster, made, tmp_path):
    shop, csv = made
    ids = shop.item_ids
    paths = [f"{ids[i % 24].split('-')[0]}/{ids[i % 24]}.png" for i in range(ROWS)]
    table = pa.table({"id": [f"{i}" for i in range(ROWS)], "image": paths})
    pq.write_table(table, csv.parent / "many.parquet")
    out = tmp_path / "out.parquet"
    command = [
        sys.executable, "-c", "from vitrine.cli import main; main()",
        "spark", "embed", str(csv.parent / "many.parquet"), "-o", str(out),
        "--like", str(shop.path), "--master", cluster.url, "--partitions", str(TASKS),
        *settings(cluster), "--json",
    ]  # fmt: skip
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as job:
        try:
            done = out / "_temporary" / "0"
            wait_until(
                lambda: job.poll() is not None or len(list(done.glob("task_*"))) >= 2, "two tasks"
            )
            assert job.poll() is None, job.communicate()
            assert cluster.executors(0)
            assert cluster.executors(1)
            cluster.kill(0)
            assert len(list(done.glob("task_*"))) < TASKS  # there was work left
            printed, complaints = job.communicate(timeout=400)
        finally:
            job.kill()
    assert job.returncode == 0, complaints
    assert f'"items": {ROWS}' in printed
    rows = {row["item_id"]: row["vector"] for row in pq.read_table(out).to_pylist()}
    assert len(rows) == ROWS == pq.read_table(out).num_rows
    own = dict(zip(ids, shop.vectors, strict=True))
    for i in range(ROWS):
        vector, wanted = np.array(rows[f"{i}"]), own[ids[i % 24]]
        cosine = vector @ wanted / np.linalg.norm(vector) / np.linalg.norm(wanted)
        assert cosine >= 0.9999


def test_the_same_job_file_goes_to_spark_submit(cluster, made, tmp_path):
    shop, _ = made
    shop.export(tmp_path / "export.parquet")
    shop.write_neighbours(tmp_path / "own.parquet", k=3)
    printed = subprocess.run(
        [sys.executable, "-c", "from vitrine.cli import main; main()", "spark", "job"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    command = [
        str(spark_home() / "bin" / "spark-submit"), "--master", cluster.url, *settings(cluster),
        printed.stdout.strip(), "neighbours", str(tmp_path / "export.parquet"), "-k", "3",
        "-o", str(tmp_path / "out"),
    ]  # fmt: skip
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    done = subprocess.run(
        command, env=environment() | python, capture_output=True, text=True, timeout=400,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "72 neighbours of 24 items" in done.stdout
    own = pq.read_table(tmp_path / "own.parquet").sort_by([("item_id", "ascending")])
    got = pq.read_table(tmp_path / "out").sort_by([("item_id", "ascending")])
    assert own["neighbour_id"].to_pylist() == got["neighbour_id"].to_pylist()
