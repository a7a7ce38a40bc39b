"""Clients that send too much, too slowly or nothing that is HTTP: refused at once, at no cost to others."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import httpx2
import pytest

from angarium.platform.http.server.protocol import Patience
from angarium.platform.http.server.server import serve
from angarium.platform.settings.settings import ProcessSettings
from angarium.testing.smtp.sink import SmtpSink
from tests.security.raw import Client, connected, memory
from tests.support.mailbox_gateway import quiet_logger
from tests.support.system import EmbeddedSystem, running

SECONDS = 1.0
"""Until a refusal is there."""
MEGABYTES = 40
"""By which the process may grow over all of it."""
PATH = "/api/v1/notifications"
PIECE = b"x" * 65_536
SHORT = Patience(head=0.3, body=0.6, head_bytes=65_536)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSystem]:
    with SmtpSink() as sink, running(EmbeddedSystem(tmp_path_factory.mktemp("front"), sink=sink)) as system:
        yield system


def head(system: EmbeddedSystem, *more: str) -> bytes:
    lines = (f"POST {PATH} HTTP/1.1", "host: x", f"x-api-key: {system.key}", "content-type: application/json", *more)
    return "\r\n".join((*lines, "", "")).encode()


BODIES = {
    "deep": (b"[" * 100_000 + b"]" * 100_000, {}, 400),
    "deep objects": (b'{"a":' * 40_000 + b"1" + b"}" * 40_000, {}, 400),
    "gzip bomb": (gzip.compress(b"x" * 50_000_000), {"content-encoding": "gzip"}, 415),
    "deflate": (b"x", {"content-encoding": "deflate, gzip"}, 415),
    "many fields": (json.dumps({f"f{i}": 1 for i in range(20_000)}).encode(), {}, 400),
    "huge number": (b'{"priority": ' + b"9" * 200_000 + b"}", {}, 400),
    "no JSON": (b"\xff\xfe" * 1000, {}, 400),
    "too large": (b" " * 300_000, {}, 413),
    "another type": (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415),
    "XML": (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", {"content-type": "application/xml"}, 415),
}


@pytest.mark.fault(37)
async def test_a_hostile_body_is_refused_at_once_and_memory_stays_flat(system: EmbeddedSystem) -> None:
    before = memory(system)
    async with system.connected():
        for name, (body, headers, status) in BODIES.items():
            for path in (PATH, f"{PATH}/bulk" if status != 413 else PATH):
                started = monotonic()
                answer = await system.client.post(
                    path, content=body, headers={"content-type": "application/json"} | headers
                )
                assert (answer.status_code, answer.json()["success"]) == (status, False), name
                assert len(answer.content) < 16_384, name
                assert monotonic() - started < SECONDS, name
    assert memory(system) - before < MEGABYTES


@pytest.mark.fault(37)
async def test_fifty_megabytes_are_refused_however_they_are_announced(system: EmbeddedSystem) -> None:
    before = memory(system)
    for framing, piece in (
        ("content-length: 52428800", PIECE),
        ("transfer-encoding: chunked", b"%x\r\n%s\r\n" % (len(PIECE), PIECE)),
    ):
        async with connected(system.ports["angarium"]) as client:
            await client.write(head(system, framing))
            started = monotonic()
            flood = asyncio.create_task(client.flood(piece, 50))
            status, body = await client.answer(10)
            assert (status, body["error"]["code"]) == (413, "payload_too_large")
            assert monotonic() - started < SECONDS
            await flood
    assert memory(system) - before < MEGABYTES


@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\nx-long: ",
        b"GET /",
        b"GET / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1;a=",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nx-trailer: ",
    ],
    ids=["header", "target", "headers", "chunk extension", "trailer"],
)
async def test_a_head_without_an_end_is_refused(system: EmbeddedSystem, start: bytes) -> None:
    before, started = memory(system), monotonic()
    piece = PIECE if not start.endswith(b"1.1\r\n") else b"a: b\r\n" * 10_000
    async with connected(system.ports["angarium"]) as client:
        await client.write(start)
        await client.flood(piece, 30)
        said = await client.closed()
    assert monotonic() - started < SECONDS
    assert said == b"" or said.split(b" ", 2)[1] in {b"400", b"404", b"405", b"413", b"431"}
    assert memory(system) - before < MEGABYTES


async def test_a_long_head_that_ends_is_refused_in_an_envelope(system: EmbeddedSystem) -> None:
    for line in (f"x-long: {'x' * 70_000}", "\r\n".join(f"x-{i}: {'x' * 90}" for i in range(900))):
        async with connected(system.ports["angarium"]) as client:
            await client.write(head(system, line, "content-length: 2") + b"{}")
            status, body = await client.answer(SECONDS)
            assert (status, body["error"]["code"]) == (431, "payload_too_large")


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nx y: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\n folded: 1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n-1\r\n",
        b"CONNECT inside:5432 HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=["TLS", "two lengths", "negative", "blank in a name", "folded", "negative chunk", "CONNECT"],
)
async def test_what_is_no_good_http_is_refused_in_an_envelope(system: EmbeddedSystem, bytes_sent: bytes) -> None:
    async with connected(system.ports["angarium"]) as client:
        await client.write(bytes_sent)
        status, body = await client.answer(SECONDS)
        assert (status, body["error"]["code"]) == (400, "validation_error")


INSIDE = [
    "/internal/v1/contacts",
    "/internal/v1/contacts/",
    "//internal/v1/contacts",
    "/internal//v1/contacts",
    "/internal%2fv1/contacts",
    "/%69nternal/v1/contacts",
    "/INTERNAL/v1/contacts",
    "/internal/v1/contacts;a=b",
    "/users/../internal/v1/contacts",
    "/users/..%2finternal/v1/contacts",
    "/api/v1/users/../internal/v1/contacts",
    "/api/v1/users/./../internal/v1/contacts",
    "/api/v1/users/%2e%2e/internal/v1/contacts",
    "/api/v1/users/.%2e/internal/v1/contacts",
    "/api/v1/users/%2e%2e%2finternal%2fv1%2fcontacts",
    "/api/v1/users/%252e%252e/internal/v1/contacts",
    "/api/v1/users/%c0%ae%c0%ae/internal/v1/contacts",
    "/api/v1/users/..;/internal/v1/contacts",
    "/api/v1/users//internal/v1/contacts",
    "/api/v1/users/%5c..%5cinternal%5cv1%5ccontacts",
    "/api/v1/users\\..\\internal\\v1\\contacts",
    "/api/v1/users%2f..%2finternal/v1/contacts",
    "/%61pi/v1/users/%2e%2e/internal/v1/contacts",
    "/api/v1/users/@users/internal/v1/contacts",
    "/api/v1/users/%0d%0ax-service-token:%20x/../internal/v1/contacts",
    "http://users/internal/v1/contacts",
    "/mailbox/assets/..%2f..%2fpage.py",
    "/mailbox/assets/%2e%2e/%2e%2e/page.py",
    "/docs/..%2f..%2fapp.py",
    "/%2e%2e/%2e%2e/etc/passwd",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_no_spelling_of_a_path_leads_inside(system: EmbeddedSystem, method: str) -> None:
    """Written to the wire as it is: URL libraries would tidy it."""
    body = b'{"user_ids": []}'
    for path in INSIDE:
        async with connected(system.ports["angarium"]) as client:
            lines = (f"{method} {path} HTTP/1.1", "host: localhost", f"x-api-key: {system.key}")
            more = ("content-type: application/json", f"content-length: {len(body)}")
            await client.write("\r\n".join((*lines, *more, "", "")).encode() + body)
            status, answer = await client.answer(SECONDS)
        assert status in {400, 403, 404, 405}, path
        assert answer["data"] is None, path


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server of little patience whose app reads a body and answers with the names of the headers."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            if not message["more_body"]:
                break
        body = json.dumps({"headers": [name.decode() for name, _ in scope["headers"]]}).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = serve(
        app,
        settings=ProcessSettings(),
        port=0,
        logger=quiet_logger(),
        stop=stop,
        listening=port.set_result,
        patience=SHORT,
    )
    task = asyncio.create_task(serving)
    try:
        yield await asyncio.wait_for(port, 10)
    finally:
        stop.set()
        await asyncio.wait_for(task, 25)


async def trickle(client: Client, start: bytes, piece: bytes) -> tuple[int, dict[str, Any]]:
    """Send a little again and again, always sooner than any pause would be noticed; the answer."""
    await client.write(start)
    answer = asyncio.create_task(client.answer())
    while not answer.done():
        await client.write(piece)
        await asyncio.wait([answer], timeout=0.05)
    return answer.result()


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\n", b"a: b\r\n"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n", b"x"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HT", b""),
    ],
    ids=["head", "body", "chunks", "second request"],
)
async def test_who_trickles_is_sent_away(start: bytes, piece: bytes) -> None:
    async with echo() as port, connected(port) as client:
        first = await trickle(client, start, piece)
        status, body = first if first[0] != 200 else await client.answer()
        assert (status, body["error"]["code"]) == (408, "validation_error")
        assert await client.closed() == b""


async def test_each_request_of_a_pipeline_has_its_own_time() -> None:
    request = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n0123456789"
    for cut in (20, len(request) - 5):
        async with echo() as port, connected(port) as client:
            begun = monotonic()
            await client.write(request[:cut])
            while monotonic() - begun < 2 * max(SHORT.head, SHORT.body):
                await client.write(request[cut:] + request[:cut])
                assert (await client.answer())[0] == 200
                await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.05)


async def test_who_says_nothing_is_sent_away_and_who_asked_may_stay() -> None:
    async with echo() as port, connected(port) as silent, connected(port) as asking:
        await asking.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await asking.answer())[0] == 200
        assert await silent.closed() == b""
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=SHORT.head)
        await asking.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await asking.answer())[0] == 200


async def test_many_slow_bodies_do_not_delay_other_requests(system: EmbeddedSystem) -> None:
    async with system.connected() as asking, asyncio.TaskGroup() as tasks:
        slow = [tasks.create_task(asyncio.open_connection("127.0.0.1", system.ports["angarium"])) for _ in range(200)]
        connections = [await task for task in slow]
        for _, writer in connections:
            writer.write(head(system, "content-length: 1000") + b"{")
        for _ in range(5):
            started = monotonic()
            answer = await asking.client.get(PATH, params={"limit": 1})
            assert answer.status_code == httpx2.codes.OK
            assert monotonic() - started < SECONDS
        for _, writer in connections:
            writer.close()


async def test_a_trailer_is_no_header() -> None:
    async with echo() as port, connected(port) as client:
        await client.write(
            b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
            b"1\r\nx\r\n0\r\nx-service-token: stolen\r\n\r\n"
        )
        status, body = await client.answer()
        assert (status, body["headers"]) == (200, ["host", "transfer-encoding"])
