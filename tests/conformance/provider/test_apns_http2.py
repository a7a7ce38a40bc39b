"""APNs over real HTTP/2 with TLS: one connection for many pushes, one token, streams and connections that end early."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from angarium.channels.push.provider import PushProvider
from angarium.channels.push.providers.apns import api as apns
from angarium.channels.push.providers.apns.token import LIFE, SHORTEST_LIFE
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Ambiguous, Configuration, Permanent, Retry, Sent
from angarium.delivery.provider import Outbound
from angarium.platform.clock import Clock, SystemClock
from angarium.platform.http.api.http2 import Http2Client
from angarium.platform.settings.values import ProviderUrl
from angarium.rendering.content import PushContent
from angarium.testing.providers import outbound
from tests.support.certificates import make_certificates
from tests.support.clock import ManualClock
from tests.support.mailbox_gateway import quiet_logger
from tests.support.phone_apis import DEVICES, apns_request, device, keys, url_of
from tests.support.servers.ports import free_port

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its headers, body, protocol and the client's port, which names the connection."""

    headers: dict[str, str]
    body: bytes
    version: str
    connection: int


@dataclass
class Apple:
    """The service as an ASGI app. `answers` are taken in turn, then every request is checked and accepted."""

    port: int
    authority: Path
    answers: list[tuple[int, str]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    gate: asyncio.Event | None = None
    failures: list[AssertionError] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(Asked(headers, body, scope["http_version"], scope["client"][1]))
        if self.gate is not None:
            await self.gate.wait()
        status, reason = self.answers.pop(0) if self.answers else self._checked(scope, headers, body)
        answer = json.dumps({"reason": reason}).encode() if reason else b""
        named = [(b"apns-id", headers["apns-id"].encode())]
        await send({"type": "http.response.start", "status": status, "headers": named})
        await send({"type": "http.response.body", "body": answer})

    def _checked(self, scope: dict[str, Any], headers: dict[str, str], body: bytes) -> tuple[int, str]:
        try:
            apns_request(scope["method"], scope["path"], headers, body)
        except AssertionError as failure:
            self.failures.append(failure)
            return 500, "InternalServerError"
        return 200, ""

    @property
    def tokens(self) -> list[str]:
        return [one.headers["authorization"] for one in self.asked]


@asynccontextmanager
async def apple(folder: Path) -> AsyncIterator[Apple]:
    certificates = make_certificates(folder)
    service = Apple(free_port(), certificates.authority)
    config = Config()
    config.bind = [f"127.0.0.1:{service.port}"]
    config.certfile = config.keyfile = str(folder / "server.pem")
    config.alpn_protocols = ["h2"]
    config.graceful_timeout = 0.1
    config.accesslog = config.errorlog = None
    stop, listening = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(service, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]  # ASGI
    try:
        await _listens(service.port, listening)
        yield service
    finally:
        stop.set()
        if service.gate is not None:
            service.gate.set()
        await serving
    if service.failures:
        raise service.failures[0]


async def _listens(port: int, listening: asyncio.Event) -> None:
    while not listening.is_set():
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            listening.set()


@asynccontextmanager
async def connected(
    service: Apple, folder: Path, *, clock: Clock | None = None, seconds: float = 60, trusted: bool = True
) -> AsyncIterator[PushProvider]:
    """The provider, over a client that trusts the test's authority."""
    keys().write(folder, "https://oauth2.googleapis.com")
    clock = clock or SystemClock()
    url = url_of("apns", folder, f"https://127.0.0.1:{service.port}")
    context = ssl.create_default_context(cafile=service.authority if trusted else None)
    client = Http2Client(tls=lambda: context, seconds=seconds)
    api = apns.from_url(ProviderUrl.parse(url), clock=clock)
    provider = PushProvider(api, client, clock=clock, logger=quiet_logger())
    try:
        yield provider
    finally:
        await provider.close()
        await client.close()


def push() -> Outbound:
    return outbound(Channel.PUSH, address=device("apns"), content=PushContent("Hello", "Grüße"))


async def test_many_pushes_share_one_connection_and_one_token(tmp_path: Path) -> None:
    async with apple(tmp_path) as service, connected(service, tmp_path) as provider:
        assert isinstance(await provider.send(push()), Sent)
        outcomes = await asyncio.gather(*(provider.send(push()) for _ in range(200)))
    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert {one.version for one in service.asked} == {"2"}
    assert len({one.connection for one in service.asked}) == 1
    assert len(set(service.tokens)) == 1
    assert len({one.headers["apns-id"] for one in service.asked}) == 201


async def test_a_device_that_is_gone_is_suppressed(tmp_path: Path) -> None:
    async with apple(tmp_path) as service, connected(service, tmp_path) as provider:
        service.answers = [(410, "Unregistered"), (400, "BadDeviceToken")]
        assert await provider.send(push()) == Permanent("410 Unregistered", suppress=True)
        assert await provider.send(push()) == Permanent("400 BadDeviceToken", suppress=True)
        assert isinstance(await provider.send(push()), Sent)


async def test_a_token_that_ran_out_is_renewed_once_for_all(tmp_path: Path) -> None:
    clock = ManualClock()
    async with apple(tmp_path) as service, connected(service, tmp_path, clock=clock) as provider:
        await provider.send(push())
        await clock.advance(SHORTEST_LIFE)
        service.answers = [(403, "ExpiredProviderToken")] * 10
        outcomes = await asyncio.gather(*(provider.send(push()) for _ in range(10)))
        assert all(isinstance(outcome, Sent) for outcome in outcomes)
        assert len(set(service.tokens)) == 2, "Apple refuses those who make a token more often than every 20 minutes"
        service.answers = [(403, "ExpiredProviderToken")] * 2
        assert await provider.send(push()) == Configuration("403 ExpiredProviderToken"), "this machine's clock is wrong"
        assert len(set(service.tokens)) == 2


async def test_a_token_is_exchanged_before_it_runs_out(tmp_path: Path) -> None:
    clock = ManualClock()
    async with apple(tmp_path) as service, connected(service, tmp_path, clock=clock) as provider:
        for seconds in (LIFE - 1, 1, LIFE - 1):
            await provider.send(push())
            await clock.advance(seconds)
        await provider.send(push())
    first, second, third, fourth = service.tokens
    assert first == second
    assert second != third
    assert third == fourth


async def test_no_answer_in_time_is_ambiguous_and_the_connection_goes_on(tmp_path: Path) -> None:
    async with apple(tmp_path) as service, connected(service, tmp_path, seconds=0.3) as provider:
        service.gate = asyncio.Event()
        assert isinstance(await provider.send(push()), Ambiguous)
        service.gate.set()
        service.gate = None
        assert isinstance(await provider.send(push()), Sent)


async def test_a_server_that_is_gone_is_a_fault_of_the_provider_and_comes_back(tmp_path: Path) -> None:
    async with apple(tmp_path) as service:
        pass
    async with connected(service, tmp_path) as provider:
        outcome = await provider.send(push())
        assert isinstance(outcome, Retry)
        assert outcome.provider_fault


async def test_a_certificate_that_is_not_trusted_sends_nothing(tmp_path: Path) -> None:
    async with apple(tmp_path) as service, connected(service, tmp_path, trusted=False) as provider:
        outcome = await provider.send(push())
    assert isinstance(outcome, Configuration)
    assert "certificate" in outcome.answer
    assert service.asked == []


@pytest.mark.parametrize("token", ["", "xyz", "0f" * 300, "../../x", "0f" * 16 + "\r\nx: y"])
async def test_a_device_token_cannot_change_the_path(token: str, tmp_path: Path) -> None:
    async with apple(tmp_path) as service, connected(service, tmp_path) as provider:
        message = outbound(Channel.PUSH, to=token)
        outcome = await provider.send(message)
        assert isinstance(outcome, Permanent)
        assert outcome.code == "invalid_address"
    assert service.asked == []
    assert DEVICES["apns"] != token
