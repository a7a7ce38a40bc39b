import asyncio
from datetime import timedelta

import pytest

from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Outcome, outcome_word
from angarium.delivery.provider import Address
from angarium.delivery.providers.sandbox import SandboxProvider
from angarium.testing.providers import outbound
from tests.support.clock import ManualClock


async def outcome(channel: Channel, to: str, attempt: int = 1) -> Outcome:
    return await SandboxProvider().send(outbound(channel, to=to, attempt=attempt))


@pytest.mark.parametrize(
    ("word", "phone", "expected"),
    [
        ("bounce", "+15005550001", "suppress"),
        ("timeout", "+15005550002", "retry"),
        ("retry", "+15005550003", "retry"),
        ("fail", "+15005550004", "retry"),
        ("ambiguous", "+15005550005", "ambiguous"),
        ("reject", "+15005550006", "permanent"),
        ("misconfigured", "+15005550007", "configuration"),
        ("john", "+14155550123", "sent"),
    ],
)
async def test_every_channel_has_the_magic_recipients(word: str, phone: str, expected: str) -> None:
    assert outcome_word(await outcome(Channel.EMAIL, f"{word}@example.com")) == expected
    assert outcome_word(await outcome(Channel.EMAIL, f"{word.upper()}+7@sandbox.test")) == expected
    assert outcome_word(await outcome(Channel.SMS, phone)) == expected
    assert outcome_word(await outcome(Channel.PUSH, f"{word}:phone")) == expected
    assert outcome_word(await outcome(Channel.WEBHOOK, f"https://hooks.example/{word}?key=1")) == expected
    assert outcome_word(await outcome(Channel.WEBHOOK, f"https://hooks.example/{word}:2/")) == expected


@pytest.mark.parametrize(("word", "times"), [("retry", 1), ("fail-1", 1), ("fail-3", 3), ("fail-0", 0)])
async def test_it_fails_as_often_as_asked(word: str, times: int) -> None:
    words = [outcome_word(await outcome(Channel.EMAIL, f"{word}@x.test", attempt)) for attempt in range(1, 6)]
    assert words == ["retry"] * times + ["sent"] * (5 - times)


async def test_a_timeout_never_ends() -> None:
    assert {outcome_word(await outcome(Channel.EMAIL, "timeout@x.test", n)) for n in range(1, 7)} == {"retry"}


@pytest.mark.parametrize(("word", "expected"), [("bounce", "suppress"), ("fail-2:phone", "retry"), ("other", "sent")])
async def test_a_browser_asks_by_the_path_of_its_endpoint(word: str, expected: str) -> None:
    address = Address("", platform="webpush", subscription={"endpoint": f"https://push.example/{word}"})
    assert outcome_word(await SandboxProvider().send(outbound(Channel.PUSH, address=address))) == expected


async def test_a_timeout_takes_as_long_as_the_url_says() -> None:
    clock = ManualClock()
    sandbox = SandboxProvider(clock, timeout=timedelta(seconds=3))
    assert outcome_word(await sandbox.send(outbound(to="ada@example.com"))) == "sent"
    waiting = asyncio.create_task(sandbox.send(outbound(to="timeout@example.com")))
    await clock.advance(2.9)
    assert not waiting.done()
    await clock.advance(0.2)
    assert outcome_word(await waiting) == "retry"
