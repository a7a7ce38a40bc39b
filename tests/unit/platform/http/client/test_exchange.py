"""A server is asked the same, whether it is in this process or behind a socket."""

import asyncio
from typing import Any

import httpx2
import msgspec
import pytest

from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.client.connection import Connections
from angarium.platform.http.client.exchange import ConnectionLost, Exchange, TransportExchange, network_transport
from angarium.platform.settings.settings import ProcessSettings
from tests.support.clock import ManualClock
from tests.unit.platform.http.server.test_server import serving

pytestmark = pytest.mark.slow


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers what it was asked."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    names = (b"content-length", b"content-type", b"x-a")
    seen = [scope["method"].encode(), scope["path"].encode(), scope["raw_path"], scope["query_string"], body]
    seen += [value for name, value in sorted(scope["headers"]) if name in names]
    answer = msgspec.json.encode([part.decode("latin-1") for part in seen])
    head = [(b"content-length", str(len(answer)).encode()), (b"x-b", b"1"), (b"x-b", b"2")]
    await send({"type": "http.response.start", "status": 404 if body == b"404" else 200, "headers": head})
    await send({"type": "http.response.body", "body": answer})


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("GET", b""),
        ("DELETE", b""),
        *((method, body) for method in ("POST", "PUT", "PATCH") for body in (b"", b"404", b"x" * 200_000)),
    ],
)
async def test_an_app_here_and_one_there_are_asked_the_same(method: str, body: bytes) -> None:
    asked = method, "/a%2Fb/c?x=%20&y=1", {"x-a": "1\xff", "content-type": "application/json"}, body
    inside = TransportExchange("http://users", httpx2.ASGITransport(app=echo))
    async with serving(echo, ProcessSettings()) as port:
        address = f"http://127.0.0.1:{port}"
        outside = Connections(address, tls=None, patience=2.0, clock=ManualClock())
        plain = TransportExchange(address, network_transport(None))
        here, there, plainly = [await exchange.ask(*asked) for exchange in (inside, outside, plain)]
        await outside.close()
        await plain.close()
    await inside.close()
    assert (here.status_code, here.json()) == (there.status_code, there.json())
    assert (plainly.status_code, plainly.json()) == (there.status_code, there.json())
    assert here.json()[:2] == [method, "/a/b/c"]
    assert here.headers["x-b"] == there.headers["x-b"] == "1, 2"
    assert here.is_success == (body != b"404")


async def test_without_fast_paths_a_client_uses_the_library() -> None:
    async with serving(echo, ProcessSettings()) as port:
        for fast_paths, kind in ((True, Connections), (False, TransportExchange)):
            client = ServiceClient(f"http://127.0.0.1:{port}", service_token=None, name="users", fast_paths=fast_paths)
            assert isinstance(client._exchange, kind)
            assert (await client.get("/x", tenant="t")).json()[:2] == ["GET", "/x"]
            await client.close()


@pytest.mark.parametrize("fast_paths", [True, False])
async def test_both_forms_refuse_the_same(fast_paths: bool) -> None:
    def exchange(port: int) -> Exchange:
        address = f"http://127.0.0.1:{port}"
        if fast_paths:
            return Connections(address, tls=None, patience=2.0, clock=ManualClock())
        return TransportExchange(address, network_transport(None))

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    listening = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    asking = exchange(port)
    with pytest.raises(ConnectionLost):
        await asking.ask("GET", "/x", {}, b"")
    with pytest.raises(ValueError, match="header"):
        await asking.ask("GET", "/x", {"a": "1\r\nb: 2"}, b"")
    listening.close()
    await listening.wait_closed()
    with pytest.raises(ConnectionError) as refused:
        await asking.ask("GET", "/x", {}, b"")
    assert not isinstance(refused.value, ConnectionLost)
    await asking.close()
