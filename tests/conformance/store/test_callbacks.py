"""Callbacks come with the change that they tell of, and are leased, recorded and replayed alike on every database."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from angarium.contracts.statuses import UNFINISHED, Status
from angarium.notifications.model import Event, Reason
from angarium.platform.identifiers import Identifiers
from angarium.services.gateway.callbacks.looking import BESIDE_CROWDED
from angarium.services.gateway.callbacks.model import Answer, Attempted, Callback, State
from angarium.services.gateway.callbacks.schedule import GIVEN_UP_AFTER
from angarium.services.gateway.callbacks.store import CallbackStore
from tests.conformance.store.backends import SECOND, TENANT, Backend, result

URL = "https://Hooks.example:8443/a?b=c#d"
LEASE = timedelta(seconds=60)
AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@dataclass
class Kept:
    """The callbacks of one database."""

    backend: Backend
    store: CallbackStore

    async def lease(
        self, *crowded: str, limit: int = 100, room: int = 100, of_a_tenant: int = 100, full: Sequence[str] = ()
    ) -> list[Callback]:
        found = await self.store.lease(
            limit,
            lease=LEASE,
            room_for=lambda _: room,
            room_of=lambda _: of_a_tenant,
            crowded=crowded,
            full=full,
        )
        return sorted(found, key=lambda callback: callback.url)

    async def sent(self, url: str = URL, **changes: Any) -> UUID:
        return await self.backend.ended(Status.SENT, callback_url=url, **changes)

    async def attempt(
        self, callback: Callback, state: State = State.PENDING, *, code: int = 500, wait: int = 5
    ) -> tuple[bool, bool]:
        """Record one: whether it was kept, and whether its endpoint is disabled by it."""
        answer = Answer(AT, 12, code, None if state is State.DELIVERED else f"answered {code}")
        delay = timedelta(seconds=wait) if state is State.PENDING else None
        attempted = Attempted(callback=callback, answer=answer, state=state, wait=delay)
        kept, disabled = await self.store.record([attempted])
        return callback.id in kept, bool(disabled)

    async def pass_time(self, duration: timedelta) -> None:
        """The database's time; on PostgreSQL what is kept moves back instead."""
        if self.backend.url.startswith("sqlite"):
            await self.backend.pass_time(duration)
            return
        for table, column in (("callbacks", "next_at"), ("callback_endpoints", "failing_since")):
            on_mysql = self.backend.engine.dialect.name == "mysql"
            by = "INTERVAL :by MICROSECOND" if on_mysql else "CAST(:by AS interval)"
            change = f"UPDATE {table} SET {column} = {column} - {by}"  # noqa: S608 - ours
            await self.backend.query(change, by=duration // timedelta(microseconds=1) if on_mysql else duration)


@pytest.fixture
async def kept(backend: Backend) -> Kept:
    for table in ("callbacks", "callback_endpoints"):
        await backend.query(f"DELETE FROM {table}")  # noqa: S608 - ours
    return Kept(backend, CallbackStore(backend.engine, backend.clock, Identifiers(backend.clock)))


async def test_only_statuses_that_finish_a_claim_make_callbacks(kept: Kept) -> None:
    ends = [Status.SENT, Status.FAILED, Status.SKIPPED, Status.EXPIRED, Status.UNKNOWN]
    for status in (*ends, Status.PENDING, Status.RETRYING, Status.SCHEDULED):
        await kept.backend.ended(status, callback_url=URL, request_id=f"r-{status}")
    await kept.backend.ended(Status.SENT)  # without a URL
    assert sorted(callback.status for callback in await kept.lease()) == sorted(ends)
    assert {*ends}.isdisjoint(UNFINISHED)


async def test_moves_outside_a_claim_make_callbacks(kept: Kept) -> None:
    cancelled = await kept.backend.accepted(callback_url=URL)
    delivered = await kept.sent()
    for identifier, to in ((cancelled, Status.CANCELLED), (delivered, Status.DELIVERED)):
        event = Event(str(to), AT, {"status": str(to)})
        await kept.backend.store.move(identifier, tenant=TENANT, to=to, event=event)
        await kept.backend.store.move(identifier, tenant=TENANT, to=to, event=event)  # no change, no callback
    found = {(callback.notification_id, callback.status) for callback in await kept.lease()}
    assert found == {
        (cancelled, Status.CANCELLED),
        (delivered, Status.SENT),
        (delivered, Status.DELIVERED),
    }


async def test_endings_by_the_sweeper_make_callbacks(kept: Kept) -> None:
    """Endings that the sweeper writes."""
    backend = kept.backend
    [claim] = await backend.claim(await backend.accepted(callback_url=URL, policy="at_most_once"))
    await backend.pass_time(timedelta(minutes=5))
    await backend.store.sweep(10)
    await kept.pass_time(SECOND)
    [callback] = await kept.lease()
    assert (callback.notification_id, callback.status, callback.reason_code) == (
        claim.id,
        Status.UNKNOWN,
        "outcome_unknown",
    )


async def test_recording_a_result_twice_makes_one_callback(kept: Kept) -> None:
    claim = await kept.backend.claimed(callback_url=URL)
    for _ in range(2):
        assert await kept.backend.store.record([result(claim, Status.SENT)]) == [True]
    assert len(await kept.lease()) == 1


async def test_it_brings_what_its_body_tells(kept: Kept) -> None:
    reason = Reason("permanent", "550 5.1.1 no such user")
    claim = await kept.backend.claimed(
        callback_url=URL, request_id="order-1", metadata='{"order":42}', correlation_id="c-1"
    )
    await kept.backend.store.record([result(claim, Status.FAILED, reason=reason)])
    [callback] = await kept.lease()
    assert (callback.tenant, callback.notification_id, callback.request_id) == (TENANT, claim.id, "order-1")
    assert (callback.status, callback.reason_code, callback.reason_message) == (Status.FAILED, *_pair(reason))
    assert (callback.metadata, callback.correlation_id, callback.url) == ({"order": 42}, "c-1", URL)
    assert (callback.tries, callback.disabled) == (0, False)
    assert callback.occurred_at == await _updated_at(kept, claim.id)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (URL, "https://hooks.example:8443"),
        ("https://a.example", "https://a.example"),
        ("https://a.example/x//y", "https://a.example"),
        ("https://a.example?x=//b.example/", "https://a.example"),
        ("https://a.example#x", "https://a.example"),
        ("http://[::1]:80/x", "http://[::1]:80"),
    ],
)
async def test_the_origin_is_the_url_without_its_path(kept: Kept, url: str, origin: str) -> None:
    await kept.sent(url)
    [callback] = await kept.lease()
    assert callback.origin == origin
    assert callback.id.version == 4


