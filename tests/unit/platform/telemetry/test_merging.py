"""Series of other processes stand in their families, with the process as a label."""

from prometheus_client.parser import text_string_to_metric_families

from angarium.platform.telemetry.merging import merged
from angarium.platform.telemetry.metrics import Metrics


def _series(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = [sample for family in text_string_to_metric_families(text.decode()) for sample in family.samples]
    series = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}
    assert len(series) == len(found)
    return series


def test_each_process_has_its_own_series() -> None:
    own, other = Metrics(), Metrics()
    own.attempts_total.labels("smtp", "sent").inc(3)
    other.attempts_total.labels("smtp", "sent").inc(4)
    other.provider_duration_seconds.labels('odd "{name}", with \\ and =').observe(0.2)
    other.outbox_pending.set(7)
    text = merged(own.render(), {"worker-1": other.render()})
    series = _series(text)
    labels = {("provider", "smtp"), ("outcome", "sent")}
    assert series["angarium_attempts_total", frozenset(labels)] == 3
    assert series["angarium_attempts_total", frozenset(labels | {("process", "worker-1")})] == 4
    assert series["angarium_outbox_pending", frozenset({("process", "worker-1")})] == 7
    alone = {(name, labels | {("process", "worker-1")}) for name, labels in _series(other.render())}
    assert {one for one in series if ("process", "worker-1") in one[1]} == alone


def test_each_family_is_described_once() -> None:
    own, other = Metrics(), Metrics()
    for metrics in (own, other):
        metrics.attempts_total.labels("smtp", "sent").inc()
    lines = merged(own.render(), {"a": other.render(), "b": other.render()}).decode().splitlines()
    described = [line for line in lines if line.startswith("# TYPE")]
    assert len(described) == len(set(described)) > 10
    at = [place for place, line in enumerate(lines) if line.startswith("angarium_attempts_total")]
    assert at == list(range(at[0], at[0] + 3))


def test_alone_it_is_what_it_was() -> None:
    own = Metrics()
    own.attempts_total.labels("smtp", "sent").inc()
    assert merged(own.render(), {}) == own.render()
