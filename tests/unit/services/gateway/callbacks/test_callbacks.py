"""Callbacks to real endpoints: what arrives, what is tried again, what is given up; and the paths around them."""

import asyncio
from base64 import b64encode
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from angarium.contracts.errors import SettingsError
from angarium.contracts.scopes import Scope
from angarium.platform.http.guard.signing import Signer
from angarium.services.gateway.accepting.acceptance import acceptance_rules
from angarium.services.gateway.callbacks.body import for_camel_case
from angarium.services.gateway.callbacks.model import Answer, Attempted, State
from angarium.services.gateway.callbacks.opening import open_sender
from angarium.services.gateway.callbacks.schedule import LONGEST_WAIT, SCHEDULE, next_wait
from angarium.services.gateway.callbacks.sending import UNREACHED
from angarium.services.gateway.settings import GatewaySettings
from tests.conformance.store.backends import TENANT, notification
from tests.support.callbacks import OLD_SECRET, SECRET, SHORT, Callbacks, delivering, verified
from tests.support.endpoint import endpoint
from tests.support.runtime import a_runtime
from tests.support.wait import until
from tests.unit.services.gateway.conftest import World, error_of, fields_of

pytestmark = pytest.mark.slow

SECOND = timedelta(seconds=1)
URL = "https://hooks.example/a"


async def _attempts(callbacks: Callbacks, identifier: UUID, count: int) -> list[Any]:
    async def enough() -> list[Any]:
        found = list(await callbacks.store.attempts(TENANT, identifier))
        return found if len(found) >= count else []

    return await until(enough)


async def test_it_is_signed_and_says_what_became_of_it(tmp_path: Path) -> None:
    async with endpoint() as hook, delivering(tmp_path, secrets=(SECRET, OLD_SECRET)) as callbacks:
        [identifier] = await callbacks.end(
            [hook.url("/hook?key=1")],
            request_id="order-1",
            user_id="u-1",
            metadata='{"order":42}',
            correlation_id="c-1",
        )
        [attempt] = await _attempts(callbacks, identifier, 1)
    [received] = hook.received
    body = verified(received)
    assert body == verified(received, OLD_SECRET)
    timestamp = datetime.fromisoformat(body.pop("timestamp"))
    assert abs(datetime.now(UTC) - timestamp) < timedelta(minutes=1)
    assert body == {
        "type": "notification.sent",
        "notification_id": str(identifier),
        "request_id": "order-1",
        "user_id": "u-1",
        "status": "sent",
        "error": None,
        "reason": None,
        "metadata": {"order": 42},
    }
    assert received.target == "/hook?key=1"
    assert received.headers["webhook-id"] == f"msg_{attempt.callback_id.hex}"
    assert (received.headers["x-correlation-id"], received.headers["content-type"]) == ("c-1", "application/json")
    assert (attempt.status_code, attempt.error, attempt.next_at) == (200, None, None)


async def test_it_says_whose_it_is_and_in_camel_case_where_the_request_was_so(tmp_path: Path) -> None:
    async with endpoint() as hook, delivering(tmp_path) as callbacks:
        url = for_camel_case(hook.url("/camel?key=1#top"))
        [camel] = await callbacks.end([url], user_id="u 1", request_id="r-1")
        await _attempts(callbacks, camel, 1)
        [snake] = await callbacks.end([hook.url("/snake")], user_id="u 1", request_id="r-2")
        await _attempts(callbacks, snake, 1)
    first, second = (verified(received) for received in hook.received)
    assert [received.target for received in hook.received] == ["/camel?key=1", "/snake"]
    assert (first["user_id"], second["user_id"]) == ("u 1", "u 1")
    assert set(first) - set(second) == {"notificationId", "requestId", "userId", "errorMessage"}
    names = ("notificationId", "requestId", "userId", "errorMessage")
    assert [first[name] for name in names] == [str(camel), "r-1", "u 1", None]


