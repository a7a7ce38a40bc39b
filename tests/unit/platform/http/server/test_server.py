"""The server, on a real socket."""

import asyncio
import io
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvloop
from fastapi import FastAPI

from angarium.contracts.errors import AngariumError, SettingsError
from angarium.platform.http.client.client import ServiceClient, ServiceDown
from angarium.platform.http.server.server import bind, serve
from angarium.platform.http.server.tls import client_context
from angarium.platform.settings.settings import ProcessSettings
from angarium.platform.telemetry.logging import make_logger
from tests.support.certificates import make_certificates

pytestmark = pytest.mark.slow

Build = Callable[..., FastAPI]


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@asynccontextmanager
async def serving(
    app: Any, settings: ProcessSettings, stopping: Callable[[], None] | None = None
) -> AsyncIterator[int]:
    """The app on a free port; ends with the block."""
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    logger = make_logger("things", stream=io.StringIO())
    task = asyncio.create_task(
        serve(app, settings=settings, port=0, logger=logger, stop=stop, listening=port.set_result, stopping=stopping)
    )
    try:
        yield await asyncio.wait_for(port, 10)
    finally:
        stop.set()
        await asyncio.wait_for(task, 25)


async def test_it_serves_until_told_to_stop(build: Build) -> None:
    async with serving(build(), ProcessSettings()) as port, httpx2.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/health")
        assert answer.json()["status"] == "healthy"
        assert "server" not in answer.headers
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_an_answer_without_an_end_is_ended_when_the_server_stops() -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            begun.set()
            await end.wait()
            await send({"type": "http.response.body", "body": b"y"})

    async with httpx2.AsyncClient() as client:
        async with serving(app, ProcessSettings(), stopping=end.set) as port:
            asking = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
            await begun.wait()
            before = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - before < 10
        assert (await asking).text == "xy"


async def test_what_is_under_way_is_finished() -> None:
    entered, release = asyncio.Event(), asyncio.Event()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        entered.set()
        await release.wait()
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async with httpx2.AsyncClient() as client:
        async with serving(slow, ProcessSettings()) as port:
            request = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
            await entered.wait()
            asyncio.get_running_loop().call_later(0.3, release.set)
        assert (await request).text == "done"


async def test_a_large_body_is_answered_before_it_is_read(build: Build) -> None:
    async with serving(build(), ProcessSettings()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /api/v1/things HTTP/1.1\r\nhost: x\r\ncontent-length: 52428800\r\n\r\n")
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        await writer.wait_closed()
    assert b"413" in status


async def test_a_taken_port_is_one_line_that_names_it(build: Build) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        logger = make_logger("things", stream=io.StringIO())
        with pytest.raises(SettingsError, match=rf"^ANGARIUM_PORT: port {port} is already in use"):
            await serve(build(), settings=ProcessSettings(), port=port, logger=logger, stop=asyncio.Event())


async def test_a_foreign_host_is_one_line_that_names_it(build: Build) -> None:
    settings = ProcessSettings(host="nowhere.invalid")
    logger = make_logger("things", stream=io.StringIO())
    with pytest.raises(SettingsError, match=r"^ANGARIUM_HOST: "):
        await serve(build(), settings=settings, port=0, logger=logger, stop=asyncio.Event())


async def test_an_app_that_fails_to_start_is_an_error(build: Build) -> None:
    @asynccontextmanager
    async def failing(_: FastAPI) -> AsyncIterator[None]:
        message = "no"
        raise RuntimeError(message)
        yield

    logger = make_logger("things", stream=io.StringIO())
    app = build(lifespan=failing)
    with pytest.raises(AngariumError, match="did not start"):
        await serve(app, settings=ProcessSettings(), port=0, logger=logger, stop=asyncio.Event())


def tls_settings(folder: Path, *, mutual: bool) -> tuple[ProcessSettings, Path]:
    certificates = make_certificates(folder)
    authority = certificates.authority if mutual else None
    pem = folder / "server.pem"
    return ProcessSettings(tls_cert=pem, tls_key=pem, tls_client_ca=authority), certificates.authority


async def test_tls_serves_with_the_certificate(build: Build, tmp_path: Path) -> None:
    settings, authority = tls_settings(tmp_path, mutual=False)
    trust = ssl.create_default_context(cafile=authority)
    async with serving(build(), settings) as port:
        client = ServiceClient(f"https://127.0.0.1:{port}", service_token=None, name="things", tls=trust)
        assert (await client.get("/health", tenant="t")).status_code == 200
        await client.close()


async def test_mutual_tls_asks_for_a_certificate(build: Build, tmp_path: Path) -> None:
    settings, authority = tls_settings(tmp_path, mutual=True)
    async with serving(build(), settings) as port:
        known = ServiceClient(
            f"https://127.0.0.1:{port}", service_token=None, name="things", tls=client_context(settings)
        )
        assert (await known.get("/health", tenant="t")).status_code == 200
        await known.close()
        trust = ssl.create_default_context(cafile=authority)
        stranger = ServiceClient(f"https://127.0.0.1:{port}", service_token=None, name="things", tls=trust)
        with pytest.raises(ServiceDown):
            await stranger.get("/health", tenant="t")
        await stranger.close()


async def test_a_certificate_that_cannot_be_used_is_named(build: Build, tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("nothing")
    settings = ProcessSettings(tls_cert=tmp_path / "bad.pem", tls_key=tmp_path / "bad.pem")
    logger = make_logger("things", stream=io.StringIO())
    with pytest.raises(SettingsError, match=r"^ANGARIUM_TLS_CERT: "):
        await serve(build(), settings=settings, port=0, logger=logger, stop=asyncio.Event())


def test_connections_that_come_together_are_accepted_together() -> None:
    """uvloop accepts one connection for each handle in a turn: the last ones must not wait for hundreds of turns."""
    answers = uvloop.run(_answers_of_a_crowd(connections=400, until_one_has=20))
    assert len(answers) == 400
    assert min(answers.values()) >= 5


async def _answers_of_a_crowd(connections: int, until_one_has: int) -> Counter[int]:
    """How often each of the connections, all open before the server listens, is answered; each asks again at once."""

    async def quick(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    answers: Counter[int] = Counter()
    enough, stop = asyncio.Event(), asyncio.Event()

    async def talk(number: int, connection: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            while not enough.is_set():
                await reader.readuntil(b"\r\n\r\n")
                answers[number] += 1
                if answers[number] == until_one_has:
                    enough.set()
                writer.write(request)
        finally:
            writer.close()

    listener = bind("127.0.0.1", 0)
    listener.listen(connections)
    crowd = [socket.create_connection(listener.getsockname()) for _ in range(connections)]
    for connection in crowd:
        connection.sendall(request)
    talks = [asyncio.create_task(talk(number, connection)) for number, connection in enumerate(crowd)]
    logger = make_logger("things", stream=io.StringIO())
    serving = asyncio.create_task(
        serve(quick, settings=ProcessSettings(), port=0, logger=logger, stop=stop, listener=listener)
    )
    await asyncio.wait_for(enough.wait(), 30)
    counted = Counter(answers)
    for each in talks:
        each.cancel()
    await asyncio.gather(*talks, return_exceptions=True)
    stop.set()
    await serving
    return counted