async def test_a_leased_one_comes_again_only_when_its_lease_has_ended(kept: Kept) -> None:
    await kept.sent()
    [first] = await kept.lease()
    assert await kept.lease() == []
    await kept.pass_time(LEASE + SECOND)
    [again] = await kept.lease()
    assert again.id == first.id
    assert await kept.attempt(first, State.DELIVERED, code=200) == (False, False)
    assert await kept.attempt(again, State.DELIVERED, code=200) == (True, False)


async def test_no_origin_gets_more_than_its_room_and_a_crowded_one_nothing(kept: Kept) -> None:
    for number in range(3):
        await kept.sent(f"https://slow.example/{number}")
    await kept.sent("https://fast.example/")
    assert [callback.origin for callback in await kept.lease("https://slow.example")] == ["https://fast.example"]
    assert len(await kept.lease(room=2)) == 2
    assert len(await kept.lease(limit=0)) == 0
    assert len(await kept.lease(room=2)) == 1


async def test_a_failed_attempt_is_due_again_later_and_a_delivered_one_never(kept: Kept) -> None:
    identifier = await kept.sent()
    [callback] = await kept.lease()
    assert await kept.attempt(callback, wait=5) == (True, False)
    assert await kept.lease() == []
    await kept.pass_time(timedelta(seconds=6))
    [again] = await kept.lease()
    assert again.tries == 1
    await kept.attempt(again, State.DELIVERED, code=204)
    await kept.pass_time(timedelta(days=9))
    assert await kept.lease() == []
    first, second = await kept.store.attempts(TENANT, identifier)
    assert (first.attempt, first.status_code, first.error, first.duration_ms) == (1, 500, "answered 500", 12)
    assert (second.attempt, second.status_code, second.error, second.next_at) == (2, 204, None, None)
    assert first.next_at is not None
    assert await kept.store.attempts("other", identifier) == []


