"""`POST /api/v1/notifications`, seen from outside."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from angarium.contracts.accepted import BulkAccepted, NotificationAccepted
from angarium.contracts.envelope import Envelope
from angarium.contracts.errors import UserNotFound, ValidationFailed
from angarium.contracts.messages import urgent_queue, work_queue
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel, Status
from angarium.contracts.templates import ChannelSources
from angarium.contracts.users import Contact
from angarium.services.gateway.accepting.acceptance import Accepted, Verdict, accepted_answer, bulk_answer, quick_answer
from angarium.services.gateway.accepting.look_up import LookUp
from tests.support.wait import until
from tests.unit.services.gateway.conftest import PATH, World, error_of, fields_of
from tests.unit.services.gateway.directory import MemoryContacts


async def test_a_202_shows_the_record(world: World) -> None:
    answer = await world.send(headers={"x-correlation-id": "c-1"})
    assert answer.status_code == 202
    body = answer.json()
    data = body["data"]
    assert (body["success"], body["message"], body["error"]) == (True, "Notification accepted", None)
    assert UUID(data["notification_id"]).version == 7
    assert data["created_at"].endswith("Z")
    assert data == {
        "notification_id": data["notification_id"],
        "request_id": "order-42",
        "status": "pending",
        "delivery_status": "pending",
        "status_url": f"{PATH}/{data['notification_id']}",
        "correlation_id": "c-1",
        "created_at": data["created_at"],
    }
    assert body["meta"]["total"] == 1
    assert answer.headers["x-correlation-id"] == "c-1"
    assert "idempotent-replayed" not in answer.headers


async def test_the_record_is_what_was_asked_for(world: World) -> None:
    answer = await world.send(
        priority=7, metadata={"order": 42}, locale="fr", callback_url="https://example.com/x", fallback=["sms"]
    )
    shown = (await world.client.get(answer.json()["data"]["status_url"])).json()["data"]
    expected = {
        "notification_type": "email",
        "user_id": str(world.user_id),
        "recipient": None,
        "template_code": "welcome",
        "template_version": 1,
        "locale": "fr",
        "category": "account",
        "priority": 7,
        "status": "pending",
        "delivery_status": "pending",
        "reason": None,
        "attempts": 0,
        "variables": {"name": "John"},
        "metadata": {"order": 42},
        "fallback": ["sms"],
        "fallback_of": None,
        "sent_at": None,
    }
    assert {name: shown[name] for name in expected} == expected


async def test_the_message_is_published_after_the_commit(world: World) -> None:
    answer = await world.send()
    await world.gateway.drain()
    async with world.broker.consume(work_queue(Channel.EMAIL), prefetch=10) as consumer:
        [delivery] = await consumer.receive(10)
    message = msgspec.json.decode(delivery.body)
    assert message["notification_id"] == answer.json()["data"]["notification_id"]
    assert "variables" not in message
    assert await world.store.outbox_pending() == 0


async def test_an_urgent_one_travels_in_the_urgent_lane(world: World) -> None:
    await world.send(priority=8)
    await world.gateway.drain()
    [lane] = await world.broker.stats([urgent_queue(Channel.EMAIL)])
    assert lane.messages == 1


async def test_202s_flow_while_the_broker_is_down_and_the_outbox_keeps(world: World) -> None:
    await world.broker.close()
    assert (await world.send()).status_code == 202
    await world.gateway.drain()
    assert await world.store.outbox_pending() == 1


async def test_one_that_is_sent_later_is_scheduled_and_not_published(world: World) -> None:
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    answer = await world.send(send_at=later)
    assert answer.json()["data"]["status"] == "scheduled"
    await world.gateway.drain()
    [queue] = await world.broker.stats([work_queue(Channel.EMAIL)])
    assert queue.messages == 0


async def test_a_recipient_who_is_not_stored(world: World) -> None:
    answer = await world.send(user_id=None, recipient={"email": "jane@example.com", "name": "Jane", "locale": "de"})
    shown = (await world.client.get(answer.json()["data"]["status_url"])).json()["data"]
    assert shown["user_id"] is None
    assert shown["recipient"] == {"email": "jane@example.com", "name": "Jane", "locale": "de"}
    assert shown["locale"] == "de"


async def test_the_locale_is_the_users_then_the_templates(world: World) -> None:
    french = await world.send(user_id=str(world.contacts.add(locale="fr")), request_id="1")
    plain = await world.send(request_id="2")
    locales = [
        (await world.client.get(answer.json()["data"]["status_url"])).json()["data"]["locale"]
        for answer in (french, plain)
    ]
    assert locales == ["fr", "en"]


async def test_the_version_is_the_published_one_unless_pinned(world: World) -> None:
    world.templates.add("welcome", required=["name"])
    published = await world.send(request_id="1")
    pinned = await world.send(request_id="2", template_version=1)
    versions = [
        (await world.client.get(answer.json()["data"]["status_url"])).json()["data"]["template_version"]
        for answer in (published, pinned)
    ]
    assert versions == [2, 1]


async def test_the_same_request_again_is_the_same_notification(world: World) -> None:
    first, second = await world.send(), await world.send(variables={"name": "John"})
    assert second.status_code == 202
    assert second.headers["idempotent-replayed"] == "true"
    assert second.json()["data"]["notification_id"] == first.json()["data"]["notification_id"]


async def test_another_body_under_the_same_request_id_is_a_conflict(world: World) -> None:
    await world.send()
    answer = await world.send(variables={"name": "Jane"})
    assert answer.status_code == 409
    assert error_of(answer)["code"] == "idempotency_conflict"
    assert fields_of(answer) == ["request_id"]


async def test_fifty_at_once_are_one_notification(world: World) -> None:
    answers = await asyncio.gather(*(world.send() for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["data"]["notification_id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    await world.gateway.drain()
    [queue] = await world.broker.stats([work_queue(Channel.EMAIL)])
    assert queue.messages == 1


async def test_another_caller_has_request_ids_of_its_own(world: World) -> None:
    other = await world.key(Scope.NOTIFICATIONS_SEND)
    mine, theirs = await world.send(), await world.send(headers=other)
    assert mine.json()["data"]["notification_id"] != theirs.json()["data"]["notification_id"]


async def test_a_replay_wins_over_a_user_who_is_gone(world: World) -> None:
    first = await world.send()
    world.contacts.remove(world.user_id)
    again = await world.send()
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.json()["data"]["notification_id"] == first.json()["data"]["notification_id"]
    assert (await world.send(request_id="another")).status_code == 404


async def test_a_replay_wins_over_an_expiry_that_has_passed_and_a_directory_that_is_down(world: World) -> None:
    first = await world.send()
    world.contacts.down = True
    again = await world.send()
    assert again.json()["data"]["notification_id"] == first.json()["data"]["notification_id"]


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"notification_type": "fax"}, "notification_type"),
    ({"notification_type": None}, "notification_type"),
    ({"user_id": "john"}, "user_id"),
    ({"user_id": None}, "user_id"),
    ({"recipient": {"email": "a@example.com"}}, "user_id"),
    ({"user_id": None, "recipient": {"name": "x"}}, "recipient.email"),
    ({"user_id": None, "recipient": {"phone": "+14155550123"}}, "recipient.email"),
    ({"user_id": None, "recipient": {"email": "a@example.com", "role": "x"}}, "recipient.role"),
    ({"user_id": None, "recipient": {"email": "not an email"}}, "recipient.email"),
    ({"user_id": None, "recipient": {"email": " a@shop.example"}}, "recipient.email"),
    ({"user_id": None, "recipient": {"email": "Ann <a@shop.example>"}}, "recipient.email"),
    ({"user_id": None, "recipient": {"email": "a@shop.example", "phone": "030 1234"}}, "recipient.phone"),
    ({"user_id": None, "recipient": {"email": "a@shop.example", "phone": "+1555"}}, "recipient.phone"),
    ({"user_id": None, "recipient": {"email": "a@shop.example", "push_token": "a b"}}, "recipient.push_token"),
    ({"template_code": None}, "template_code"),
    ({"template_code": "Not A Code"}, "template_code"),
    ({"request_id": ""}, "request_id"),
    ({"request_id": "x" * 256}, "request_id"),
    ({"request_id": "a\x00b"}, "request_id"),
    ({"variables": {}}, "variables.name"),
    ({"variables": {"name": None}}, "variables.name"),
    ({"variables": []}, "variables"),
    ({"variables": {"name": "a\x00b"}}, "variables"),
    ({"metadata": {"a": "b\x00"}}, "metadata"),
    ({"metadata": {"a": "x" * 5000}}, "metadata"),
    ({"priority": 0}, "priority"),
    ({"priority": 11}, "priority"),
    ({"priority": True}, "priority"),
    ({"locale": "not a locale"}, "locale"),
    ({"template_version": 0}, "template_version"),
    ({"send_at": "tomorrow"}, "send_at"),
    ({"send_at": "2026-11-20T09:00:00"}, "send_at"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ({"send_at": "2020-01-01T00:00:00Z"}, "send_at"),
    ({"callback_url": "http://example.com"}, "callback_url"),
    ({"callback_url": "nonsense"}, "callback_url"),
    ({"fallback": ["email"]}, "fallback.0"),
    ({"fallback": ["fax"]}, "fallback.0"),
    ({"status": "sent"}, "status"),
    ({"tenant_id": "other"}, "tenant_id"),
]


async def test_a_bad_field_is_a_400_that_names_it(world: World, subtests: pytest.Subtests) -> None:
    for changes, field in BAD_FIELDS:
        with subtests.test(changes=changes, field=field):
            answer = await world.send(**changes)
            assert answer.status_code == 400, answer.text
            assert error_of(answer)["code"] == "validation_error"
            assert field in fields_of(answer)


async def test_every_missing_variable_is_named(world: World) -> None:
    world.templates.add("order", required=["name", "total", "greeting"], defaults={"greeting": "Hi"})
    answer = await world.send(template_code="order", variables={"other": 1})
    assert error_of(answer)["details"] == [
        {"field": f"variables.{name}", "message": "required by template order", "line": None, "column": None}
        for name in ("name", "total")
    ]


async def test_a_template_without_content_for_the_channel_is_a_400(world: World) -> None:
    world.templates.add("mail-only", sources=ChannelSources(email={"subject": "x", "html": "y"}))
    assert fields_of(await world.send(template_code="mail-only", notification_type="sms")) == ["template_code"]
    assert fields_of(await world.send(template_code="mail-only", fallback=["sms"])) == ["fallback.0"]


async def test_an_unknown_user_is_a_404(world: World) -> None:
    answer = await world.send(user_id=str(uuid4()))
    assert (answer.status_code, error_of(answer)["code"]) == (404, "user_not_found")


async def test_another_tenants_user_is_a_404(world: World) -> None:
    answer = await world.send(user_id=str(world.contacts.add("other")))
    assert (answer.status_code, error_of(answer)["code"]) == (404, "user_not_found")


@pytest.mark.parametrize("changes", [{"template_code": "absent"}, {"template_version": 99}])
async def test_an_unknown_template_is_a_404(world: World, changes: dict[str, Any]) -> None:
    answer = await world.send(**changes)
    assert (answer.status_code, error_of(answer)["code"]) == (404, "template_not_found")


@pytest.mark.parametrize("which", ["contacts", "templates"])
async def test_a_directory_that_is_down_is_a_503(world: World, which: str) -> None:
    getattr(world, which).down = True
    answer = await world.send()
    assert (answer.status_code, error_of(answer)["code"]) == (503, "service_unavailable")
    assert int(answer.headers["retry-after"]) > 0


async def test_users_who_are_not_asked_for_may_be_down(world: World) -> None:
    world.contacts.down = True
    assert (await world.send(user_id=None, recipient={"email": "a@example.com"})).status_code == 202


async def test_a_database_that_is_down_is_a_503_and_never_a_false_202(world: World) -> None:
    await world.store.close()
    answer = await world.send()
    assert (answer.status_code, error_of(answer)["code"]) == (503, "service_unavailable")
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("enabled", [frozenset({Channel.EMAIL})])
async def test_a_channel_without_providers_is_a_400(world: World) -> None:
    assert fields_of(await world.send(notification_type="sms")) == ["notification_type"]
    assert (await world.send()).status_code == 202


UNREADABLE: list[tuple[bytes, int]] = [
    (b"{", 400),
    (b"", 400),
    (b"[]", 400),
    (b'"text"', 400),
    (b'{"variables": NaN}', 400),
    (b'{"variables": {"a": 1e999}}', 400),
    (b'{"variables": {"a": "\\ud800"}}', 400),
    (b"[" * 100_000, 400),
    (b'{"a": "' + b"x" * 300_000 + b'"}', 413),
]


async def test_a_body_that_cannot_be_read(world: World, subtests: pytest.Subtests) -> None:
    for content, status in UNREADABLE:
        with subtests.test(content=content, status=status):
            answer = await world.client.post(PATH, content=content, headers={"content-type": "application/json"})
            assert answer.status_code == status
            assert error_of(answer)["code"] == ("validation_error" if status == 400 else "payload_too_large")


async def test_a_body_of_another_type_is_a_415(world: World) -> None:
    answer = await world.client.post(PATH, content=b"a=b", headers={"content-type": "text/plain"})
    assert (answer.status_code, error_of(answer)["code"]) == (415, "unsupported_media_type")


async def test_the_last_slash_does_not_matter(world: World) -> None:
    answer = await world.client.post(f"{PATH}/", json=world.body())
    assert answer.status_code == 202


async def test_an_acceptance_is_logged_and_counted_once(world: World) -> None:
    answer = await world.send(headers={"x-correlation-id": "c-7"})
    await world.send()
    [line] = world.lines("notification.accepted")
    assert line["notification_id"] == answer.json()["data"]["notification_id"]
    assert line["correlation_id"] == "c-7"
    assert b'angarium_notifications_accepted_total{channel="email"} 1.0' in world.metrics.render()


async def test_no_address_or_variable_is_logged(world: World) -> None:
    await world.send(user_id=None, recipient={"email": "canary@example.com"}, variables={"name": "canary-variable"})
    await world.send(user_id=None, recipient={"email": "canary@example.com"}, variables={})
    assert "canary" not in world.log.getvalue()


def test_the_answer_is_what_its_model_would_write() -> None:
    accepted = Accepted(
        notification_id=UUID(int=7),
        request_id='order-"42"/é',
        status=Status.SCHEDULED,
        correlation_id="c-1",
        created_at=datetime(2026, 11, 20, 9, 0, 0, 120000, tzinfo=UTC),
        replayed=False,
    )
    assert quick_answer(accepted) == accepted_answer(accepted)
    written = Envelope[NotificationAccepted].model_validate_json(accepted_answer(accepted))
    assert json.loads(accepted_answer(accepted)) == json.loads(written.model_dump_json())
    assert written.data.notification_id == accepted.notification_id


def test_a_bulk_answer_is_what_its_model_would_write() -> None:
    accepted = Accepted(UUID(int=7), "a", Status.PENDING, "c-1", datetime(2026, 11, 20, 9, tzinfo=UTC), replayed=True)
    refused = ValidationFailed.of("variables.name", "required")
    told: list[Verdict] = [accepted, refused, UserNotFound()]
    answer = bulk_answer([{"request_id": "a"}, {"request_id": 3}, {"request_id": "c"}], told)
    written = Envelope[BulkAccepted].model_validate_json(answer)
    plain = written.model_dump(mode="json")
    for result in plain["data"]["results"]:
        if result["error"] is not None:
            result["error"]["details"] = [_without_nulls(detail) for detail in result["error"]["details"]]
    plain["data"]["results"] = [_without_nulls(result) for result in plain["data"]["results"]]
    assert json.loads(answer) == plain
    assert (written.data.accepted, written.data.rejected) == (1, 2)


def _without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {name: entry for name, entry in value.items() if entry is not None}


async def test_all_faults_are_named_at_once(world: World) -> None:
    body = {
        "notification_type": "fax",
        "recipient": {"email": "not an email", "phone": "030 1234", "push_token": "a b"},
        "user_id": str(world.user_id),
        "priority": "high",
        "colour": "red",
    }
    fields = {
        "notification_type", "recipient.email", "recipient.phone", "recipient.push_token", "user_id", "priority",
        "template_code", "colour",
    }  # fmt: skip
    assert set(fields_of(await world.client.post(PATH, json=body))) == fields
    bulk = await world.client.post(f"{PATH}/bulk", json={"notifications": [body]})
    [result] = bulk.json()["data"]["results"]
    assert {detail["field"] for detail in result["error"]["details"]} == fields


async def test_a_missing_address_is_named_beside_other_faults(world: World) -> None:
    answer = await world.send(user_id=None, recipient={"phone": "+14155550134"}, priority=0, fallback=["push"])
    assert set(fields_of(answer)) == {"recipient.email", "recipient.push_token", "priority"}


async def test_what_was_accepted_is_replayed_when_its_times_have_passed(world: World) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    first = await world.send(expires_at=soon)
    assert first.status_code == 202, first.text

    async def refused() -> bool:
        return (await world.send(expires_at=soon, request_id=str(uuid4()))).status_code == 400

    await until(refused)
    again = await world.send(expires_at=soon)
    assert (again.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.json()["data"]["notification_id"] == first.json()["data"]["notification_id"]


async def test_without_fast_paths_nothing_is_asked_of_what_is_kept(world: World) -> None:
    requested = NotificationRequest.model_validate(world.body())
    asked: list[str] = []

    class Counting(MemoryContacts):
        def kept(self, tenant: str, user_id: UUID) -> Contact | None:
            asked.append("kept")
            return world.contacts.kept(tenant, user_id)

        async def known(self, tenant: str, user_id: UUID) -> Contact | None:
            asked.append("known")
            return await world.contacts.known(tenant, user_id)

    found = [
        await LookUp(Counting(), world.gateway.parts.templates, fast_paths=fast).find("default", [requested])
        for fast in (True, False)
    ]
    assert found[0] == found[1]
    assert asked == ["kept", "known"]
