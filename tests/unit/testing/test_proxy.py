"""The proxy commits the faults it promises, and no others."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from angarium.testing.proxy import Proxy
from tests.support.wait import until

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def proxy(echo: int) -> AsyncIterator[Proxy]:
    async with Proxy("127.0.0.1", echo) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    yield reader, writer
    writer.transport.abort()


async def _echoed(client: Connection, data: bytes) -> bytes:
    reader, writer = client
    writer.write(data)
    return await reader.readexactly(len(data))


async def test_without_a_fault_it_forwards_both_ways_and_the_end(client: Connection) -> None:
    assert await _echoed(client, b"x" * 200_000) == b"x" * 200_000
    client[1].write_eof()
    assert await client[0].read() == b""


async def test_latency_delays_each_direction(proxy: Proxy, client: Connection) -> None:
    proxy.latency = 0.1
    began = time.monotonic()
    await _echoed(client, b"hello")
    assert 0.2 <= time.monotonic() - began < 2


async def test_slices_lose_nothing(proxy: Proxy, client: Connection) -> None:
    proxy.slice_size = 3
    assert await _echoed(client, b"0123456789") == b"0123456789"


async def test_a_cut_resets_the_connection_and_welcomes_the_next(proxy: Proxy, client: Connection) -> None:
    await _echoed(client, b"a")
    await proxy.cut()
    with pytest.raises(ConnectionResetError):
        await client[0].readexactly(1)
    next_client = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await _echoed(next_client, b"b") == b"b"
    next_client[1].transport.abort()


async def test_a_black_hole_holds_what_comes_until_it_is_restored(proxy: Proxy, client: Connection) -> None:
    proxy.black_hole()
    client[1].write(b"later")
    answer = asyncio.create_task(client[0].readexactly(5))
    done, _ = await asyncio.wait({answer}, timeout=0.2)
    assert not done
    proxy.restore()
    assert await answer == b"later"


async def test_it_cuts_after_so_many_bytes_and_only_once(proxy: Proxy, client: Connection) -> None:
    proxy.cut_after(4)
    client[1].write(b"123456")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client[0].readexactly(6)
    next_client = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await _echoed(next_client, b"123456") == b"123456"
    next_client[1].transport.abort()


async def test_it_refuses_and_accepts_again_on_the_same_port(proxy: Proxy, client: Connection) -> None:
    await _echoed(client, b"a")
    await proxy.refuse()
    await until(lambda: proxy.connections == 0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.port)
    await proxy.accept()
    next_client = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await _echoed(next_client, b"b") == b"b"
    next_client[1].transport.abort()


def test_a_url_is_led_through_it_with_its_credentials() -> None:
    proxy = Proxy("127.0.0.1", 5672)
    proxy.port = 1
    assert proxy.through("amqp://guest:guest@127.0.0.1:5672/v") == "amqp://guest:guest@127.0.0.1:1/v"
    assert proxy.through("redis://127.0.0.1:6379/0") == "redis://127.0.0.1:1/0"
