"""One connection of the client: what comes is an answer, exactly, or the connection is not used again."""

import asyncio
from itertools import pairwise
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.platform.http.client.connection import Connection
from angarium.platform.http.client.exchange import Answer, ConnectionLost

GET = b"GET / HTTP/1.1\r\nhost: users\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


class Wire:
    """A connection over a transport that only remembers."""

    def __init__(self) -> None:
        self.transport = Mock(spec=asyncio.Transport)
        self.transport.is_closing.side_effect = lambda: self.transport.abort.called
        self.transport.get_write_buffer_size.return_value = 0
        self.connection = Connection()
        self.connection.connection_made(self.transport)

    def ask(self, *, without_body: bool = False) -> asyncio.Future[Answer]:
        return self.connection.ask(GET, without_body=without_body)

    def hear(self, data: bytes) -> None:
        self.connection.data_received(data)


@pytest.fixture
async def wire() -> Wire:
    return Wire()


async def test_an_answer_is_given_whole_and_the_connection_used_again(wire: Wire) -> None:
    for _ in range(2):
        assert wire.connection.free
        answer = wire.ask()
        assert not wire.connection.free
        wire.hear(PLAIN)
        assert await answer == Answer(200, {"content-length": "5", "x-a": "1, 2"}, b"hello")
    wire.transport.write.assert_called_with(GET)
    assert wire.connection.free


@given(st.sampled_from([PLAIN, CHUNKED]), st.lists(st.integers(0, 120), max_size=20))
async def test_an_answer_is_the_same_in_whatever_pieces_it_comes(whole: bytes, cuts: list[int]) -> None:
    wire = Wire()
    answer = wire.ask()
    places = [0, *sorted(cuts), len(whole)]
    for start, end in pairwise(places):
        wire.hear(whole[start:end])
    assert (await answer).content == b"hello"
    assert wire.connection.free


@pytest.mark.parametrize(
    "head",
    [b"204 No Content\r\n", b"304 Not Modified\r\ncontent-length: 5\r\n", b"200 OK\r\ncontent-length: 0\r\n"],
)
async def test_an_answer_may_have_no_body(wire: Wire, head: bytes) -> None:
    answer = wire.ask()
    wire.hear(b"HTTP/1.1 " + head + b"\r\n")
    assert (await answer).content == b""
    assert wire.connection.free


async def test_what_comes_before_the_answer_is_passed_over(wire: Wire) -> None:
    answer = wire.ask()
    wire.hear(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + PLAIN)
    assert "link" not in (await answer).headers
    assert wire.connection.free


@pytest.mark.parametrize("end", ["eof", "lost"])
async def test_without_a_length_the_body_ends_with_the_connection_if_it_ends_well(wire: Wire, end: str) -> None:
    answer = wire.ask()
    wire.hear(b"HTTP/1.1 200 OK\r\n\r\nhel")
    wire.hear(b"lo")
    if end == "eof":
        wire.connection.eof_received()
        assert (await answer).content == b"hello"
    else:
        wire.connection.connection_lost(OSError("reset"))
        with pytest.raises(ConnectionLost, match="reset"):
            await answer
    assert not wire.connection.free


@pytest.mark.parametrize("part", [b"", PLAIN[:20], PLAIN[:-1], CHUNKED[:-3]])
async def test_half_an_answer_is_none(wire: Wire, part: bytes) -> None:
    answer = wire.ask()
    wire.hear(part)
    wire.connection.eof_received()
    wire.connection.connection_lost(None)
    with pytest.raises(ConnectionLost):
        await answer


@pytest.mark.parametrize(
    "garbage", [b"<html>", b"HTTP/1.1 two OK\r\n\r\n", PLAIN.replace(b"5", b"-5"), b"HTTP/1.1 101 Switching\r\n\r\n"]
)
async def test_what_is_no_answer_ends_the_connection(wire: Wire, garbage: bytes) -> None:
    answer = wire.ask()
    wire.hear(garbage)
    if garbage.startswith(b"HTTP/1.1 101"):
        wire.connection.connection_lost(None)
    with pytest.raises(ConnectionLost):
        await answer
    assert not wire.connection.free


@pytest.mark.parametrize("more", [PLAIN, b"x", b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"])
async def test_unsolicited_bytes_end_the_connection(wire: Wire, more: bytes) -> None:
    answer = wire.ask()
    wire.hear(PLAIN + more)
    assert (await answer).content == b"hello"
    assert not wire.connection.free
    idle = Wire()
    idle.hear(more)
    assert not idle.connection.free


async def test_a_server_that_ends_with_its_answer_is_asked_elsewhere(wire: Wire) -> None:
    answer = wire.ask()
    wire.hear(PLAIN.replace(b"X-A: 1", b"Connection: close"))
    assert (await answer).content == b"hello"
    assert not wire.connection.free


async def test_an_answer_to_a_request_that_is_still_being_sent_is_the_last(wire: Wire) -> None:
    answer = wire.ask()
    wire.transport.get_write_buffer_size.return_value = 10
    wire.hear(PLAIN)
    assert (await answer).content == b"hello"
    assert not wire.connection.free


async def test_the_answer_to_a_head_ends_with_its_head(wire: Wire) -> None:
    answer = wire.ask(without_body=True)
    wire.hear(PLAIN[: -len(b"hello")])
    assert (await answer).headers["content-length"] == "5"
    assert not wire.connection.free


async def test_who_gave_up_gets_no_answer_and_neither_does_the_next(wire: Wire) -> None:
    answer = wire.ask()
    answer.cancel()
    assert not wire.connection.free
    wire.hear(PLAIN)
    wire.connection.close()
    with pytest.raises(ConnectionLost):
        await wire.ask()
