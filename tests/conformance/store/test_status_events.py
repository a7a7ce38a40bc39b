"""Each change of status is published to `notifications.events`, where that is enabled."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from angarium.contracts.messages import EVENTS_EXCHANGE, StatusEvent, decode_status_event
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import Event, OutboxKind, OutboxMessage, Reason
from angarium.notifications.store.open import open_store
from tests.conformance.store.backends import OUTBOX_LEASE, TENANT, Backend, result


@pytest.fixture
async def telling(backend: Backend) -> AsyncIterator[Backend]:
    """A store that tells."""
    backend.store = open_store(backend.url, pool_size=4, clock=backend.clock, status_events=True)
    yield backend
    await backend.store.close()


async def _told(backend: Backend) -> list[OutboxMessage]:
    messages = await backend.store.lease_outbox(1000, lease=OUTBOX_LEASE)
    await backend.store.confirm_outbox([message.key for message in messages])
    return [message for message in messages if message.key.kind is OutboxKind.STATUS_EVENT]


def _decoded(messages: list[OutboxMessage]) -> list[StatusEvent]:
    return [decode_status_event(message.body) for message in messages]


async def test_each_status_change_after_the_claim_is_published(telling: Backend) -> None:
    claim = await telling.claimed(channel=Channel.SMS, request_id="r-1")
    assert await _told(telling) == []  # neither its acceptance nor its claim
    await telling.store.record([result(claim, Status.SENT, provider="twilio")])
    event = Event("delivered", telling.clock.now(), {"status": "delivered"})
    await telling.store.move(claim.id, tenant=TENANT, to=Status.DELIVERED, event=event)
    messages = await _told(telling)
    assert [(m.exchange, m.routing_key) for m in messages] == [
        (EVENTS_EXCHANGE, "sms.sent"),
        (EVENTS_EXCHANGE, "sms.delivered"),
    ]
    assert len({message.key for message in messages}) == 2
    first, second = _decoded(messages)
    assert (first.notification_id, first.request_id, first.tenant) == (str(claim.id), "r-1", TENANT)
    assert (first.status, first.previous_status, first.provider, first.reason) == ("sent", "sending", "twilio", None)
    assert (second.status, second.previous_status, second.attempts) == ("delivered", "sent", 1)
    assert datetime.fromisoformat(first.occurred_at) <= datetime.fromisoformat(second.occurred_at)
    assert first.correlation_id == messages[0].correlation_id


async def test_the_same_status_twice_makes_two_events(telling: Backend) -> None:
    claim = await telling.claimed()
    for _ in range(2):
        await telling.store.record([result(claim, Status.RETRYING)])
        [claim] = await telling.claim(claim.id)
    assert [m.routing_key for m in await _told(telling)] == ["email.retrying", "email.retrying"]


async def test_a_failure_is_published_with_its_reason(telling: Backend) -> None:
    claim = await telling.claimed()
    await telling.store.record([result(claim, Status.FAILED, reason=Reason("permanent", 'no "such" user'))])
    [told] = _decoded(await _told(telling))
    assert told.reason == {"code": "permanent", "message": 'no "such" user'}


async def test_a_stale_result_is_not_told(telling: Backend) -> None:
    claim = await telling.claimed()
    failed = result(claim, Status.FAILED)
    await telling.store.record([failed])
    assert await telling.store.record([failed]) == [True]  # it stands already
    assert len(await _told(telling)) == 1


async def test_no_event_is_written_unless_events_are_enabled(backend: Backend) -> None:
    await backend.ended(Status.SENT)
    assert await _told(backend) == []


async def test_the_body_is_plain_json(telling: Backend) -> None:
    await telling.ended(Status.SENT)
    [message] = await _told(telling)
    body: dict[str, Any] = json.loads(message.body)
    assert set(body) == set(StatusEvent.__struct_fields__)
