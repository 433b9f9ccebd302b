"""Counts and times for Prometheus; of several worker processes together where there are some."""

from __future__ import annotations

import os
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client import multiprocess as together

from vitrine import __version__

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable that names where workers share their counts."""

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Meter:
    """What is measured of a service.

    Attributes
    ----------
    requests_in_flight : int
        Being answered by this process.
    """

    def __init__(self) -> None:
        self.requests_in_flight = 0
        self._registry = registry = CollectorRegistry()
        self._seconds = Histogram(
            "vitrine_request_seconds",
            "Time to answer, from the request's headers to the last byte.",
            ("route", "method", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._refusals = Counter(
            "vitrine_refusals",
            "Requests that were refused, by the kind of problem.",
            ("problem",),
            registry=registry,
        )
        self._in_flight = Gauge(
            "vitrine_requests_in_flight",
            "Requests being answered.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._items = self._gauge("vitrine_items", "Items in the index.")
        self._change = self._gauge("vitrine_change_number", "Last write that is in the index.")
        self._behind = self._gauge(
            "vitrine_seconds_behind", "Time since the database was last looked at.", "livemax"
        )
        info = Gauge(
            "vitrine_info", "Version of Vitrine and the shop's encoder.", ("version", "encoder"),
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._info = info
        self._children: dict[tuple[str, str, int], Histogram] = {}

    def _gauge(
        self, name: str, text: str, mode: Literal["livemostrecent", "livemax"] = "livemostrecent"
    ) -> Gauge:
        return Gauge(name, text, registry=self._registry, multiprocess_mode=mode)

    def answered(
        self, route: str, method: str, status: int, seconds: float, problem: str | None
    ) -> None:
        """Count one answer."""
        key = route, method, status
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._seconds.labels(route, method, str(status))
        child.observe(seconds)
        if problem is not None:
            self._refusals.labels(problem).inc()

    def in_flight(self, requests: int) -> None:
        """Note how many requests are being answered."""
        self.requests_in_flight = requests
        self._in_flight.set(requests)

    def shop(self, items: int, change_number: int, seconds_behind: float, encoder: str) -> None:
        """Note what is in the index."""
        self._items.set(items)
        self._change.set(change_number)
        self._behind.set(seconds_behind)
        self._info.labels(__version__, encoder).set(1)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        if FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        together.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