async def test_each_attempt_is_in_the_timeline(kept: Kept) -> None:
    identifier = await kept.sent()
    [callback] = await kept.lease()
    await kept.attempt(callback)
    events = await kept.backend.reader.events(TENANT, identifier)
    assert events is not None
    assert [event["event"] for event in events] == ["accepted", "claimed", "sent", "callback"]
    assert events[-1].items() >= {"type": "notification.sent", "attempt": 1, "outcome": "retry"}.items()
    await _move(kept, identifier, Status.DELIVERED)  # the timeline goes on
    assert (await kept.backend.timeline(identifier))[-1] == "delivered"


async def test_an_endpoint_that_is_gone_is_disabled_whatever_the_query(kept: Kept) -> None:
    await kept.sent("https://a.example/gone?id=1")
    [callback] = await kept.lease()
    assert await kept.attempt(callback, State.DISABLED, code=410) == (True, True)
    await kept.sent("https://a.example/gone?id=2")
    await kept.sent("https://a.example/here")
    await kept.sent("https://a.example/gone", tenant="other")
    found = {(callback.tenant, callback.url): callback.disabled for callback in await kept.lease()}
    assert found == {
        (TENANT, "https://a.example/gone?id=2"): True,
        (TENANT, "https://a.example/here"): False,
        ("other", "https://a.example/gone"): False,
    }


async def test_an_endpoint_is_given_up_after_days_in_which_it_took_nothing(kept: Kept) -> None:
    disabled = []
    for pause in (timedelta(0), GIVEN_UP_AFTER - SECOND, 2 * SECOND):
        await kept.pass_time(pause)
        await kept.sent()
        callback = (await kept.lease())[0]
        disabled.append((await kept.attempt(callback, State.FAILED))[1])
    assert disabled == [False, False, True]


async def test_a_success_resets_the_days_of_failure(kept: Kept) -> None:
    disabled = []
    for state in (State.FAILED, State.DELIVERED, State.FAILED):
        await kept.pass_time(GIVEN_UP_AFTER)
        await kept.sent()
        [callback] = await kept.lease()
        disabled.append((await kept.attempt(callback, state))[1])
    assert disabled == [False] * 3


async def test_a_replayed_one_is_due_at_once_keeps_its_id_and_enables_its_endpoint(kept: Kept) -> None:
    identifier = await kept.sent()
    [callback] = await kept.lease()
    await kept.attempt(callback, State.DISABLED, code=410)
    assert await kept.store.replay("other", identifier) == 0
    assert await kept.store.replay(TENANT, identifier) == 1
    await kept.pass_time(SECOND)
    [again] = await kept.lease()
    assert (again.webhook_id, again.tries, again.disabled) == (callback.webhook_id, 0, False)


