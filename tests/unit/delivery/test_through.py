"""A notification that names its provider goes by that one or not at all."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Outcome, Retry, Sent
from angarium.delivery.provider import Outbound
from tests.support.delivering import PlatformProvider, ScriptedProvider, delivering

BY_SECOND = '{"through": {"provider": "second"}}'


async def test_the_named_provider_gets_it_and_its_retry(tmp_path: Path) -> None:
    def later(message: Outbound) -> Outcome:
        return Retry("451 later") if message.attempt == 1 else Sent("250 ok")

    second = ScriptedProvider(later, name="second")
    async with delivering(tmp_path, others=[second], failover_after=timedelta(seconds=1)) as bench:
        [made] = await bench.accept(options=BY_SECOND)
        await bench.ends_as(made, "sent")
        assert (len(second.received), bench.provider.received) == (2, [])
        events = await bench.reader.events("default", made)
    assert events is not None
    answers = [(event["provider"], event["answer"]) for event in events if event["event"] == "attempt"]
    assert answers == [("second", "451 later"), ("second", "250 ok")]


async def test_one_that_is_not_configured_fails_it_and_no_other_takes_it(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        [made] = await bench.accept(options=BY_SECOND)
        await bench.ends_as(made, "failed")
        view = await bench.reader.get("default", made)
        assert view is not None
        assert view.reason is not None
        assert (view.reason.code, "second" in view.reason.message) == ("no_provider", True)
        assert (view.attempts, bench.provider.received) == (0, [])


async def test_while_its_breaker_is_open_it_waits_without_an_attempt(tmp_path: Path) -> None:
    second = ScriptedProvider(name="second")
    async with delivering(tmp_path, others=[second]) as bench:
        breaker = bench.router.routes[1].breaker
        for _ in range(5):
            breaker.answered(Retry("cannot connect", unreachable=True), probe=False)
        [made], [other] = await bench.accept(options=BY_SECOND), await bench.accept()
        await bench.ends_as(other, "sent")
        await bench.ends_as(made, "pending")
        view = await bench.reader.get("default", made)
        assert view is not None
        assert (view.attempts, second.received) == (0, [])
        assert [one.notification_id for one in bench.provider.received] == [other]


async def test_a_push_token_is_of_the_platform_that_is_named(tmp_path: Path) -> None:
    fcm = PlatformProvider(name="fcm", platforms=frozenset({"fcm"}))
    apns = PlatformProvider(name="apns", platforms=frozenset({"apns"}))
    options = '{"through": {"provider": "apns", "platform": "apns"}}'
    async with delivering(tmp_path, channel=Channel.PUSH, first=fcm, others=[apns]) as bench:
        [made] = await bench.accept(recipient='{"push_token": "a1"}', options=options)
        await bench.ends_as(made, "sent")
    taken: list[Any] = [(one.address.value, one.address.platform) for one in apns.received]
    assert (taken, fcm.received) == ([("a1", "apns")], [])


async def test_with_a_test_key_the_sandbox_takes_it(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        [made] = await bench.accept(test=True, options=BY_SECOND)
        await bench.ends_as(made, "sent")
        assert bench.provider.received == []
