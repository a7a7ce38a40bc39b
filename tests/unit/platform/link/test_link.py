"""A link carries questions and messages both ways, and its end is seen at both ends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from io import StringIO

import pytest

from angarium.platform.link.link import Link, LinkClosed, Refused
from angarium.platform.telemetry.logging import make_logger
from tests.support.wait import until

Pair = tuple[Link, Link]


@pytest.fixture
def log() -> StringIO:
    return StringIO()


@pytest.fixture
async def pair(log: StringIO) -> AsyncIterator[Pair]:
    logger = make_logger("tests", format="json", stream=log)
    ours, theirs = socket.socketpair()
    async with AsyncExitStack() as stack:
        one, other = await Link.over(ours, logger), await Link.over(theirs, logger)
        stack.push_async_callback(one.close)
        stack.push_async_callback(other.close)
        yield one, other


async def _doubled(payload: bytes) -> bytes:
    await asyncio.sleep(0)
    return payload * 2


async def test_each_question_gets_its_own_answer(pair: Pair) -> None:
    one, other = pair
    other.answer("double", _doubled)
    asked = [b"%d" % number for number in range(300)]
    assert await asyncio.gather(*(one.ask("double", each) for each in asked)) == [each * 2 for each in asked]


async def test_both_ends_ask(pair: Pair) -> None:
    one, other = pair
    one.answer("double", _doubled)
    other.answer("double", _doubled)
    first, second = await asyncio.gather(one.ask("double", b"a"), other.ask("double", b"b"))
    assert (first, second) == (b"aa", b"bb")


@pytest.mark.parametrize("size", [0, 1, 70_000, 9_000_000])
async def test_a_payload_of_any_size_arrives_whole(pair: Pair, size: int) -> None:
    one, other = pair
    other.answer("double", _doubled)
    payload = bytes(place % 251 for place in range(1000)) * (size // 1000) + b"x" * (size % 1000)
    assert await one.ask("double", payload) == payload * 2


async def test_messages_arrive_in_order_before_the_answer_of_a_later_question(pair: Pair) -> None:
    one, other = pair
    received: list[bytes] = []
    other.receive("note", received.append)
    other.answer("double", _doubled)
    for number in range(100):
        one.tell("note", b"%d" % number)
    await one.ask("double")
    assert received == [b"%d" % number for number in range(100)]


async def test_an_error_is_raised_at_the_end_that_asked_and_the_link_lives_on(pair: Pair, log: StringIO) -> None:
    async def fail(_: bytes) -> bytes:
        raise ValueError("not this one")

    async def break_down(_: bytes) -> bytes:
        raise KeyError("a fault")

    one, other = pair
    other.answer("fail", fail)
    other.answer("break", break_down)
    other.answer("double", _doubled)
    with pytest.raises(Refused, match="not this one") as refused:
        await one.ask("fail")
    assert (refused.value.name, log.getvalue()) == ("ValueError", "")
    with pytest.raises(Refused, match="KeyError"):
        await one.ask("break")
    assert "link.failed" in log.getvalue()
    with pytest.raises(Refused, match="unknown"):
        await one.ask("unknown")
    assert await one.ask("double", b"a") == b"aa"


async def test_a_cancelled_question_leaves_the_others(pair: Pair) -> None:
    one, other = pair
    go = asyncio.Event()

    async def wait(_: bytes) -> bytes:
        await go.wait()
        return b"late"

    other.answer("wait", wait)
    other.answer("double", _doubled)
    asking = asyncio.ensure_future(one.ask("wait"))
    assert await one.ask("double", b"a") == b"aa"
    asking.cancel()
    go.set()
    assert await one.ask("double", b"b") == b"bb"


async def test_the_end_of_one_side_ends_questions_at_the_other(pair: Pair) -> None:
    one, other = pair
    begun, cancelled = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def wait(_: bytes) -> bytes:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return b""

    other.answer("wait", wait)
    one.at_end(lambda: ended.append("one"))
    asking = asyncio.ensure_future(one.ask("wait"))
    await begun.wait()
    await other.close()
    with pytest.raises(LinkClosed):
        await asyncio.wait_for(asking, 5)
    await asyncio.wait_for(cancelled.wait(), 5)
    await until(one.closed.is_set)
    assert ended == ["one"]
    with pytest.raises(LinkClosed):
        await one.ask("wait")
    one.tell("note")  # lost without an error


async def test_messages_sent_before_the_end_arrive(pair: Pair) -> None:
    one, other = pair
    received: list[bytes] = []
    other.receive("note", received.append)
    for _ in range(50):
        one.tell("note", b"x" * 20_000)
    await one.close()
    await asyncio.wait_for(other.closed.wait(), 5)
    assert len(received) == 50


async def test_questions_wait_while_the_other_end_does_not_read() -> None:
    logger = make_logger("tests", format="json", stream=StringIO())
    ours, theirs = socket.socketpair()
    link = await Link.over(ours, logger)
    link.tell("note", b"x" * 6_000_000)
    asking = asyncio.ensure_future(link.ask("double"))
    done, _ = await asyncio.wait({asking}, timeout=0.1)
    assert not done
    theirs.close()
    with pytest.raises(LinkClosed):
        await asyncio.wait_for(asking, 5)