async def test_a_failure_is_tried_again_under_the_same_id(tmp_path: Path) -> None:
    async with endpoint(answers=[500, 302]) as hook, delivering(tmp_path, schedule=SHORT) as callbacks:
        [identifier] = await callbacks.end([hook.url()])
        attempts = await _attempts(callbacks, identifier, 3)
        await until(lambda: len(callbacks.lines("callback.failed")) == 2)
    failures = callbacks.lines("callback.failed")
    assert [attempt.status_code for attempt in attempts] == [500, 302, 200]
    assert [attempt.error for attempt in attempts] == ["answered 500", "answered 302", None]
    assert len({received.headers["webhook-id"] for received in hook.received}) == 1
    assert len({received.body for received in hook.received}) == 1
    assert failures[0].items() >= {"notification_id": str(identifier), "status_code": 500, "attempt": 1}.items()
    assert "/hook" not in callbacks.log.getvalue()  # a path may be a secret


async def test_the_schedule_ends(tmp_path: Path) -> None:
    async with endpoint(status=400) as hook, delivering(tmp_path, schedule=SHORT[:2]) as callbacks:
        [identifier] = await callbacks.end([hook.url()])
        attempts = await _attempts(callbacks, identifier, 3)
        assert [attempt.next_at is None for attempt in attempts] == [False, False, True]
        assert callbacks.lines("callback.failed")[-1]["state"] == "failed"


async def test_gone_disables_and_says_so(tmp_path: Path) -> None:
    async with endpoint(status=410) as hook, delivering(tmp_path, schedule=SHORT) as callbacks:
        [first] = await callbacks.end([hook.url()])
        await _attempts(callbacks, first, 1)
        await until(lambda: callbacks.lines("callback.endpoint_disabled"))
        [second] = await callbacks.end([hook.url()])
        [attempt] = await _attempts(callbacks, second, 1)
        assert (attempt.status_code, attempt.error) == (None, "the endpoint is disabled")
        hook.status = 200
        assert await callbacks.store.replay(TENANT, second) == 1
        assert (await _attempts(callbacks, second, 2))[-1].status_code == 200
    assert len(hook.received) == 2


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://127.0.0.2:9/x", UNREACHED),
        ("https://169.254.169.254/latest", UNREACHED),
        ("http://[::1]:9/", UNREACHED),
        ("https://inside.invalid/", UNREACHED),  # a name that does not exist: told in the same words
        ("https://", "refused: only http and https URLs with a host are asked"),
    ],
)
async def test_an_address_inside_is_refused_when_connecting(tmp_path: Path, url: str, error: str) -> None:
    async with delivering(tmp_path) as callbacks:
        [identifier] = await callbacks.end([url])
        [attempt] = await _attempts(callbacks, identifier, 1)
        assert attempt.error == error
        assert attempt.next_at is not None


@pytest.mark.fault(38)
async def test_what_hangs_or_never_ends_is_cut_off(tmp_path: Path) -> None:
    never = asyncio.Event()
    async with (
        endpoint(before=never.wait) as hung,
        endpoint(endless=True) as endless,
        delivering(tmp_path, timeout_seconds=0.3) as callbacks,
    ):
        first, second = await callbacks.end([hung.url(), endless.url()])
        [attempt] = await _attempts(callbacks, first, 1)
        assert (attempt.status_code, attempt.error) == (None, "no answer in time")
        assert attempt.duration_ms >= 290
        [attempt] = await _attempts(callbacks, second, 1)
        assert (attempt.status_code, attempt.error) == (200, None)


async def test_a_refused_connection_is_an_attempt(tmp_path: Path) -> None:
    async with endpoint() as hook:
        url = hook.url()
    async with delivering(tmp_path) as callbacks:
        [identifier] = await callbacks.end([url])
        [attempt] = await _attempts(callbacks, identifier, 1)
        assert attempt.error == UNREACHED


