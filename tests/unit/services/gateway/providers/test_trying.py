"""A test message through one provider, as the gateway accepts it."""

from typing import Any
from uuid import UUID

import httpx2
import pytest

from angarium.contracts.addresses import URL_LENGTH
from angarium.contracts.providers import provider_id_of
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.notifications.model import Claimed
from angarium.notifications.options import Options, Through
from angarium.notifications.providers.model import Configured
from angarium.services.gateway.providers.trying import EXPIRES_AFTER
from tests.unit.services.gateway.conftest import World, error_of, fields_of

APNS_TOKEN = "ab" * 32
SUBSCRIPTION = "6f0c3d1e-6a0b-4f5e-9a57-0f6f3a5f7c11"


async def provider(world: World, channel: Channel, scheme: str, name: str | None = None) -> UUID:
    """The id of a provider that a worker has registered."""
    provider_id = provider_id_of(channel, name or scheme)
    one = Configured(
        provider_id=provider_id,
        channel=channel,
        name=name or scheme,
        scheme=scheme,
        position=1,
        weight=None,
        rate=None,
    )
    await world.gateway.parts.providers.register([one])
    return provider_id


async def tried(world: World, provider_id: UUID, to: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
    return await world.client.post(f"/api/v1/providers/{provider_id}/test", json={"to": to}, headers=headers)


async def claimed(world: World, answer: httpx2.Response) -> Claimed:
    """The notification that was made, as the worker gets it."""
    assert answer.status_code == 202, answer.text
    identifier = UUID(answer.json()["data"]["notification_id"])
    lease = world.gateway.acceptor._parts.rules.outbox_lease
    [claim] = await world.store.claim([identifier], token=UUID(int=9), lease=lease, worker="test")
    assert isinstance(claim, Claimed)
    return claim


@pytest.mark.parametrize(
    ("channel", "scheme", "to", "platform"),
    [
        (Channel.EMAIL, "smtp", "ada@example.com", None),
        (Channel.SMS, "twilio", "+14155550123", None),
        (Channel.WEBHOOK, "http", "https://example.com/hook", None),
        (Channel.PUSH, "mailbox", "token", None),
        (Channel.PUSH, "fcm", "token", "fcm"),
        (Channel.PUSH, "apns", APNS_TOKEN, "apns"),
        (Channel.PUSH, "onesignal", SUBSCRIPTION, "onesignal"),
    ],
)
async def test_the_notification_names_its_provider(
    world: World, channel: Channel, scheme: str, to: str, platform: Any
) -> None:
    claim = await claimed(world, await tried(world, await provider(world, channel, scheme, "second"), to))
    assert claim.channel is channel
    assert claim.options == Options(through=Through("second", platform))
    assert claim.variables == {"provider": "second"}
    assert claim.expires_at is not None
    assert claim.expires_at - claim.created_at <= EXPIRES_AFTER


@pytest.mark.parametrize(
    ("channel", "scheme", "to"),
    [
        (Channel.EMAIL, "smtp", "+14155550123"),
        (Channel.SMS, "twilio", "ada@example.com"),
        (Channel.WEBHOOK, "http", "ada@example.com"),
        (Channel.WEBHOOK, "http", f"https://example.com/{'a' * URL_LENGTH}"),
        (Channel.WEBHOOK, "http", "http://example.com/hook"),
        (Channel.PUSH, "mailbox", "https://example.com/hook"),
        (Channel.PUSH, "apns", "not hexadecimal"),
        (Channel.PUSH, "webpush", "https://push.example.com/1"),
        (Channel.EMAIL, "smtp", ""),
        (Channel.EMAIL, "smtp", "a@example.com\x00"),
    ],
)
async def test_what_is_no_address_of_the_channel_is_refused(
    world: World, channel: Channel, scheme: str, to: str
) -> None:
    answer = await tried(world, await provider(world, channel, scheme), to)
    assert (answer.status_code, fields_of(answer)) == (400, ["to"])


async def test_an_unknown_provider_is_not_found(world: World) -> None:
    answer = await tried(world, UUID(int=1), "ada@example.com")
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


async def test_no_caller_of_the_sending_api_names_a_provider(world: World) -> None:
    answer = await world.send(through={"provider": "smtp"})
    assert (answer.status_code, fields_of(answer)) == (400, ["through"])


async def test_it_needs_the_scope_and_a_live_key(world: World) -> None:
    smtp = await provider(world, Channel.EMAIL, "smtp")
    sender = await world.key(Scope.NOTIFICATIONS_SEND)
    assert (await tried(world, smtp, "ada@example.com", sender)).status_code == 403
    made = await world.client.post("/api/v1/keys", json={"name": "t", "scopes": ["providers:manage"], "kind": "test"})
    assert made.status_code == 201, made.text
    refused = await tried(world, smtp, "ada@example.com", {"x-api-key": made.json()["data"]["key"]})
    assert (refused.status_code, "live key" in error_of(refused)["message"]) == (403, True)


async def test_the_audit_log_has_the_test_without_the_address(world: World) -> None:
    smtp = await provider(world, Channel.EMAIL, "smtp")
    await tried(world, smtp, "ada@example.com")
    audit = await world.client.get("/api/v1/audit")
    entries = [entry for entry in audit.json()["data"] if entry["action"] == "provider.test"]
    assert [entry["object"] for entry in entries] == [str(smtp)]
    assert "ada@example.com" not in audit.text