async def test_a_time_range_is_replayed_in_pages(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("angarium.services.gateway.callbacks.store.REPLAYED_AT_ONCE", 2)
    ids = [await kept.sent() for _ in range(5)]
    for callback in await kept.lease():
        await kept.attempt(callback, State.DELIVERED, code=200)
    moments = [await _updated_at(kept, identifier) for identifier in ids]
    start, end = min(moments), max(moments) + SECOND
    assert await kept.store.replay_range(TENANT, end, end + SECOND) == 0
    assert await kept.store.replay_range("other", start, end) == 0
    assert await kept.store.replay_range(TENANT, start, end) == 5
    await kept.pass_time(SECOND)
    assert len(await kept.lease()) == 5


async def test_a_callback_whose_notification_was_erased_goes_too(kept: Kept) -> None:
    identifier = await kept.sent()
    await kept.backend.query("DELETE FROM notifications WHERE id = :id", id=identifier)
    assert await kept.lease() == []
    [row] = await kept.backend.query("SELECT count(*) AS count FROM callbacks")
    assert row["count"] == 0


def _pair(reason: Reason) -> tuple[str, str]:
    return reason.code, reason.message


async def _updated_at(kept: Kept, identifier: UUID) -> datetime:
    view = await kept.backend.reader.get(TENANT, identifier)
    assert view is not None
    return view.updated_at


async def _move(kept: Kept, identifier: UUID, to: Status) -> None:
    await kept.backend.store.move(identifier, tenant=TENANT, to=to, event=Event(str(to), AT, {"status": str(to)}))


async def test_no_tenant_gets_more_than_its_room_and_a_full_one_nothing(kept: Kept) -> None:
    for number in range(6):
        await kept.sent(f"https://a{number}.example/", tenant="a")
    await kept.sent("https://b.example/", tenant="b")
    assert [callback.tenant for callback in await kept.lease(full=["a"])] == ["b"]
    assert [callback.tenant for callback in await kept.lease(of_a_tenant=2)] == ["a", "a"]


async def test_tenants_take_turns_beside_a_full_one(kept: Kept) -> None:
    if kept.backend.url.startswith("sqlite"):
        pytest.skip("SQLite gives the oldest first; a tenant that has its share is left out of the next look")
    for number in range(6):
        await kept.sent(f"https://a{number}.example/", tenant="a")
    await kept.sent("https://b.example/", tenant="b")
    assert {callback.tenant for callback in await kept.lease(full=["c"], limit=2)} == {"a", "b"}


async def test_several_crowded_origins_hide_no_others(kept: Kept) -> None:
    for origin in ("a", "b", "c", "d"):
        for _ in range(2):
            await kept.sent(f"https://{origin}.example/x")
    found = await kept.lease("https://a.example", "https://c.example", room=1)
    assert [callback.origin for callback in found] == ["https://b.example", "https://d.example"]
    assert await kept.lease("https://a.example", "https://b.example", "https://c.example", "https://d.example") == []


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.fault(54)
async def test_a_large_backlog_of_a_crowded_origin_is_not_read(migrated_postgresql: str) -> None:
    connection = await asyncpg.connect(migrated_postgresql)
    try:
        await connection.execute("TRUNCATE callbacks")
        for number, origin in ((100_000, "https://slow.example"), (10, "https://fast.example")):
            await connection.execute(
                f"""
                INSERT INTO callbacks (id, tenant, notification_id, url, origin, status, occurred_at, state, tries,
                    next_at, attempts)
                SELECT gen_random_uuid(), 'acme', gen_random_uuid(), '{origin}/x', '{origin}', 'sent', now(), 'pending',
                    0, now() - interval '1 hour' + n * interval '1 millisecond', '[]'
                FROM generate_series(1, {number}) n
                """  # noqa: S608 - ours
            )
        await connection.execute("ANALYZE callbacks")
        statement = BESIDE_CROWDED.replace(":now", "now()").replace(":crowded", "ARRAY['https://slow.example']")
        statement = statement.replace(":full", "ARRAY['greedy']")
        rows = await connection.fetch(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}")
        plan = "\n".join(row[0] for row in rows)
        top = next(line for line in rows[0][0].splitlines() + plan.splitlines() if "Buffers:" in line)
        assert sum(int(number) for number in re.findall(r"(?:hit|read)=(\d+)", top)) < 200, plan
    finally:
        await connection.execute("TRUNCATE callbacks")
        await connection.close()
