"""Dead push tokens: their devices are removed, unless so many are dead that the fault must be ours."""

import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx2
import pytest

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.delivery.devices import FEW, FEWEST_ANSWERS, HOLD, DeadDevices
from angarium.delivery.outcome import Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Address
from angarium.notifications.model import Claimed
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.telemetry.logging import make_logger
from tests.support.clock import ManualClock

DEAD, ALIVE = Permanent("404 UNREGISTERED", suppress=True), Sent("200")
TOKEN = "a-token-of-a-device"


@dataclass
class Service:
    """The users service: what it was asked to remove, and how it answers (200 by default)."""

    removed: list[tuple[str, str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    calls: int = 0

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.calls += 1
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            tenant = request.headers["x-angarium-tenant"]
            devices = json.loads(request.content)["devices"]
            self.removed += [(tenant, one["user_id"], one["device_id"]) for one in devices]
        return httpx2.Response(status, json={})


@dataclass
class Bench:
    dead: DeadDevices
    service: Service
    clock: ManualClock
    log: io.StringIO

    def answer(self, number: int, outcome: Outcome, *, provider: str = "fcm", stored: bool = True) -> None:
        claimed = claim(UUID(int=number) if stored else None)
        device = UUID(int=1000 + number) if stored else None
        self.dead.answered(provider, claimed, Address(TOKEN, platform="fcm", device_id=device), outcome)

    def events(self, name: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == name]


def claim(user_id: UUID | None) -> Claimed:
    clock = ManualClock()
    return Claimed(
        id=UUID(int=7), claim_token=UUID(int=8), attempt=1, tenant="acme", request_id="r", channel=Channel.PUSH,
        user_id=None if user_id is None else str(user_id), recipient=None, template_code="t", template_version=1,
        locale="en", category=None, priority=5, variables={}, correlation_id="c", traceparent=None,
        policy=DeliveryPolicy.AT_LEAST_ONCE, expired=False, expires_at=None, created_at=clock.now(),
    )  # fmt: skip


@contextmanager
def watched() -> Iterator[tuple[DeadDevices, Service, ManualClock, io.StringIO]]:
    clock, service, log = ManualClock(), Service(), io.StringIO()
    client = ServiceClient(
        "http://users", service_token="x", name="users", transport=httpx2.MockTransport(service.answer), clock=clock
    )
    yield DeadDevices(client, clock, make_logger("push", level="info", stream=log, format="json")), service, clock, log


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    with watched() as (dead, service, clock, log):
        async with dead.removing():
            yield Bench(dead, service, clock, log)


async def test_a_dead_token_removes_its_device_after_a_minute(bench: Bench) -> None:
    bench.answer(1, ALIVE)
    bench.answer(2, DEAD)
    bench.answer(3, Retry("503"))
    bench.answer(4, Permanent("400"))
    await bench.clock.advance(HOLD - 2)
    assert bench.service.removed == []
    await bench.clock.advance(4)
    assert bench.service.removed == [("acme", str(UUID(int=2)), str(UUID(int=1002)))]
    [invalid] = bench.events("device.invalid")
    assert invalid["provider"] == "fcm"
    assert TOKEN not in bench.log.getvalue()


async def test_a_device_is_removed_once_however_often_it_is_refused(bench: Bench) -> None:
    for _ in range(FEW):
        bench.answer(2, DEAD)
    await bench.clock.advance(HOLD + 2)
    assert len(bench.service.removed) == 1


async def test_a_recipient_who_is_not_stored_has_no_device_to_remove(bench: Bench) -> None:
    bench.answer(2, DEAD, stored=False)
    await bench.clock.advance(HOLD + 2)
    assert bench.service.calls == 0


async def test_five_in_a_hundred_are_removed(bench: Bench) -> None:
    for number in range(400):
        bench.answer(number, DEAD if number % 20 == 0 else ALIVE)
    await bench.clock.advance(HOLD + 2)
    assert len(bench.service.removed) == 20


async def test_more_than_five_in_a_hundred_remove_nothing_and_raise_an_alarm(bench: Bench) -> None:
    for number in range(400):
        bench.answer(number, DEAD if number % 19 == 0 else ALIVE)
    await bench.clock.advance(HOLD * 3)
    assert bench.service.calls == 0
    assert len(bench.events("devices.removal_stopped")) == 1, "one alarm"


async def test_with_a_wrong_key_from_the_start_nothing_is_removed(bench: Bench) -> None:
    """One answer every ten seconds: a wrong key is noticed at a slow pace too."""
    for number in range(60):
        bench.answer(number, DEAD)
        await bench.clock.advance(10)
    await bench.clock.advance(HOLD * 2)
    assert len(bench.service.removed) <= FEW
    assert bench.events("devices.removal_stopped")


async def test_one_provider_with_a_wrong_key_does_not_stop_the_others(bench: Bench) -> None:
    for number in range(50):
        bench.answer(number, DEAD, provider="apns")
    bench.answer(99, DEAD, provider="fcm")
    await bench.clock.advance(HOLD + 2)
    assert [device for _, _, device in bench.service.removed] == [str(UUID(int=1099))]


async def test_removal_goes_on_once_answers_are_good_again(bench: Bench) -> None:
    for number in range(50):
        bench.answer(number, DEAD)
    await bench.clock.advance(HOLD + 2)
    for number in range(FEWEST_ANSWERS * 2):
        bench.answer(number, ALIVE)
    await bench.clock.advance(HOLD + 2)
    bench.answer(70, DEAD)
    await bench.clock.advance(HOLD + 2)
    assert [device for _, _, device in bench.service.removed] == [str(UUID(int=1070))]


@pytest.mark.parametrize("status", [500, 503, 429])
async def test_a_refused_report_is_repeated(bench: Bench, status: int) -> None:
    bench.service.answers = [status, status]
    bench.answer(2, DEAD)
    await bench.clock.advance(HOLD + 30)
    assert len(bench.service.removed) == 1
    assert bench.service.calls == 3


async def test_a_report_that_is_refused_is_given_up(bench: Bench) -> None:
    bench.service.answers = [400]
    bench.answer(2, DEAD)
    await bench.clock.advance(HOLD + 60)
    assert (bench.service.calls, bench.service.removed) == (1, [])
    assert bench.events("devices.removal_lost")
