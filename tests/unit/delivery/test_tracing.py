"""The spans of an engine, kept in memory."""

from pathlib import Path

import pytest

from angarium.delivery.outcome import Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Outbound
from angarium.platform.telemetry.correlation import current_traceparent
from tests.support.delivering import delivering
from tests.support.spans import Kept, id_of, parent_of
from tests.support.wait import until

TRACES = ["4bf92f3577b34da6a3ce929d0e0e4736", "5bf92f3577b34da6a3ce929d0e0e4736"]
SPAN = "00f067aa0ba902b7"
PARENTS = [f"00-{trace}-{SPAN}-01" for trace in TRACES]


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def test_attempts_are_siblings_and_the_answer_is_below_each(tmp_path: Path, kept: Kept) -> None:
    answers: list[Outcome] = [Retry("451 4.3.0 ann@example.com later"), Sent("250 ok", "<id>")]
    current: list[str | None] = []

    def script(_: Outbound) -> Outcome:
        current.append(current_traceparent())
        return answers.pop(0)

    async with delivering(tmp_path, tracing=kept.tracing) as bench:
        bench.provider.script = script
        [made] = await bench.accept(traceparent=PARENTS[0])
        await bench.ends_as(made, "sent")
        await until(lambda: len(kept.named("process")) == 2)
    first, second = kept.named("process email.queue")
    assert [parent_of(one) for one in (first, second)] == [SPAN, SPAN]
    sends = kept.named("send scripted")
    assert [parent_of(one) for one in sends] == [id_of(first), id_of(second)]
    assert current == [f"00-{TRACES[0]}-{id_of(one)}-01" for one in sends], "what a provider asks is below its span"
    assert sends[0].attributes == {
        "angarium.provider": "scripted",
        "angarium.outcome": "retry",
        "angarium.answer_code": "451",
        "error.type": "retry",
    }
    assert first.attributes == {
        "messaging.system": "memory",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "email.queue",
        "messaging.message.id": str(made),
        "messaging.message.conversation_id": "c-1",
        "angarium.notification_id": str(made),
        "angarium.channel": "email",
        "angarium.attempt": 1,
        "angarium.template_code": "welcome",
        "angarium.tenant": "default",
        "angarium.status": "retrying",
    }
    assert [one.status.is_ok for one in (first, second)] == [True, True]
    assert {parent_of(one) for one in (*kept.named("receive"), *kept.named("prepare"))} == {SPAN}


async def test_a_claim_of_many_is_linked_to_each(tmp_path: Path, kept: Kept) -> None:
    async with delivering(tmp_path, tracing=kept.tracing) as bench:
        ids = [made for parent in PARENTS for made in await bench.accept(traceparent=parent)]
        for made in ids:
            await bench.ends_as(made, "sent")
    batches = kept.named("receive")
    below = {f"{one.context.trace_id:032x}" for one in batches if one.context and one.parent is not None}
    linked = {f"{link.context.trace_id:032x}" for one in batches for link in one.links}
    assert below | linked == set(TRACES)
    assert all(one.parent is None for one in batches if one.links)


async def test_a_dead_letter_marks_the_turn_by_its_reasons_code(tmp_path: Path, kept: Kept) -> None:
    async with delivering(tmp_path, tracing=kept.tracing) as bench:
        bench.provider.script = lambda _: Permanent("550 5.1.1 ann@example.com unknown", suppress=True)
        [made] = await bench.accept(traceparent=PARENTS[0])
        await bench.ends_as(made, "failed")
        await until(lambda: kept.named("process"))
    [turn] = kept.named("process")
    assert turn.attributes is not None
    assert (turn.attributes["angarium.reason"], turn.attributes["error.type"]) == ("permanent", "dead_lettered")
    assert "ann@example.com" not in str([one.to_json() for one in kept.spans])


async def test_without_a_trace_of_its_own_a_notification_begins_one(tmp_path: Path, kept: Kept) -> None:
    async with delivering(tmp_path, tracing=kept.tracing) as bench:
        [made] = await bench.accept()
        await bench.ends_as(made, "sent")
        await until(lambda: kept.named("process"))
    [turn] = kept.named("process")
    assert turn.parent is None
    assert parent_of(kept.named("send")[0]) == id_of(turn)
