"""How confirms, refusals and returns settle the messages of bursts."""

import asyncio
from typing import Any

import pamqp.frame
from pamqp import commands as spec
from pamqp.header import ContentHeader

from angarium.platform.broker.port import Outgoing
from angarium.platform.broker.rabbitmq.confirms import Burst, Confirms, Stall


def _burst(*ids: str) -> tuple[Burst, list[bool]]:
    results = [False] * len(ids)
    return Burst([Outgoing("work", "k", b"", id_) for id_ in ids], range(len(ids)), results), results


def _take(confirms: Confirms, *frames: Any) -> list[bool]:
    encoded = (pamqp.frame.marshal(frame, 1) for frame in frames)
    return [confirms.take(frame[0], frame[7:-1]) for frame in encoded]


async def _ends(burst: Burst) -> None:
    async with asyncio.timeout(1):
        await burst.finished()


async def test_one_confirm_settles_all_before_it() -> None:
    confirms = Confirms()
    (first, firsts), (second, seconds) = _burst("1", "2"), _burst("3", "4")
    confirms.expect(first)
    confirms.expect(second)
    assert _take(confirms, spec.Basic.Ack(3, multiple=True)) == [True]
    await _ends(first)
    assert (firsts, seconds) == ([True, True], [True, False])
    assert confirms.in_flight(first) is None
    assert confirms.in_flight(second) is second
    _take(confirms, spec.Basic.Nack(4))
    await _ends(second)
    assert seconds == [True, False]


async def test_a_returned_message_is_not_taken_whatever_its_confirm_says() -> None:
    confirms = Confirms()
    burst, results = _burst("1", "2")
    confirms.expect(burst)
    header = ContentHeader(properties=spec.Basic.Properties(message_id="1"))
    assert _take(confirms, spec.Basic.Return(312, "NO_ROUTE", "work", "k"), header) == [True, True]
    _take(confirms, spec.Basic.Ack(1), spec.Basic.Ack(2))
    await _ends(burst)
    assert (results, burst.returned) == ([False, True], True)


async def test_a_return_or_a_confirm_of_something_unknown_changes_nothing() -> None:
    confirms = Confirms()
    burst, results = _burst("1")
    confirms.expect(burst)
    unknown = ContentHeader(properties=spec.Basic.Properties(message_id="9"))
    _take(confirms, spec.Basic.Return(312, "NO_ROUTE", "work", "k"), unknown, ContentHeader(), spec.Basic.Ack(9))
    assert (results, burst.returned) == ([False], False)


async def test_the_end_of_the_channel_ends_what_is_open() -> None:
    confirms = Confirms()
    burst, results = _burst("1", "2")
    confirms.expect(burst)
    _take(confirms, spec.Basic.Ack(1))
    confirms.end()
    await _ends(burst)
    assert results == [True, False]
    assert confirms.in_flight(burst) is None


async def test_a_burst_that_was_not_written_leaves_its_tags_to_the_next() -> None:
    confirms = Confirms()
    (lost, _), (burst, results) = _burst("1", "2"), _burst("1")
    confirms.expect(lost)
    confirms.take_back(lost)
    await _ends(lost)
    confirms.expect(burst)
    _take(confirms, spec.Basic.Ack(1))
    assert results == [True]


async def test_other_methods_are_left_to_the_library() -> None:
    assert _take(Confirms(), spec.Channel.CloseOk(), spec.Confirm.SelectOk()) == [False, False]


async def test_a_channel_stalls_while_nothing_overdue_is_settled() -> None:
    confirms = Confirms()
    stall = Stall(confirms)
    burst, _ = _burst("1", "2", "3")
    confirms.expect(burst)
    assert stall.seconds(100.0, blocked=False) == 0.0, "nothing is overdue"
    confirms.give_up(burst, None)
    assert [stall.seconds(moment, blocked=False) for moment in (200.0, 230.0)] == [0.0, 30.0]
    _take(confirms, spec.Basic.Ack(1))
    assert [stall.seconds(moment, blocked=False) for moment in (240.0, 250.0)] == [0.0, 10.0], "one came late"
    assert [stall.seconds(moment, blocked=True) for moment in (260.0, 300.0)] == [0.0, 0.0], "an alarm explains it"
    assert [stall.seconds(moment, blocked=False) for moment in (310.0, 370.0)] == [0.0, 60.0]
    confirms.end()
    assert stall.seconds(400.0, blocked=False) == 0.0
