"""Connections to a server on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from angarium.platform.http.client import connection
from angarium.platform.http.client.client import ServiceClient, ServiceDown
from angarium.platform.http.client.connection import Connections
from angarium.platform.http.client.exchange import ConnectionLost
from tests.support.clock import ManualClock
from tests.support.wait import until

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """Answers each request that has no body with `answer`; an empty one closes the connection instead."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[bytes] = []
        self.connections: list[asyncio.StreamWriter] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.open = self.most = 0
        self.answer = ANSWER
        self.gate = asyncio.Event()
        self.gate.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        self.tasks += [task for task in [asyncio.current_task()] if task is not None]
        self.open += 1
        self.most = max(self.most, self.open)
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                await self.gate.wait()
                if not self.answer:
                    return
                writer.write(self.answer)
        except (asyncio.IncompleteReadError, OSError):
            return
        finally:
            self.open -= 1
            writer.close()

    def hang_up(self) -> None:
        for writer in self.connections:
            writer.close()

    async def end(self) -> None:
        self.gate.set()
        self.hang_up()
        if self.tasks:
            await asyncio.wait(self.tasks)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    scripted = Server()
    listening = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.port = listening.sockets[0].getsockname()[1]
    yield scripted
    listening.close()
    await scripted.end()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def exchange(server: Server, clock: ManualClock) -> AsyncIterator[Connections]:
    opened = Connections(f"http://127.0.0.1:{server.port}/base/", tls=None, patience=2.0, clock=clock)
    yield opened
    await opened.close()


async def ask(exchange: Connections, **headers: str) -> bytes:
    return (await exchange.ask("GET", "/users?page=2", headers, b"")).content


async def test_a_request_says_what_it_must_and_no_more(exchange: Connections, server: Server) -> None:
    await ask(exchange, a="1", b="é")
    await exchange.ask("POST", "/x", {}, b"")
    host = f"host: 127.0.0.1:{server.port}"
    assert server.requests == [
        f"GET /base/users?page=2 HTTP/1.1\r\n{host}\r\na: 1\r\nb: é\r\n\r\n".encode("latin-1"),
        f"POST /base/x HTTP/1.1\r\n{host}\r\ncontent-length: 0\r\n\r\n".encode(),
    ]


async def test_a_connection_is_used_again_for_half_a_minute(
    exchange: Connections, server: Server, clock: ManualClock
) -> None:
    for _ in range(3):
        assert await ask(exchange) == b"ok"
        await clock.advance(29)
    assert len(server.connections) == 1
    await clock.advance(1)
    await ask(exchange)
    assert len(server.connections) == 2


async def test_a_connection_that_the_server_ended_is_not_used_again(exchange: Connections, server: Server) -> None:
    await ask(exchange)
    server.hang_up()
    await until(lambda: not exchange._idle[0][1].free)
    assert await ask(exchange) == b"ok"
    assert len(server.connections) == 2


@pytest.mark.parametrize("kept", [1, 3])
async def test_no_more_connections_than_allowed_and_the_rest_waits(
    server: Server, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr(connection, "AT_ONCE", 3)
    monkeypatch.setattr(connection, "KEPT", kept)
    exchange = Connections(f"http://127.0.0.1:{server.port}", tls=None, patience=2.0, clock=clock)
    server.gate.clear()
    asking = [asyncio.create_task(ask(exchange)) for _ in range(10)]
    await until(lambda: len(server.requests) == 3)
    server.gate.set()
    assert await asyncio.gather(*asking) == [b"ok"] * 10
    assert server.most == 3
    assert len(exchange._idle) == kept
    await exchange.close()


async def test_who_is_cancelled_leaves_no_answer_to_the_next(exchange: Connections, server: Server) -> None:
    for turns in range(10):
        task = asyncio.create_task(ask(exchange))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        server.answer = ANSWER.replace(b"ok", b"%2d" % turns)
        assert await ask(exchange) == b"%2d" % turns


async def test_a_line_break_in_a_header_sends_nothing(exchange: Connections, server: Server) -> None:
    for value in ("1\r\nx-service-token: t", "1\nb: 2", "1\rb"):
        with pytest.raises(ValueError, match="line break"):
            await ask(exchange, a=value)
    assert server.requests == []


async def test_a_server_that_hangs_up_was_perhaps_reached(exchange: Connections, server: Server) -> None:
    server.answer = b""
    with pytest.raises(ConnectionLost):
        await ask(exchange)


async def test_a_client_asks_once_more_only_where_that_changes_nothing(server: Server) -> None:
    client = ServiceClient(f"http://127.0.0.1:{server.port}", service_token=None, name="users")
    server.answer = b""
    for call, times in ((client.get("/x", tenant="t"), 2), (client.post("/x", tenant="t", content=b""), 1)):
        server.requests.clear()
        with pytest.raises(ServiceDown, match="ConnectionLost"):
            await call
        assert len(server.requests) == times
    await client.close()


async def test_a_path_that_is_not_encoded_becomes_no_second_request(server: Server) -> None:
    client = ServiceClient(f"http://127.0.0.1:{server.port}", service_token=None, name="users")
    await client.get("/a b\r\nx: 1/é?q=%20#f", tenant="t")
    assert server.requests[0].startswith(b"GET /a%20b%0D%0Ax:%201/%C3%A9?q=%20%23f HTTP/1.1\r\n")
    await client.close()


@pytest.mark.parametrize("silent", [False, True])
async def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    server: Server, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, *, silent: bool
) -> None:
    exchange = Connections(f"http://users:{server.port}", tls=None, patience=0.1, clock=clock)
    connect_to = exchange._connect_to
    tried: list[str] = []

    async def addresses(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, server.port)) for address in ("a", "127.0.0.1")]

    async def connecting(address: str) -> Any:
        tried.append(address)
        if address == "a":
            if silent:
                await asyncio.Event().wait()
            raise ConnectionRefusedError
        return await connect_to(address)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", addresses)
    monkeypatch.setattr(exchange, "_connect_to", connecting)
    assert await ask(exchange) == b"ok"
    assert tried == ["a", "127.0.0.1"]
    await exchange.close()


async def test_a_refused_connection_is_not_a_lost_connection(clock: ManualClock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        exchange = Connections(f"http://127.0.0.1:{taken.getsockname()[1]}", tls=None, patience=2.0, clock=clock)
        with pytest.raises(ConnectionRefusedError):
            await ask(exchange)
    await exchange.close()


async def test_closing_twice_is_closing_and_what_is_under_way_is_not_kept(
    exchange: Connections, server: Server
) -> None:
    server.gate.clear()
    late = asyncio.create_task(ask(exchange))
    await until(lambda: server.requests)
    await exchange.close()
    await exchange.close()
    server.gate.set()
    assert await late == b"ok"
    assert exchange._idle == []