def test_the_waits_grow_to_a_day_and_an_endpoint_may_ask_for_longer() -> None:
    waits = [next_wait(tries, None) for tries in range(1, len(SCHEDULE) + 2)]
    assert waits == [*SCHEDULE, None]
    assert sorted(SCHEDULE) == list(SCHEDULE)
    assert next_wait(1, timedelta(minutes=3)) == timedelta(minutes=3)
    assert next_wait(1, timedelta(days=9)) == LONGEST_WAIT
    assert next_wait(1, -SECOND) == SCHEDULE[0]


async def test_retry_after_is_kept_to(tmp_path: Path) -> None:
    hour = {"retry-after": "3600"}
    async with endpoint(status=429, headers=hour) as hook, delivering(tmp_path, schedule=SHORT) as callbacks:
        [identifier] = await callbacks.end([hook.url()])
        [attempt] = await _attempts(callbacks, identifier, 1)
    assert attempt.next_at - attempt.at >= timedelta(minutes=59)


def test_a_signature_is_fresh_for_each_moment() -> None:
    signer = Signer([SECRET])
    now = datetime(2026, 11, 20, 9, tzinfo=UTC)
    first, second = signer.headers("msg_1", now, "{}"), signer.headers("msg_1", now + SECOND, "{}")
    assert first["webhook-signature"] != second["webhook-signature"]
    assert (first["webhook-id"], first["webhook-timestamp"]) == ("msg_1", str(int(now.timestamp())))


@pytest.mark.parametrize(
    "secret", ["", ",", "whsec_", "plain", "whsec_%%%%", "whsec_!!c2VjcmV0", "whsec_c2VjcmV0c", f"{SECRET},whsec_"]
)
async def test_an_invalid_secret_stops_the_start(tmp_path: Path, secret: str) -> None:
    settings = GatewaySettings(data_dir=tmp_path).model_copy(update={"callback_secret": SecretStr(secret)})
    async with AsyncExitStack() as stack:
        with pytest.raises(SettingsError, match="ANGARIUM_CALLBACK_SECRET: ") as caught:
            open_sender(settings, stack, a_runtime())
    assert "%%" not in str(caught.value)


async def test_production_wants_a_secret_and_a_long_one(tmp_path: Path) -> None:
    base = GatewaySettings(data_dir=tmp_path)
    production = base.model_copy(update={"env": "production"})
    short = production.model_copy(update={"callback_secret": SecretStr(f"whsec_{b64encode(b'short').decode()}")})
    long = production.model_copy(update={"callback_secret": SecretStr(f"{SECRET}, {OLD_SECRET}")})
    async with AsyncExitStack() as stack:
        assert open_sender(production, stack, a_runtime()) is None
        assert open_sender(long, stack, a_runtime()) is not None
        assert open_sender(base, stack, a_runtime()) is not None
        with pytest.raises(SettingsError, match="24 bytes"):
            open_sender(short, stack, a_runtime())
    assert Signer([(tmp_path / "callback-secret").read_text()]).headers("msg_1", datetime.now(UTC), "{}")
    assert [acceptance_rules(settings).callbacks for settings in (base, production, long)] == [True, False, True]


async def _ended(world: World) -> UUID:
    """A notification of the world's tenant with one callback."""
    answer = await world.send(callback_url=URL, request_id=str(uuid4()))
    assert answer.status_code == 202, answer.text
    identifier = UUID(answer.json()["data"]["notification_id"])
    answer = await world.client.post(f"/api/v1/notifications/{identifier}/cancel")
    assert answer.status_code == 200, answer.text
    return identifier


async def _attempted(world: World) -> None:
    """One failed attempt at each callback that is due."""
    store = world.gateway.callbacks
    leased = await store.lease(
        100, lease=SECOND * 60, room_for=lambda _: 100, room_of=lambda _: 100, crowded=(), full=()
    )
    answer = Answer(datetime.now(UTC), 7, 503, "answered 503")
    await store.record([Attempted(callback=c, answer=answer, state=State.PENDING, wait=SECOND * 5) for c in leased])


