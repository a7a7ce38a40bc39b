"""Instruments."""

import pytest
from prometheus_client import CollectorRegistry

from angarium.platform.telemetry.metrics import Children, Metrics


@pytest.mark.parametrize(
    "name",
    [
        "http_requests_total",
        "http_request_duration_seconds",
        "notifications_accepted_total",
        "notifications_finished_total",
        "accept_to_sent_seconds",
        "attempts_total",
        "provider_duration_seconds",
        "queue_messages",
        "queue_consumers",
        "queue_oldest_age_seconds",
        "outbox_pending",
        "dead_letters",
        "cache_requests_total",
        "rate_limited_total",
        "retention_rows_total",
    ],
)
def test_every_instrument_of_the_contract_is_there(name: str) -> None:
    metrics = Metrics(CollectorRegistry())
    assert hasattr(metrics, name)
    shown = f"# TYPE angarium_{name} "
    assert shown in metrics.render().decode()


def test_two_processes_worth_of_metrics_live_side_by_side() -> None:
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    first.dead_letters.set(3)
    assert b"angarium_dead_letters 3.0" in first.render()
    assert b"angarium_dead_letters 0.0" in second.render()


def test_counters_count_by_label() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.notifications_finished_total.labels("email", "sent").inc(2)
    assert b'angarium_notifications_finished_total{channel="email",status="sent"} 2.0' in metrics.render()


def test_children_are_those_of_the_instrument() -> None:
    metrics = Metrics(CollectorRegistry())
    children = Children(metrics.attempts_total.labels)
    for _ in range(2):
        children["smtp", "sent"].inc()
    metrics.attempts_total.labels("smtp", "sent").inc()
    assert b'angarium_attempts_total{outcome="sent",provider="smtp"} 3.0' in metrics.render()
