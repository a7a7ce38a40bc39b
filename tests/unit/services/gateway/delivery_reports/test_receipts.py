"""Delivery reports: early, repeated, out of order, for unknown outcomes; resolution by an operator."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text

from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Status
from angarium.notifications.model import Event, Reason, Result
from angarium.notifications.store.schema import held_reports
from angarium.platform.database.engine import reading, writing
from tests.unit.services.gateway.conftest import PATH, World, error_of, fields_of

pytestmark = pytest.mark.slow


class Life:
    """One notification, and a worker that holds it."""

    def __init__(self, world: World, notification_id: str) -> None:
        self.world = world
        self.id = notification_id
        self.token = uuid4()

    async def claim(self) -> None:
        self.token = uuid4()
        await self.world.store.claim([UUID(self.id)], token=self.token, lease=timedelta(seconds=20), worker="w-1")

    async def record(self, status: Status) -> None:
        events = (Event(str(status), self.world.gateway.parts.runtime.clock.now(), {"status": str(status)}),)
        reason = Reason("ambiguous", "the answer was lost") if status is Status.UNKNOWN else None
        result = Result(id=UUID(self.id), claim_token=self.token, status=status, events=events, reason=reason)
        assert await self.world.store.record([result]) == [True]

    async def ends(self, status: Status) -> None:
        await self.claim()
        await self.record(status)

    async def report(self, status: str, **more: Any) -> int:
        body = {"notification_id": self.id, "status": status, **more}
        return (await self.world.client.post("/api/v1/email/status", json=body)).status_code

    async def view(self) -> dict[str, Any]:
        data: dict[str, Any] = (await self.world.client.get(f"{PATH}/{self.id}")).json()["data"]
        return data

    async def events(self) -> list[str]:
        answer = await self.world.client.get(f"{PATH}/{self.id}/events")
        return [event["event"] for event in answer.json()["data"]]

    async def held(self) -> int:
        async with reading(self.world.engine) as connection:
            return (await connection.scalar(select(func.count()).select_from(held_reports))) or 0

    async def apply(self) -> None:
        assert await self.world.gateway.receipts.once() is False


@pytest.fixture
async def life(world: World) -> Life:
    return Life(world, (await world.send()).json()["data"]["notification_id"])


@pytest.mark.parametrize("channel", ["push", "sms"])
@pytest.mark.parametrize("report", ["delivered", "failed", "pending"])
async def test_a_report_on_the_path_of_another_channel_is_a_404(life: Life, channel: str, report: str) -> None:
    path, body = f"/api/v1/{channel}/status", {"notification_id": life.id, "status": report}
    early = await life.world.client.post(path, json=body)
    assert (early.status_code, error_of(early)["code"]) == (404, "not_found")
    assert await life.held() == 0
    await life.ends(Status.SENT)
    assert (await life.world.client.post(path, json=body)).status_code == 404
    assert (await life.view())["status"] == "sent"
    assert await life.report(report) == 200


@pytest.mark.fault(41)
async def test_a_report_before_the_send_is_recorded_is_held_and_applied_once(life: Life) -> None:
    await life.claim()
    for _ in range(2):
        assert await life.report("delivered", timestamp="2026-11-20T09:00:00Z") == 200
    await life.apply()
    assert ((await life.view())["status"], await life.held()) == ("sending", 1)
    await life.record(Status.SENT)
    await life.apply()
    await life.apply()
    assert ((await life.view())["status"], await life.held()) == ("delivered", 0)
    assert (await life.events()).count("delivered") == 1


async def test_a_held_report_outlives_a_retry(life: Life) -> None:
    await life.claim()
    assert await life.report("failed", error="mailbox full") == 200
    await life.record(Status.RETRYING)
    await life.apply()
    assert await life.held() == 1
    await life.ends(Status.SENT)
    await life.apply()
    view = await life.view()
    assert (view["status"], view["reason"]) == ("failed", {"code": "bounced", "message": "mailbox full"})
    assert (await life.world.client.get("/api/v1/dead-letters")).json()["data"] == []


@pytest.mark.fault(41)
async def test_the_earliest_of_held_reports_counts(life: Life) -> None:
    await life.claim()
    assert await life.report("failed", timestamp="2026-11-20T09:00:02Z") == 200
    assert await life.report("delivered", timestamp="2026-11-20T09:00:01Z") == 200
    await life.record(Status.SENT)
    await life.apply()
    assert ((await life.view())["status"], await life.held()) == ("delivered", 0)


async def test_a_held_report_about_a_skipped_notification_is_dropped(life: Life) -> None:
    assert await life.report("delivered") == 200
    await life.ends(Status.SKIPPED)
    await life.apply()
    assert ((await life.view())["status"], await life.held()) == ("skipped", 0)


@pytest.mark.parametrize("first", ["delivered", "failed"])
@pytest.mark.fault(41)
async def test_the_same_report_again_changes_nothing_and_another_is_refused(life: Life, first: str) -> None:
    await life.ends(Status.SENT)
    other = "failed" if first == "delivered" else "delivered"
    assert [await life.report(status) for status in (first, first, other, "pending")] == [200, 200, 409, 200]
    assert ((await life.view())["status"], (await life.events()).count(first)) == (first, 1)


@pytest.mark.parametrize("status", ["delivered", "failed"])
async def test_a_report_resolves_an_unknown_outcome(life: Life, status: str) -> None:
    await life.ends(Status.UNKNOWN)
    assert await life.report(status) == 200
    assert (await life.view())["status"] == status


@pytest.mark.parametrize(("word", "status"), [("sent", "sent"), ("failed", "failed"), ("retry", "pending")])
async def test_an_operator_resolves_an_unknown_outcome(life: Life, word: str, status: str) -> None:
    url = f"{PATH}/{life.id}/resolve"
    assert (await life.world.client.post(url, json={"as": word})).status_code == 409
    await life.ends(Status.UNKNOWN)
    answer = await life.world.client.post(url, json={"as": word})
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, status)
    again = await life.world.client.post(url, json={"as": word})
    assert (again.status_code, error_of(again)["code"]) == (409, "conflict")
    if word == "retry":
        assert UUID(life.id) in {message.key.subject for message in await _outbox(life.world)}


async def _outbox(world: World) -> Any:
    return await world.store.lease_outbox(10, lease=timedelta(0))


async def test_who_may_resolve_and_how(life: Life) -> None:
    url = f"{PATH}/{life.id}/resolve"
    key = await life.world.key(Scope.NOTIFICATIONS_SEND, Scope.NOTIFICATIONS_READ)
    assert (await life.world.client.post(url, json={"as": "sent"}, headers=key)).status_code == 403
    bad = await life.world.client.post(url, json={"as": "lost"})
    assert (bad.status_code, fields_of(bad)) == (400, ["as"])
    assert (await life.world.client.post(f"{PATH}/{uuid4()}/resolve", json={"as": "sent"})).status_code == 404


async def test_why_over_the_wire(life: Life) -> None:
    await life.ends(Status.SENT)
    data = (await life.world.client.get(f"{PATH}/{life.id}/why")).json()["data"]
    assert data["summary"] == "Sent on the first attempt."
    assert {"check", "result", "detail"} == set(data["decisions"][0])
    assert (await life.world.client.get(f"{PATH}/{uuid4()}/why")).status_code == 404


async def test_search_by_metadata_over_the_wire(world: World) -> None:
    for number in (1, 2):
        await world.send(request_id=f"r-{number}", metadata={"order": number, "a.b": "x[1]"})

    async def found(query: str) -> list[str]:
        answer = await world.client.get(f"{PATH}?{query}")
        assert answer.status_code == 200, answer.text
        return sorted(row["request_id"] for row in answer.json()["data"])

    assert await found("metadata.order=1") == ["r-1"]
    assert await found("metadata[order]=2") == ["r-2"]
    assert await found("metadata%5Border%5D=2&metadata.a.b=x[1]") == ["r-2"]
    assert await found("metadata.order=1&metadata.order=2") == []
    assert await found("metadata.order=1&status=sent") == []
    for query, field in (("metadata.a=%00", "metadata.a"), ("&".join(f"metadata.{n}=1" for n in range(6)), "metadata")):
        refused = await world.client.get(f"{PATH}?{query}")
        assert (refused.status_code, fields_of(refused)) == (400, [field])


@pytest.mark.parametrize("held", [False, True])
async def test_the_time_of_a_report_is_when_it_was_delivered(life: Life, held: bool) -> None:
    if held:
        await life.claim()
    else:
        await life.ends(Status.SENT)
    assert await life.report("delivered", timestamp="2026-11-20T10:00:00.5+01:00") == 200
    if held:
        await life.record(Status.SENT)
        await life.apply()
    assert (await life.view())["delivered_at"] == "2026-11-20T09:00:00.500000Z"


@pytest.mark.parametrize("stored", [2**62, -(2**62), 253_402_351_199_000_000])
async def test_a_held_report_of_an_extreme_time_stops_no_other(world: World, life: Life, stored: int) -> None:
    """As releases before this one held them."""
    bad = Life(world, (await world.send(request_id="bad")).json()["data"]["notification_id"])
    for one in (bad, life):
        await one.claim()
        assert await one.report("delivered") == 200
    async with writing(world.engine) as connection:
        change = "UPDATE held_reports SET reported_at = :at WHERE notification_id = :id"
        await connection.execute(text(change), {"at": stored, "id": UUID(bad.id).hex})
    for one in (bad, life):
        await one.record(Status.SENT)
    await life.apply()
    assert ((await life.view())["status"], (await bad.view())["status"]) == ("delivered", "delivered")
    assert await life.held() == 0
    delivered_at = (await bad.view())["delivered_at"]
    assert delivered_at[:4] in {"2000", "2200"}


async def test_a_report_that_cannot_be_applied_is_set_aside(
    world: World, life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Life(world, (await world.send(request_id="bad")).json()["data"]["notification_id"])
    for one in (bad, life):
        await one.claim()
        assert await one.report("delivered") == 200
        await one.record(Status.SENT)
    move = world.store.move

    async def faulty(notification_id: UUID, **options: Any) -> Status | None:
        if notification_id == UUID(bad.id):
            raise OverflowError
        return await move(notification_id, **options)

    monkeypatch.setattr(world.store, "move", faulty)
    for _ in range(3):
        await life.apply()
    assert ((await life.view())["status"], await life.held()) == ("delivered", 1)
    [line] = world.lines("receipt.set_aside")
    assert line["notification_id"] == bad.id
