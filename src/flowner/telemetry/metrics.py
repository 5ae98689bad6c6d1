"""What is counted and timed, for Prometheus.

A metric's labels have few values: operations of this server, statuses, route templates, and at most
`MOST_FLOWS` flows; what is beyond that is `other`. No label holds what a person wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

MOST_FLOWS: Final = 500
"""Flows that have a label of their own: the first that ran in this process."""
OTHER: Final = "other"
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_COMMIT_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    # over budget: it is one list of what is counted
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._flows: set[str] = set()
        self._started = Counter(
            "flowner_runs_started", "Runs that a worker began to move.", ["flow"], registry=registry
        )
        self._finished = Counter(
            "flowner_runs_finished",
            "Runs that ended, by how.",
            ["flow", "status"],
            registry=registry,
        )
        self._refused = Counter(
            "flowner_runs_refused",
            "Runs that were refused before they began, by why.",
            ["flow", "code"],
            registry=registry,
        )
        self._actions = Counter(
            "flowner_actions",
            "Calls of connectors, by operation and by what came of them.",
            ["operation", "status"],
            registry=registry,
        )
        self._action_seconds = Histogram(
            "flowner_action_duration_seconds",
            "How long calls of connectors took, with the proof of identity before them.",
            ["operation"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._throttled = Counter(
            "flowner_calls_throttled",
            "Calls that waited for a limit of what they go to, by connector.",
            ["connector"],
            registry=registry,
        )
        self._lost = Counter(
            "flowner_leases_lost",
            "Runs that another worker took over while this one moved them.",
            registry=registry,
        )
        self._batches = Histogram(
            "flowner_journal_batch_size",
            "Runs whose additions travelled in one statement.",
            ["statement"],
            buckets=_SIZES,
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "flowner_journal_batch_duration_seconds",
            "How long such a statement took until it was durable.",
            ["statement"],
            buckets=_COMMIT_SECONDS,
            registry=registry,
        )
        self._requests = Counter(
            "flowner_http_requests",
            "HTTP requests, by method, route template and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._gauges: dict[str, Gauge] = {
            name: Gauge(f"flowner_{name}", said, registry=registry) for name, said in _GAUGES
        }

    def run_started(self, flow: str) -> None:
        """Count a run that begins to move."""
        self._started.labels(self._bounded(flow)).inc()

    def run_finished(self, flow: str, status: str) -> None:
        """Count a run that ended."""
        self._finished.labels(self._bounded(flow), status).inc()

    def run_refused(self, flow: str, code: str) -> None:
        """Count a run that was refused. ``code`` is one of ours."""
        self._refused.labels(self._bounded(flow), code).inc()

    def action(self, operation: str, status: str, seconds: float) -> None:
        """Count and time a call. ``operation`` is one that this server has, or a word for none."""
        self._actions.labels(operation, status).inc()
        self._action_seconds.labels(operation).observe(seconds)

    def call_throttled(self, connector: str) -> None:
        """Count a call that has to wait for a limit. ``connector`` is one of this server."""
        self._throttled.labels(connector).inc()

    def lease_lost(self) -> None:
        """Count a run that is somebody else's now."""
        self._lost.inc()

    @contextmanager
    def batch(self, statement: str, size: int) -> Iterator[None]:
        """Time a statement that writes ``size`` additions."""
        begun = perf_counter()
        try:
            yield
        finally:
            self._batches.labels(statement).observe(size)
            self._batch_seconds.labels(statement).observe(perf_counter() - begun)

    def request(self, method: str, route: str, status: int) -> None:
        """Count an HTTP request. ``route`` is a template, never an address."""
        self._requests.labels(method, route, str(status)).inc()

    def set(self, **gauges: float) -> None:
        """Set gauges by name, without the prefix; those of `_GAUGES`."""
        for name, value in gauges.items():
            self._gauges[name].set(value)

    def page(self) -> bytes:
        """Return all of it in Prometheus's text format, version 0.0.4."""
        return generate_latest(self.registry)

    def _bounded(self, flow: str) -> str:
        if flow in self._flows:
            return flow
        if len(self._flows) >= MOST_FLOWS:
            return OTHER
        self._flows.add(flow)
        return flow


_GAUGES: Final = (
    ("runs_in_hand", "Runs that this process moves right now."),
    ("queue_lag_seconds", "How long the oldest run that is due waits for a worker, of all."),
    ("runs_parked", "Runs of all that wait for a time or an answer; counted to 100,000."),
    ("database_connections", "Connections that the pool of this process has open."),
    ("database_connections_idle", "Connections of the pool that nobody uses right now."),
    ("database_requests_waiting", "Requests that wait for a connection of the pool."),
    ("database_up", "1 when the database answered while this page was made."),
)