async def test_attempts_are_listed_and_callbacks_replayed(world: World) -> None:
    identifier = await _ended(world)
    await _attempted(world)
    path = f"/api/v1/notifications/{identifier}/callbacks"
    listed = (await world.client.get(path)).json()
    [attempt] = listed["data"]
    assert (attempt["status_code"], attempt["error"], attempt["duration_ms"]) == (503, "answered 503", 7)
    assert (attempt["type"], attempt["attempt"], listed["meta"]["total"]) == ("notification.cancelled", 1, 1)
    assert set(attempt) >= {"id", "at", "next_at"}
    events = (await world.client.get(f"/api/v1/notifications/{identifier}/events")).json()["data"]
    assert [event["event"] for event in events][-2:] == ["cancelled", "callback"]
    assert (await world.client.post(f"{path}/replay")).json()["data"] == {"replayed": 1}
    await _attempted(world)
    assert len((await world.client.get(path)).json()["data"]) == 2


async def test_a_time_range_is_replayed(world: World) -> None:
    await _ended(world)
    await _ended(world)
    now = datetime.now(UTC)
    body = {"from": (now - SECOND * 60).isoformat(), "to": (now + SECOND * 60).isoformat()}
    answer = await world.client.post("/api/v1/callbacks/replay", json=body)
    assert answer.json()["data"] == {"replayed": 2}
    later = {"from": body["to"], "to": (now + SECOND * 90).isoformat()}
    assert (await world.client.post("/api/v1/callbacks/replay", json=later)).json()["data"] == {"replayed": 0}
    ever = {"from": "2000-01-01T00:00:00Z", "to": "2200-01-01T00:00:00Z"}
    assert (await world.client.post("/api/v1/callbacks/replay", json=ever)).json()["data"] == {"replayed": 2}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"to": "2026-11-20T09:00:00Z"}, "from"),
        ({"from": "2026-11-20T09:00:00Z", "to": "2026-11-20T09:00:00Z"}, "to"),
        ({"from": "2026-11-20T08:00:00", "to": "2026-11-20T09:00:00Z"}, "from"),
        ({"from": "2026-11-20T08:00:00Z", "to": "2026-11-20T09:00:00Z", "tenant": "x"}, "tenant"),
    ],
)
async def test_an_invalid_range_is_refused(world: World, body: dict[str, str], field: str) -> None:
    assert fields_of(await world.client.post("/api/v1/callbacks/replay", json=body)) == [field]


async def test_scopes_and_tenants_hold(world: World) -> None:
    identifier = await _ended(world)
    sender, reader = await world.key(Scope.NOTIFICATIONS_SEND), await world.key(Scope.NOTIFICATIONS_READ)
    path = f"/api/v1/notifications/{identifier}/callbacks"
    assert (await world.client.get(path, headers=sender)).status_code == 403
    assert (await world.client.get(path, headers=reader)).status_code == 200
    assert (await world.client.post(f"{path}/replay", headers=reader)).status_code == 403
    other = notification(tenant="other", callback_url=URL)
    await world.store.accept([other], outbox_lease=SECOND)
    for method, suffix in (("GET", ""), ("POST", "/replay")):
        answer = await world.client.request(method, f"/api/v1/notifications/{other.id}/callbacks{suffix}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")


async def test_without_a_secret_no_callback_is_promised(world: World) -> None:
    rules = acceptance_rules(GatewaySettings().model_copy(update={"env": "production"}))
    world.gateway.acceptor._parts = _with(world.gateway.acceptor._parts, rules=rules)
    answer = await world.send(callback_url=URL)
    assert (answer.status_code, fields_of(answer)) == (400, ["callback_url"])
    assert (await world.send()).status_code == 202


def _with(parts: Any, **changes: Any) -> Any:
    return replace(parts, **changes)
