"""OpenTelemetry traces as a collector receives them, from the caller's request to the provider's answer."""

import json
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from angarium.testing.smtp.script import Step
from angarium.testing.smtp.sink import SmtpSink
from tests.support.endpoint import endpoint
from tests.support.otlp import Collector, Seen, collecting
from tests.support.servers import PostgreSQL, RabbitMQ, Redis
from tests.support.system import DistributedSystem, EmbeddedSystem, System, running
from tests.support.wait import until

CANARY = "cnry5e2b"
FORMS = ["embedded", "embedded-plain", pytest.param("distributed", marks=pytest.mark.distributed)]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module", params=FORMS)
def traced(
    request: pytest.FixtureRequest, collector: Collector, sink: SmtpSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("traced")
    settings = {"CALLBACK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    system: System
    if request.param == "distributed":
        servers: dict[str, Any] = {}
        for name, kind in (("postgresql", PostgreSQL), ("rabbitmq", RabbitMQ), ("redis", Redis)):
            servers[name] = request.getfixturevalue("redis_server" if kind is Redis else name)
            servers[name].start_now()
        system = DistributedSystem(folder, sink=sink, settings=settings, **servers)
    else:
        plain = {"FAST_PATHS": "off"} if request.param == "embedded-plain" else {}
        system = EmbeddedSystem(folder, sink=sink, settings={**settings, **plain})
    system.environment = collector.environment
    with running(system):
        yield system


@pytest.fixture
async def system(traced: System) -> AsyncIterator[System]:
    async with traced.connected():
        yield traced


def named(spans: Sequence[Seen], name: str) -> list[Seen]:
    """The spans whose names begin with `name`."""
    return [span for span in spans if span.name.startswith(name)]


async def test_one_trace_covers_the_request_up_to_the_providers_answer(system: System, collector: Collector) -> None:
    trace, caller = secrets.token_hex(16), secrets.token_hex(8)
    address = f"{CANARY}@{CANARY}.test"
    user = await system.create_user(email=address, name=CANARY)
    template = await system.create_template()
    system.sink.script(address, Step(rcpt="451 4.3.0 try later"), Step(rcpt="451 4.3.0 try later"))
    async with endpoint() as receiver:
        accepted = await system.send(
            headers={"traceparent": f"00-{trace}-{caller}-01", "X-Correlation-ID": "corr-1"},
            user_id=user["user_id"],
            template_code=template["code"],
            variables={"name": CANARY},
            metadata={"note": CANARY},
            callback_url=receiver.url(f"/hook/{CANARY}?key={CANARY}"),
        )
        await system.wait_for(accepted["notification_id"], "sent")
        await until(lambda: receiver.received, 30)
        headers = receiver.received[0].headers
    spans = await collector.wait_for(trace, lambda found: len(named(found, "POST callback")) == 1)
    spans = await collector.wait_for(trace, lambda found: len(named(found, "process")) == 3)
    by_id = {span.span: span for span in spans}

    [request] = named(spans, "POST /api/v1/notifications")
    assert (request.kind, request.parent) == ("SERVER", caller)
    assert request.attributes["http.response.status_code"] == 202
    assert request.attributes["angarium.correlation_id"] == "corr-1"
    [made] = named(spans, "create email")
    assert (made.kind, made.parent) == ("PRODUCER", request.span)
    assert made.attributes["angarium.notification_id"] == accepted["notification_id"]
    publishes = named(spans, "publish notifications.direct")
    assert {(one.kind, one.parent) for one in publishes} == {("CLIENT", made.span)}
    assert len(publishes) == 3, "one for the acceptance and one for each delay"
    attempts = sorted(named(spans, "process email.queue"), key=lambda one: one.attributes["angarium.attempt"])
    assert {(one.kind, one.parent) for one in attempts} == {("CONSUMER", made.span)}, "siblings"
    assert [one.attributes["angarium.attempt"] for one in attempts] == [1, 2, 3]
    assert [one.attributes["angarium.status"] for one in attempts] == ["retrying", "retrying", "sent"]
    answers = [one for attempt in attempts for one in named(spans, "send smtp") if one.parent == attempt.span]
    assert [one.attributes["angarium.outcome"] for one in answers] == ["retry", "retry", "sent"]
    assert [one.attributes["angarium.answer_code"] for one in answers] == ["451", "451", "250"]
    assert [one.failed for one in answers] == [True, True, False]
    [callback] = named(spans, "POST callback")
    assert callback.parent == made.span
    assert headers["traceparent"] == f"00-{trace}-{callback.span}-01"
    assert all(span.parent == caller or span.parent in by_id for span in spans), "no span is cut off"
    system_names = {span.service for span in spans}
    if isinstance(system, DistributedSystem):
        assert {"angarium-gateway", "angarium-email", "angarium-users", "angarium-templates"} <= system_names
        assert {one.attributes["messaging.system"] for one in attempts} == {"rabbitmq"}
        assert [one for one in named(spans, "POST users") if by_id[one.parent].service == "angarium-email"]
    else:
        assert system_names == {"angarium"}
    for one in named(spans, "GET templates") + named(spans, "POST users"):
        assert one.kind == "CLIENT"
        [answered] = [span for span in spans if span.parent == one.span]
        assert answered.kind == "SERVER"
    assert named(spans, "GET templates")
    await _hold_no_secret(system, collector)


async def _hold_no_secret(system: System, collector: Collector) -> None:
    key = system.headers["X-API-Key"]
    logs = "\n".join(line for line in system.logs().splitlines() if line.startswith("{"))
    metrics = [(await system.client.get(f"{system.address(name)}/metrics")).text for name in system.commands]
    for place, text in (("spans", collector.text), ("logs", logs), ("metrics", "\n".join(metrics))):
        for word in (CANARY, key, system.service_headers["X-Service-Token"], "MfKQ9r8GKYqr"):
            assert word not in text, f"{word} in {place}"


async def test_an_unsampled_trace_is_not_exported(system: System, collector: Collector) -> None:
    unsampled, sampled = secrets.token_hex(16), secrets.token_hex(16)
    for trace, flags in ((unsampled, "00"), (sampled, "01")):
        answer = await system.client.get(
            "/api/v1/notifications", headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-{flags}"}
        )
        assert answer.status_code == 200
    [listed] = await collector.wait_for(sampled, lambda found: len(found) == 1)
    assert listed.name == "GET /api/v1/notifications"
    assert collector.of(unsampled) == []


async def test_tokens_in_paths_are_not_exported(system: System, collector: Collector) -> None:
    trace = secrets.token_hex(16)
    answer = await system.client.get(
        f"/preferences/{CANARY}?{CANARY}=1", headers={"traceparent": f"00-{trace}-{secrets.token_hex(8)}-01"}
    )
    assert answer.status_code == 404
    spans = await collector.wait_for(trace, lambda found: bool(named(found, "GET")))
    assert {one.attributes.get("http.route") for one in spans if one.kind == "SERVER"}
    assert CANARY not in collector.text


async def test_a_failing_or_hanging_endpoint_does_not_affect_delivery(system: System, collector: Collector) -> None:
    template = await system.create_template()
    send = {"recipient": {"email": f"{secrets.token_hex(4)}@x.test"}, "template_code": template["code"]}
    collector.status = 400
    try:
        await system.deliver(**send, variables={"name": "Ada"})
        await until(lambda: "tracing.export_failed" in system.logs(), 30)
    finally:
        collector.status = 200
    collector.open.clear()
    try:
        for _ in range(5):
            await system.deliver(**send, variables={"name": "Ada"})
    finally:
        collector.open.set()
    failures = [json.loads(line) for line in system.logs().splitlines() if "tracing.export_failed" in line]
    assert {line["level"] for line in failures} == {"warning"}
    assert not [line for line in system.logs().splitlines() if '"logger":"opentelemetry' in line]
