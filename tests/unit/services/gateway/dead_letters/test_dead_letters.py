"""Dead letters by the API, and the janitor that follows the list in `failed.queue`."""

from typing import Any
from uuid import uuid4

import pytest

from angarium.contracts.messages import FAILED_KEY, FAILED_QUEUE, WORK_EXCHANGE
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel
from angarium.notifications.letters import failed_message, foreign_letter
from angarium.notifications.model import Reason
from angarium.platform.broker.port import Outgoing
from angarium.platform.clock import SystemClock
from angarium.services.gateway.dead_letters.janitor import Janitor
from tests.unit.services.gateway.conftest import PATH, World, error_of, fields_of
from tests.unit.services.gateway.failing import fail

pytestmark = pytest.mark.slow

LETTERS = "/api/v1/dead-letters"


async def letters(world: World, query: str = "") -> list[dict[str, Any]]:
    answer = await world.client.get(f"{LETTERS}{query}")
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


async def status_of(world: World, notification_id: str) -> str:
    status: str = (await world.client.get(f"{PATH}/{notification_id}")).json()["data"]["status"]
    return status


async def queued(world: World) -> int:
    [stats] = await world.broker.stats([FAILED_QUEUE])
    return stats.messages


def janitor(world: World) -> Janitor:
    return Janitor(
        store=world.store,
        count_letters=world.count_letters,
        broker=world.broker,
        runtime=world.gateway.parts.runtime,
    )


async def test_a_letter_tells_what_failed(world: World) -> None:
    notification_id = await fail(world, "a")
    [letter] = await letters(world)
    assert letter["notification_id"] == notification_id
    assert letter["channel"] == "email"
    assert letter["template_code"] == "welcome"
    assert letter["reason"] == {"code": "permanent", "message": "550 5.1.1 no such user"}
    assert (letter["attempts"], letter["payload"]) == (1, None)
    one = await world.client.get(f"{LETTERS}/{letter['id']}")
    assert one.json()["data"] == letter


async def test_filters(world: World) -> None:
    await fail(world, "a")
    await fail(world, "b", code="retries_exhausted", notification_type="sms")
    assert len(await letters(world)) == 2
    assert len(await letters(world, "?channel=sms")) == 1
    assert len(await letters(world, "?reason=permanent")) == 1
    assert len(await letters(world, "?template_code=other")) == 0
    assert len(await letters(world, "?older_than=2020-01-01T00:00:00Z")) == 0
    assert (await world.client.get(f"{LETTERS}?channel=fax")).status_code == 400


async def test_groups(world: World) -> None:
    for request_id in ("a", "b"):
        await fail(world, request_id)
    [group] = await letters(world, "?group_by=reason")
    assert (group["reason"], group["channel"], group["count"]) == ("permanent", "email", 2)
    assert group["example"] == "550 5.1.1 no such user"
    assert (await world.client.get(f"{LETTERS}?group_by=colour")).status_code == 400
    assert await letters(world, "?group_by=reason&limit=1") == [group]
    assert await letters(world, "?group_by=reason&page=2&limit=1") == []


@pytest.mark.parametrize("rate", [True, "fast", 0, -1])
async def test_a_rate_is_a_positive_number(world: World, rate: object) -> None:
    body = {"all": True, "dry_run": True, "rate_per_second": rate}
    answer = await world.client.post(f"{LETTERS}/replay", json=body)
    assert (answer.status_code, fields_of(answer)) == (400, ["rate_per_second"])
    assert error_of(answer)["details"][0]["message"].startswith("must be")


async def test_a_replay_whose_fields_are_null(world: World) -> None:
    nulls = {"filter": None, "rate_per_second": None}
    assert (await world.client.post(f"{LETTERS}/replay", json={"all": True, "dry_run": True, **nulls})).is_success
    wanted = {"channel": "email", "reason": None, "template_code": None, "older_than": None}
    body = {"filter": wanted, "all": None, "dry_run": None}
    assert (await world.client.post(f"{LETTERS}/replay", json=body)).is_success


async def test_a_replayed_letter_leaves_the_list_and_its_notification_is_pending(world: World) -> None:
    notification_id = await fail(world, "a")
    [letter] = await letters(world)
    answer = await world.client.post(f"{LETTERS}/{letter['id']}/replay")
    assert answer.status_code == 200
    assert answer.json()["data"] == {"matched": 1, "replayed": 1, "dry_run": False}
    assert await letters(world) == []
    assert await status_of(world, notification_id) == "pending"
    assert len(world.lines("notification.replayed")) == 1
    assert (await world.client.post(f"{LETTERS}/{letter['id']}/replay")).status_code == 404


