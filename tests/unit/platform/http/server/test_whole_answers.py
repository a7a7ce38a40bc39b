"""An answer given in one piece is, byte for byte, the one that two messages give."""

import asyncio
from typing import Any

import pytest

from angarium.platform.http.server.protocol import WHOLE_ANSWER
from angarium.platform.settings.settings import ProcessSettings
from tests.unit.platform.http.server.test_server import serving

pytestmark = pytest.mark.slow

HEADERS = [(b"content-length", b"4"), (b"content-type", b"application/json"), (b"x-correlation-id", b"c-1")]
REQUESTS = (
    b"POST /%b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
    b"POST /%b HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
    b"POST /%b HTTP/1.0\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
    b"HEAD /%b HTTP/1.1\r\nhost: x\r\n\r\n",
    b"POST /%b HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}" * 3,
)


async def _app(scope: Any, receive: Any, send: Any) -> None:
    """`/whole` in one piece where that can be, anything else by messages."""
    await receive()
    headers = [*HEADERS, (b"x-bad", b"a\r\nb: c")] if scope["path"] == "/split" else HEADERS
    whole = scope["extensions"][WHOLE_ANSWER]
    if scope["path"] == "/message" or not whole(scope, 202, headers, b"body"):
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": b"body"})


async def _said(port: int, request: bytes) -> bytes:
    """Everything that comes back until the server closes or says no more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    said = b""
    while (part := await _part(reader)) is not None:
        said += part
    writer.close()
    await writer.wait_closed()
    return said


async def _part(reader: asyncio.StreamReader) -> bytes | None:
    try:
        return await asyncio.wait_for(reader.read(65536), 0.3) or None
    except TimeoutError:
        return None


@pytest.mark.parametrize("request_", REQUESTS)
async def test_both_forms_are_the_same_on_the_wire(request_: bytes) -> None:
    async with serving(_app, ProcessSettings()) as port:
        whole, messages = [await _said(port, request_.replace(b"%b", path)) for path in (b"whole", b"message")]
    assert _undated(whole) == _undated(messages)
    assert whole.startswith(b"HTTP/1.1 202")


async def test_without_fast_paths_no_app_is_offered_the_short_way() -> None:
    offered: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"  # no lifespan
        offered.append(WHOLE_ANSWER in scope.get("extensions", {}))
        await send({"type": "http.response.start", "status": 202, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"body"})

    for settings in (ProcessSettings(), ProcessSettings(fast_paths="off")):
        async with serving(app, settings) as port:
            await _said(port, REQUESTS[0].replace(b"%b", b"whole"))
    assert offered == [True, False]


async def test_a_header_with_a_line_break_is_not_sent() -> None:
    async with serving(_app, ProcessSettings()) as port:
        said = await _said(port, REQUESTS[0].replace(b"%b", b"split"))
    assert said.startswith(b"HTTP/1.1 500")
    assert b"b: c" not in said


async def test_a_client_that_has_left_breaks_nothing() -> None:
    asked, left = asyncio.Event(), asyncio.Event()
    ended: list[bool] = []

    async def late(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        asked.set()
        await left.wait()
        ended.append(scope["extensions"][WHOLE_ANSWER](scope, 202, HEADERS, b"body"))
        await send({"type": "http.response.start", "status": 202, "headers": HEADERS})
        await send({"type": "http.response.body", "body": b"body"})
        assert (await receive())["type"] == "http.disconnect"
        ended.append(True)

    async with serving(late, ProcessSettings()) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUESTS[0].replace(b"%b", b"whole"))
        await asked.wait()
        writer.close()
        await writer.wait_closed()
        await asyncio.sleep(0.1)
        left.set()
    assert ended == [False, True]


def _undated(answer: bytes) -> list[bytes]:
    return [line for line in answer.split(b"\r\n") if not line.startswith(b"date:")]
