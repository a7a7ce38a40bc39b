"""A push to the devices of a user, which are of several platforms: each goes by a provider that takes it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from angarium.contracts.crash_points import CrashPoint
from angarium.contracts.statuses import Channel
from angarium.contracts.users import ContactDevice, Platform
from angarium.delivery import routing
from angarium.delivery.breakers.breaker import MISCONFIGURED
from angarium.delivery.breakers.local import LocalBreaker
from angarium.delivery.crashing import with_crash_point
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Address, Provider
from angarium.delivery.routing import Route, Router
from tests.support.clock import ManualClock
from tests.support.delivering import Bench, PlatformProvider, ScriptedProvider, delivering

SENT = Sent("200", "id")
KEY = UUID(int=1)


def only(*platforms: Platform, name: str | None = None, answers: Sequence[Outcome] = ()) -> PlatformProvider:
    """A provider of these platforms that gives `answers` in turn, then accepts."""
    waiting = list(answers)
    return PlatformProvider(
        script=lambda _: waiting.pop(0) if waiting else SENT,
        name=name or platforms[0],
        platforms=frozenset(platforms),
    )


def user_with(bench: Bench, devices: Mapping[str, Platform]) -> str:
    user_id = uuid4()
    bench.directory.add_user(
        user_id,
        devices=[
            ContactDevice(device_id=UUID(int=number), platform=platform, token=token)
            for number, (token, platform) in enumerate(devices.items())
        ],
    )
    return str(user_id)


def tokens(provider: ScriptedProvider) -> list[str]:
    return [message.address.value for message in provider.received]


async def test_each_device_goes_by_the_provider_of_its_platform(tmp_path: Path) -> None:
    fcm, apns = only("fcm"), only("apns")
    async with delivering(tmp_path, channel=Channel.PUSH, first=fcm, others=[apns]) as bench:
        user = user_with(bench, {"f1": "fcm", "a1": "apns", "f2": "fcm"})
        [push] = await bench.accept(recipient=None, user_id=user)
        await bench.ends_as(push, "sent")
    assert (sorted(tokens(fcm)), tokens(apns)) == (["f1", "f2"], ["a1"])


async def test_a_retry_takes_the_next_provider_of_the_same_platform(tmp_path: Path) -> None:
    fcm, apns, second = only("fcm", answers=[Retry("503")]), only("apns"), only("fcm", name="other")
    async with delivering(tmp_path, channel=Channel.PUSH, first=fcm, others=[apns, second]) as bench:
        [push] = await bench.accept(recipient='{"push_token": "f1"}')
        await bench.ends_as(push, "sent")
    assert (tokens(fcm), tokens(apns), tokens(second)) == (["f1"], [], ["f1"])


async def test_once_a_device_accepts_no_device_is_sent_to_again(tmp_path: Path) -> None:
    fcm, apns = only("fcm"), only("apns", answers=[Retry("503")])
    async with delivering(tmp_path, channel=Channel.PUSH, first=fcm, others=[apns]) as bench:
        [push] = await bench.accept(recipient=None, user_id=user_with(bench, {"f1": "fcm", "a1": "apns"}))
        await bench.ends_as(push, "sent")
        view = await bench.reader.get("default", push)
        assert view is not None
        assert (view.provider, view.attempts, view.provider_message_id) == ("fcm", 1, "id")
    assert (tokens(fcm), tokens(apns)) == (["f1"], ["a1"])


async def test_after_a_lost_answer_only_that_platform_stays_with_its_provider(tmp_path: Path) -> None:
    fcm, second = only("fcm", answers=[Ambiguous("lost"), Retry("503")]), only("fcm", name="other")
    apns = only("apns", answers=[Retry("503"), Retry("503")])
    async with delivering(tmp_path, channel=Channel.PUSH, first=fcm, others=[second, apns]) as bench:
        [push] = await bench.accept(recipient=None, user_id=user_with(bench, {"f1": "fcm", "a1": "apns"}))
        await bench.ends_as(push, "sent")
        events = await bench.reader.events("default", push)
    assert events is not None
    asked = Counter((event["attempt"], event["provider"]) for event in events if event["event"] == "attempt")
    assert asked == Counter((attempt, name) for attempt in (1, 2, 3) for name in ("fcm", "apns"))
    assert tokens(second) == []


async def test_devices_of_a_platform_without_a_provider_are_left_out(tmp_path: Path) -> None:
    fcm = only("fcm")
    async with delivering(tmp_path, channel=Channel.PUSH, first=fcm) as bench:
        [push] = await bench.accept(recipient=None, user_id=user_with(bench, {"a1": "apns", "f1": "fcm"}))
        await bench.ends_as(push, "sent")
    assert tokens(fcm) == ["f1"]


async def test_a_push_that_no_provider_takes_fails_and_names_the_platform(tmp_path: Path) -> None:
    fcm = only("fcm")
    async with delivering(tmp_path, channel=Channel.PUSH, first=fcm) as bench:
        [push] = await bench.accept(recipient=None, user_id=user_with(bench, {"a1": "apns"}))
        await bench.ends_as(push, "failed")
        view = await bench.reader.get("default", push)
    assert view is not None
    assert view.reason is not None
    assert (view.reason.code, view.reason.message) == ("no_provider", "no provider for devices of apns")
    assert tokens(fcm) == []


async def test_a_misconfigured_platform_is_paused_though_another_accepts(tmp_path: Path) -> None:
    fcm, apns = only("fcm"), only("apns", answers=[Configuration("403 InvalidProviderToken")])
    async with delivering(tmp_path, channel=Channel.PUSH, first=fcm, others=[apns]) as bench:
        user = user_with(bench, {"f1": "fcm", "a1": "apns"})
        for _ in range(3):
            [push] = await bench.accept(recipient=None, user_id=user)
            await bench.ends_as(push, "sent")
    assert (tokens(fcm), tokens(apns)) == (["f1"] * 3, ["a1"])


async def test_a_refusal_for_good_of_one_device_does_not_end_the_others(tmp_path: Path) -> None:
    fcm = only("fcm")
    fcm.script = lambda message: Permanent("404", suppress=True) if message.address.value == "dead" else SENT
    async with delivering(tmp_path, channel=Channel.PUSH, first=fcm) as bench:
        [push] = await bench.accept(recipient=None, user_id=user_with(bench, {"dead": "fcm", "f1": "fcm"}))
        await bench.ends_as(push, "sent")


def address(token: str, platform: Platform = "webpush") -> Address:
    return Address(token, platform=platform)


def way(provider: Provider, clock: ManualClock, **more: Any) -> Route:
    return Route(provider=provider, name=provider.name, breaker=LocalBreaker(clock), **more)


@pytest.mark.parametrize("crash_point", [None, CrashPoint.AFTER_SEND])
def test_a_breaker_is_of_one_service_behind_a_provider(crash_point: CrashPoint | None) -> None:
    clock = ManualClock()
    route = way(with_crash_point(only("webpush"), crash_point), clock)
    router = Router([route], clock)
    router.breaker(route, address("m1")).answered(Configuration("403"), probe=False)
    assert router.choose(1, address("m2"), key=KEY) is None, "of the same service"
    assert router.choose(1, address("g1"), key=KEY) is route
    assert router.serves(address("m1"))
    assert not router.serves(address("f1", "fcm"))
    assert router.choose(1, address("f1", "fcm"), key=KEY) is None


async def test_a_service_that_refused_us_is_tried_again_after_its_pause() -> None:
    clock = ManualClock()
    route = way(only("webpush"), clock)
    router = Router([route], clock)
    router.breaker(route, address("a")).answered(Configuration("403"), probe=False)
    await clock.advance(MISCONFIGURED[0].total_seconds())
    assert router.choose(1, address("a"), key=KEY) is route


def test_breakers_of_services_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "_MOST_SERVICES", 2)
    clock = ManualClock()
    route = way(only("webpush"), clock)
    router = Router([route], clock)
    for letter in "abcd":
        router.breaker(route, address(letter))
    assert len(router._services) == 2