async def test_many_are_replayed_by_filter(world: World) -> None:
    for number in range(5):
        await fail(world, f"e-{number}")
    kept = await fail(world, "s", notification_type="sms")
    body = {"filter": {"channel": "email"}}
    dry = await world.client.post(f"{LETTERS}/replay", json={**body, "dry_run": True})
    assert dry.json()["data"] == {"matched": 5, "replayed": 0, "dry_run": True}
    assert len(await letters(world)) == 6
    real = await world.client.post(f"{LETTERS}/replay", json={**body, "rate_per_second": 100})
    assert real.json()["data"] == {"matched": 5, "replayed": 5, "dry_run": False}
    assert [letter["notification_id"] for letter in await letters(world)] == [kept]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filter": {}},
        {"filter": None},
        {"filter": {"channel": None, "reason": None, "template_code": None, "older_than": None}},
        {"dry_run": True},
        {"rate_per_second": 10},
        {"all": False},
        {"all": True, "filter": {"channel": "email"}},
        {"filter": {"reason": "a\x00b"}},
    ],
)
async def test_replaying_everything_must_be_explicit(world: World, body: dict[str, Any]) -> None:
    await fail(world, "a")
    answer = await world.client.post(f"{LETTERS}/replay", json=body)
    assert answer.status_code == 400
    assert fields_of(answer)[0].startswith("filter")
    assert len(await letters(world)) == 1


@pytest.mark.parametrize("body", [{"all": True}, {"all": True, "filter": {}}, {"all": True, "filter": None}])
async def test_all_replays_everything(world: World, body: dict[str, Any]) -> None:
    await fail(world, "a")
    counted = await world.client.post(f"{LETTERS}/replay", json={**body, "dry_run": True})
    assert counted.json()["data"] == {"matched": 1, "replayed": 0, "dry_run": True}
    real = await world.client.post(f"{LETTERS}/replay", json=body)
    assert real.json()["data"] == {"matched": 1, "replayed": 1, "dry_run": False}


async def test_a_discarded_letter_leaves_the_list_and_stays_failed(world: World) -> None:
    notification_id = await fail(world, "a")
    [letter] = await letters(world)
    assert (await world.client.delete(f"{LETTERS}/{letter['id']}")).status_code == 200
    assert await letters(world) == []
    assert await status_of(world, notification_id) == "failed"
    assert (await world.client.delete(f"{LETTERS}/{letter['id']}")).status_code == 404


async def test_a_foreign_message_shows_its_payload_and_cannot_be_replayed(world: World) -> None:
    letter = foreign_letter(b"{oops", Reason("malformed", "bad JSON"), letter_id=uuid4(), channel=Channel.EMAIL)
    await world.store.bury([letter], [failed_message(letter, SystemClock().now())])
    [shown] = await letters(world)
    assert (shown["notification_id"], shown["payload"]) == (None, "{oops")
    answer = await world.client.post(f"{LETTERS}/{letter.id}/replay")
    assert (answer.status_code, error_of(answer)["code"]) == (409, "conflict")


async def test_it_takes_the_scope(world: World) -> None:
    key = await world.key(Scope.NOTIFICATIONS_READ, Scope.NOTIFICATIONS_SEND)
    assert (await world.client.get(LETTERS, headers=key)).status_code == 403


async def test_an_unknown_dead_letter_is_a_404(world: World) -> None:
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/replay")):
        answer = await world.client.request(method, f"{LETTERS}/{uuid4()}{path}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


STRANGERS = {
    "words": b"not a letter",
    "not UTF-8": b'{"id": "\xff"}',
    "deep": b'{"x": ' + b"[" * 100_000,
    "no UUID": b'{"id": "\\u0000"}',
}


@pytest.mark.parametrize("body", STRANGERS.values(), ids=STRANGERS.keys())
async def test_the_janitor_takes_out_what_left_the_list_and_nothing_else(world: World, body: bytes) -> None:
    for number in range(6):
        await fail(world, f"e-{number}")
    stranger = Outgoing(WORK_EXCHANGE, FAILED_KEY, body, message_id="stranger")
    assert await world.broker.publish([stranger]) == [True]
    for letter in (await letters(world))[1:3]:
        await world.client.post(f"{LETTERS}/{letter['id']}/replay")
    await world.client.delete(f"{LETTERS}/{(await letters(world))[0]['id']}")
    tidy = janitor(world)
    assert await tidy.tidy() == 3
    assert await queued(world) == 4
    assert await tidy.tidy() == 0
    assert await queued(world) == 4


async def test_the_janitor_leaves_a_queue_alone_that_is_as_long_as_the_list(world: World) -> None:
    await fail(world, "a")
    assert await janitor(world).tidy() == 0
    async with world.broker.consume(FAILED_QUEUE, prefetch=10) as consumer:
        [delivery] = await consumer.receive(10)
    assert not delivery.redelivered


@pytest.mark.parametrize("hold", [2])
async def test_a_queue_too_long_to_hold_is_turned_over(
    world: World, hold: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("angarium.services.gateway.dead_letters.janitor.HOLD", hold)
    for number in range(6):
        await fail(world, f"e-{number}")
    await world.client.delete(f"{LETTERS}/{(await letters(world))[0]['id']}")
    assert await janitor(world).tidy() == 1
    assert await queued(world) == 5
