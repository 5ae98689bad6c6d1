"""Metrics are figures with few labels."""

from __future__ import annotations

import time

import pytest

from flowner.telemetry.metrics import MOST_FLOWS, OTHER, Metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_flows_beyond_the_first_share_a_label() -> None:
    metrics = Metrics()
    for number in range(MOST_FLOWS + 20):
        metrics.run_started(f"flow {number}")
    metrics.run_finished("flow 3", "Succeeded")
    metrics.run_finished(f"flow {MOST_FLOWS + 3}", "Failed")
    assert value(metrics, "flowner_runs_started_total", flow="flow 3") == 1
    assert value(metrics, "flowner_runs_started_total", flow=OTHER) == 20
    assert value(metrics, "flowner_runs_finished_total", flow="flow 3", status="Succeeded") == 1
    assert value(metrics, "flowner_runs_finished_total", flow=OTHER, status="Failed") == 1
    assert metrics.page().count(b"flowner_runs_started_total{") == MOST_FLOWS + 1


def test_two_houses_of_one_process_count_for_themselves() -> None:
    one, other = Metrics(), Metrics()
    one.lease_lost()
    assert value(one, "flowner_leases_lost_total") == 1
    assert value(other, "flowner_leases_lost_total") == 0


def test_a_statement_that_fails_is_timed_too() -> None:
    metrics = Metrics()
    with pytest.raises(ValueError, match="no"), metrics.batch("append", 7):
        raise ValueError("no")
    assert value(metrics, "flowner_journal_batch_size_sum", statement="append") == 7
    assert value(metrics, "flowner_journal_batch_duration_seconds_count", statement="append") == 1


def test_counting_costs_microseconds() -> None:
    metrics = Metrics()
    begun = time.perf_counter()
    for _ in range(10_000):
        metrics.action("GET", "Succeeded", 0.1)
    assert (time.perf_counter() - begun) / 10_000 < 100e-6
