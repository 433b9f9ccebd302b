"""How far a Spark job is, for whoever wants to know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from vitrine.progress import Task, task

_SECONDS = 0.5


@contextmanager
def watched(spark: Any, description: str, total: int | None = None) -> Iterator[None]:
    """Report the tasks that Spark completes inside the context; an interruption ends the job.

    Parameters
    ----------
    spark : pyspark.sql.SparkSession
    description : str
    total : int, optional
        How many tasks there will be; None where Spark alone will know.
    """
    context, group, done = spark.sparkContext, f"vitrine-{uuid4()}", Event()
    context.setJobGroup(group, description, interruptOnCancel=True)
    with task(f"{description}, tasks", total) as progress:
        watcher = Thread(target=_watch, args=(context, group, progress, done), daemon=True)
        watcher.start()
        try:
            yield
        except KeyboardInterrupt:
            context.cancelJobGroup(group)
            raise
        finally:
            done.set()
            watcher.join()
            context.setLocalProperty("spark.jobGroup.id", None)


def _watch(context: Any, group: str, progress: Task, done: Event) -> None:
    seen = 0
    while not done.wait(_SECONDS):
        now = _completed(context.statusTracker(), group)
        if now > seen:
            progress.advance(now - seen)
            seen = now


def _completed(tracker: Any, group: str) -> int:
    """Return how many tasks of a group's jobs are done."""
    stages = set()
    for job in tracker.getJobIdsForGroup(group):
        info = tracker.getJobInfo(job)
        stages |= set(info.stageIds) if info else set()
    found = [tracker.getStageInfo(stage) for stage in stages]
    return sum(stage.numCompletedTasks for stage in found if stage)
