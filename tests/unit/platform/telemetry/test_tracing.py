"""Spans by the SDK, kept in memory; and when tracing is on at all."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Binding, BrokerUnavailable, Outgoing, Queue, Topology
from angarium.platform.broker.tracing import TracedBroker
from angarium.platform.clock import SystemClock
from angarium.platform.telemetry.correlation import bind_traceparent, current_traceparent, parse_traceparent
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.opentelemetry import ReportingExporter
from angarium.platform.telemetry.tracing import Kind, spanned
from angarium.platform.telemetry.tracing_opening import faults, is_wanted, open_tracing
from tests.support.clock import ManualClock
from tests.support.otlp import collecting
from tests.support.spans import Kept, parent_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture
def kept() -> Kept:
    return Kept()


def test_a_span_is_below_its_parent_and_is_the_trace_of_the_block(kept: Kept) -> None:
    with spanned(kept.tracing, "a", Kind.SERVER, {"one": 1}, parent=PARENT) as span:
        span.set("two", "2")
        assert current_traceparent() == span.traceparent
        assert span.traceparent.startswith(f"00-{TRACE}-")
        with spanned(kept.tracing, "b", Kind.CLIENT, {}):
            pass
    assert current_traceparent() is None
    inner, outer = kept.spans
    assert (outer.name, outer.kind.name, outer.attributes) == ("a", "SERVER", {"one": 1, "two": "2"})
    assert parent_of(outer) == SPAN
    assert outer.context is not None
    assert parent_of(inner) == f"{outer.context.span_id:016x}"


@pytest.mark.parametrize("parent", ["", "garbage", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01"])
def test_what_is_no_traceparent_begins_a_trace(kept: Kept, parent: str) -> None:
    with bind_traceparent(PARENT), spanned(kept.tracing, "a", Kind.SERVER, {}, parent=parent) as span:
        assert parse_traceparent(span.traceparent) is not None
        assert TRACE not in span.traceparent
    assert parent_of(kept.spans[0]) is None


def test_what_the_parent_does_not_sample_is_not_kept_and_stays_in_its_trace(kept: Kept) -> None:
    with spanned(kept.tracing, "a", Kind.SERVER, {}, parent=f"00-{TRACE}-{SPAN}-00") as span:
        span.set("one", 1)
        span.fail("x")
        assert span.traceparent.startswith(f"00-{TRACE}-")
        assert span.traceparent.endswith("-00")
    assert kept.spans == ()


def test_an_error_marks_the_span_by_its_class_alone(kept: Kept) -> None:
    with pytest.raises(ValueError, match="ada@example"), spanned(kept.tracing, "a", Kind.CLIENT, {}):
        raise ValueError("ada@example.org is not one")
    [span] = kept.spans
    assert span.attributes == {"error.type": "ValueError"}
    assert not span.status.is_ok
    assert span.status.description is None
    assert span.events == ()


def test_links_that_are_no_traceparents_are_left_out(kept: Kept) -> None:
    span = kept.tracing.begin("a", Kind.CLIENT, parent=None, attributes={}, links=[PARENT, "garbage"])
    span.end()
    span.end()
    assert [f"{link.context.trace_id:032x}" for link in kept.spans[0].links] == [TRACE]


TOPOLOGY = Topology(
    direct_exchanges=("work",),
    topic_exchanges=(),
    queues=(Queue("q", (Binding("work", "k"),), max_length=1),),
    delays=(timedelta(seconds=1),),
)


async def test_a_publish_has_a_span_below_its_messages_trace(kept: Kept) -> None:
    broker = TracedBroker(MemoryBroker(SystemClock()), kept.tracing, system="memory")
    await broker.declare(TOPOLOGY)
    messages = [
        Outgoing("work", "k", b"{}", "1", {"traceparent": PARENT}),
        Outgoing("work", "k", b"{}", "2", {"traceparent": PARENT}),
        Outgoing("work", "k", b"{}", "3"),
    ]
    assert await broker.publish(messages) == [True, False, False]
    taken, refused = kept.spans
    assert (taken.name, taken.kind.name, parent_of(taken)) == ("publish work", "CLIENT", SPAN)
    assert taken.attributes == {
        "messaging.system": "memory",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "work:k",
        "messaging.rabbitmq.destination.routing_key": "k",
        "messaging.message.id": "1",
        "messaging.message.body.size": 2,
    }
    assert refused.attributes is not None
    assert refused.attributes["error.type"] == "unconfirmed"
    async with broker.consume("q", prefetch=1) as consumer:
        [delivery] = await consumer.receive(1)
        assert delivery.headers["traceparent"] == PARENT, "what made the message, not one of its publishes"
    await broker.close()
    with pytest.raises(BrokerUnavailable):
        await broker.publish(messages[:1])
    assert [span.status.is_ok for span in kept.spans] == [True, False, False]


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "x"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, False),
    ],
)
def test_an_endpoint_or_the_exporter_switches_it_on(environment: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environment) is wanted


def test_what_is_not_followed_is_named_without_its_value() -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "most",
    }
    assert [name for name, _ in faults(environment)] == ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_TRACES_SAMPLER_ARG"]
    assert [name for name, _ in faults({"OTEL_TRACES_SAMPLER": "often"})] == ["OTEL_TRACES_SAMPLER"]
    assert list(faults({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"})) == []


async def _opened(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> list[dict[str, object]]:
    """What is logged where a span is made with this environment."""
    stream = io.StringIO()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with AsyncExitStack() as stack:
        tracing = await open_tracing("angarium-test", make_logger("test", stream=stream), stack, environment)
        if tracing is not None:
            tracing.begin("a", Kind.SERVER, parent=None, attributes={}).end()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


async def test_the_last_spans_are_exported_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        [line] = await _opened(monkeypatch, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}"})
        [span] = collector.spans
    assert line["event"] == "tracing.on"
    assert (span.name, span.service) == ("a", "angarium-test")


async def test_the_environments_name_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        await _opened(monkeypatch, {**collector.environment, "OTEL_SERVICE_NAME": "mine"})
        assert [span.service for span in collector.spans] == ["mine"]


async def test_an_endpoint_that_hangs_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("angarium.platform.telemetry.opentelemetry.LAST_SECONDS", 0.1)
    with collecting() as collector:
        collector.open.clear()
        async with asyncio.timeout(30):
            [line] = await _opened(monkeypatch, collector.environment)
    assert line["event"] == "tracing.on"


async def test_what_the_sdk_refuses_stops_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "cnry-0451"
    lines = await _opened(
        monkeypatch,
        {
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
            "OTEL_EXPORTER_OTLP_HEADERS": f"authorization {secret}",
            "OTEL_BSP_MAX_QUEUE_SIZE": "1",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5",
        },
    )
    assert [line["event"] for line in lines] == ["tracing.unavailable"]
    assert secret not in str(lines)


async def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "angarium.platform.telemetry.opentelemetry", None)
    [line] = await _opened(monkeypatch, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    assert (line["level"], line["event"]) == ("warning", "tracing.unavailable")
    assert "pip install 'angarium[opentelemetry]'" in str(line["reason"])


class Failing(SpanExporter):
    """Fails in the given way."""

    def __init__(self) -> None:
        self.answers: Iterator[SpanExportResult | Exception] = iter(())

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        answer = next(self.answers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_failed_exports_are_logged_at_increasing_intervals() -> None:
    stream, failing, clock = io.StringIO(), Failing(), ManualClock()
    exporter = ReportingExporter(failing, make_logger("test", stream=stream), clock)
    failure, success = SpanExportResult.FAILURE, SpanExportResult.SUCCESS
    failing.answers = iter([failure, failure, ValueError("authorization: cnry"), success, failure])
    for _ in range(5):
        exporter.export([])
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["error"] for line in lines] == ["refused or not reached", "ValueError", "refused or not reached"]
    assert "cnry" not in stream.getvalue()
    exporter.shutdown()


def test_without_tracing_nothing_of_the_sdk_is_imported() -> None:
    code = (
        "import sys, angarium.embedded.composition, angarium.cli.processes, angarium.channels.registry;"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.strip() == "[]"
