"""Fallback channels at work: no dead letter while one is left."""

from pathlib import Path

from angarium.contracts.dead_letters import DeadLetterFilter
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Permanent
from tests.support.delivering import Bench, delivering


async def _letters(bench: Bench) -> int:
    total = (await bench.reader.dead_letters.find("default", DeadLetterFilter())).total
    assert total is not None
    return total


async def test_only_the_last_failure_is_a_dead_letter(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        bench.provider.script = lambda _: Permanent("550 no such user")
        [first] = await bench.accept(fallback=(Channel.EMAIL,))
        await bench.ends_as(first, "failed")
        assert await _letters(bench) == 0
        events = await bench.reader.events("default", first)
        assert events is not None
        assert [event["event"] for event in events][-2:] == ["failed", "fallback"]
        [second] = await bench.publish_outbox()
        await bench.ends_as(second, "failed")
        assert await _letters(bench) == 1


async def test_an_address_that_is_not_there_falls_back_too(tmp_path: Path) -> None:
    async with delivering(tmp_path) as bench:
        [first] = await bench.accept(recipient='{"phone": "+14155550123"}', fallback=(Channel.SMS,))
        await bench.ends_as(first, "failed")
        [second] = await bench.publish_outbox()
        view = await bench.reader.get("default", second)
        assert view is not None
        assert (view.notification_type, view.fallback_of) == (Channel.SMS, first)
