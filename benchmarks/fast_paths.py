"""Measures what each fast path saves compared with its plain form. Both do the same work alternately in one process.

Run it with `.venv/bin/python -m benchmarks.fast_paths`. The figures are the minimum of the rounds, in microseconds per
notification: CPU time of this process, or elapsed time for PostgreSQL. Copy them manually to docs/fast-paths.md.
"""

import asyncio
import io
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, cast
from uuid import UUID, uuid4

import httpx2
import uvicorn
import uvloop
from fastapi import APIRouter, Depends
from starlette.responses import Response
from uvicorn.server import ServerState

from angarium.channels.email.library import build_with_library
from angarium.channels.email.message import Sender, build_message
from angarium.contracts.addresses import email_address, email_address_in_full
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.scopes import Scope
from angarium.contracts.statuses import Channel, Status
from angarium.embedded.composition import EmbeddedSettings, open_embedded
from angarium.notifications.model import Event, NewNotification, Result
from angarium.notifications.store.postgresql.store import PostgresqlStore
from angarium.notifications.store.schema import MIGRATIONS as NOTIFICATION_MIGRATIONS
from angarium.platform.auth.caller import Caller
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import upgrade
from angarium.platform.database.postgresql_pool import PostgresqlPool
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.answers import JsonBytes
from angarium.platform.http.frame.app import ServiceApp, build_app
from angarium.platform.http.frame.dependencies import requires
from angarium.platform.http.frame.direct import direct_route
from angarium.platform.http.frame.health import Health
from angarium.platform.http.server.protocol import BoundedProtocol, Patience
from angarium.platform.runtime import build_runtime
from angarium.platform.telemetry.logging import make_logger
from angarium.rendering.renderer import Renderer
from angarium.services.gateway.accepting.acceptance import Accepted, accepted_answer, quick_answer
from angarium.services.gateway.accepting.look_up import LookUp
from angarium.services.users.app import MIGRATIONS as USER_MIGRATIONS
from angarium.services.users.contacts.documents import Documents, open_documents
from angarium.testing.providers import outbound
from tests.support.servers import PostgreSQL
from tests.support.starters import EXAMPLES, compiled_starters

ROUNDS = 15
BATCH, BATCHES = 50, 100
Work = Callable[[int], Awaitable[object]]
"""Does its work the given number of times."""
Timer = Callable[[], float]
BODY = {
    "notification_type": "email",
    "user_id": "0197fae0-0000-7000-8000-000000000001",
    "template_code": "welcome",
    "variables": {"name": "Ada", "code": "482 913"},
    "request_id": "signup-42",
}


async def compared(
    name: str, fast: Work, plain: Work, *, times: int, timer: Timer = time.process_time, rounds: int = ROUNDS
) -> None:
    """Print the minimum of the rounds of both forms."""
    least = [float("inf"), float("inf")]
    for turn in range(rounds + 1):
        for index, work in enumerate((fast, plain)):
            started = timer()
            await work(times)
            if turn:  # the first round warms up
                least[index] = min(least[index], (timer() - started) / times * 1e6)
    print(f"| {name} | {least[0]:.1f} | {least[1]:.1f} | {least[1] - least[0]:.1f} |", flush=True)


def looped(work: Callable[[], object]) -> Work:
    async def run(times: int) -> None:
        for _ in range(times):
            work()

    return run


class Everyone:
    """An authenticator that accepts every request."""

    async def authenticate(self, _: Mapping[str, str]) -> Caller:
        return Caller("default", "shop", frozenset({Scope.NOTIFICATIONS_SEND}))


class Wire(asyncio.Transport):
    """A transport that counts what is written."""

    written = 0

    def write(self, data: Any) -> None:
        self.written += bool(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002
        return default

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None: ...


def app_of(*, fast_paths: bool) -> ServiceApp:
    """An app with one direct route that does almost nothing."""
    router = APIRouter(route_class=direct_route(NotificationRequest, Scope.NOTIFICATIONS_SEND))

    @router.post("/api/v1/notifications", response_model=None)
    async def send(
        body: NotificationRequest,
        caller: Annotated[Caller, Depends(requires(Scope.NOTIFICATIONS_SEND))],  # noqa: ARG001
    ) -> Response:
        return JsonBytes((body.request_id or "").encode(), status_code=202)

    return build_app(
        service="gateway",
        title="Gateway",
        runtime=build_runtime(make_logger("gateway", stream=io.StringIO())),
        health=Health("gateway", "1", {}),
        authenticator=Everyone(),
        routers=[router],
        fast_paths=fast_paths,
    )


def requests_to(app: ServiceApp, *, fast_paths: bool) -> Work:
    """Requests to the app through the server's protocol, on a persistent connection."""
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False)
    config.load()
    protocol = BoundedProtocol(
        config=config, server_state=ServerState(), app_state={}, patience=Patience(), fast_paths=fast_paths
    )
    wire = Wire()
    protocol.connection_made(wire)
    body = httpx2.Request("POST", "http://x/", json=BODY).content
    head = f"POST /api/v1/notifications HTTP/1.1\r\nhost: x\r\nx-api-key: k\r\ncontent-length: {len(body)}\r\n"
    request = f"{head}content-type: application/json\r\n\r\n".encode() + body

    async def ask(times: int) -> None:
        for _ in range(times):
            before = protocol.server_state.total_requests
            protocol.data_received(request)
            while protocol.server_state.total_requests == before:  # noqa: ASYNC110 - it takes one or two loop iterations
                await asyncio.sleep(0)

    return ask


async def frame() -> None:
    direct, framework = app_of(fast_paths=True), app_of(fast_paths=False)
    await compared(
        "direct routes",
        requests_to(direct, fast_paths=False),
        requests_to(framework, fast_paths=False),
        times=200,
    )
    await compared(
        "whole answers", requests_to(direct, fast_paths=True), requests_to(direct, fast_paths=False), times=400
    )


class Kept:
    """Implements contacts and templates with everything cached."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def kept(self, *_: Any) -> Any:
        return self._value

    kept_published = kept_version = kept

    async def known(self, *name: Any) -> Any:
        return self.kept(*name)

    published = version = known


async def accepting() -> None:
    accepted = Accepted(uuid4(), "signup-42", Status.PENDING, "c-1", datetime.now(UTC), replayed=False)
    await compared(
        "the 202's body",
        looped(lambda: quick_answer(accepted)),
        looped(lambda: accepted_answer(accepted)),
        times=2000,
    )
    request, kept = NotificationRequest.model_validate(BODY), cast("Any", Kept("x"))

    def find(*, fast_paths: bool) -> Work:
        look_up = LookUp(kept, kept, fast_paths=fast_paths)

        async def run(times: int) -> None:
            for _ in range(times):
                await look_up.find("default", [request])

        return run

    await compared("look-ups", find(fast_paths=True), find(fast_paths=False), times=2000)


async def mails() -> None:
    template = compiled_starters()["verification"]
    variables = EXAMPLES["verification"]

    def rendered(*, fast_paths: bool) -> Work:
        renderer = Renderer(fast_paths=fast_paths)
        return looped(lambda: renderer.quick(template, Channel.EMAIL, None, variables))

    await compared("segments", rendered(fast_paths=True), rendered(fast_paths=False), times=50)
    content = Renderer().render(template, Channel.EMAIL, None, variables)
    message, sender, date = outbound(content=content), Sender.parse("Angarium <a@b.example>"), datetime.now(UTC)
    await compared(
        "mails",
        looped(lambda: build_message(message, sender=sender, date=date)),
        looped(lambda: build_with_library(message, sender=sender, date=date)),
        times=100,
    )
    await compared(
        "addresses",
        looped(lambda: email_address("ada.lovelace@example.com")),
        looped(lambda: email_address_in_full("ada.lovelace@example.com")),
        times=500,
    )


async def log_lines() -> None:
    """Log three lines per notification, for sixteen notifications in one loop iteration."""

    def logged(*, fast_paths: bool) -> Work:
        logger = make_logger("email", stream=Path("/dev/null").open("w", encoding="utf-8"), fast_paths=fast_paths)  # noqa: SIM115
        identifier = uuid4()

        async def run(times: int) -> None:
            for _ in range(times // 16):
                for _ in range(48):
                    logger.info(
                        "notification.sent",
                        notification_id=identifier,
                        tenant="default",
                        channel="email",
                        attempt=1,
                        correlation_id="c-1",
                    )
                await asyncio.sleep(0)

        return run

    await compared("log lines", logged(fast_paths=True), logged(fast_paths=False), times=320)


async def calls() -> None:
    """Make one call per notification. Under load one call requests a batch."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    clients = [ServiceClient(address, service_token="t", name="users", fast_paths=fast) for fast in (True, False)]  # noqa: S106

    def ask(client: ServiceClient) -> Work:
        async def run(times: int) -> None:
            for _ in range(times):
                await client.get("/x", tenant="default")

        return run

    await compared("calls between services", ask(clients[0]), ask(clients[1]), times=200)
    for client in clients:
        await client.close()
    server.close()


@asynccontextmanager
async def contacts_of(folder: Path, *, fast_paths: bool) -> AsyncIterator[Work]:
    settings = EmbeddedSettings.load(
        data_dir=folder, mailbox_smtp_port=0, api_key="k" * 20, fast_paths="on" if fast_paths else "off"
    )
    async with open_embedded(settings, logger=make_logger("x", level="error", stream=io.StringIO())) as system:
        transport = httpx2.ASGITransport(app=system.app)
        headers = {"x-api-key": "k" * 20}
        async with httpx2.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
            made = await client.post("/api/v1/users", json={"name": "Ada", "email": "ada@example.com"})
        user_id = UUID(made.raise_for_status().json()["data"]["user_id"])

        async def run(times: int) -> None:
            for _ in range(times):
                [contact] = (await system.parts.contacts.current("default", [user_id])).values()
                assert contact is not None

        yield run


async def embedded_contacts(folder: Path) -> None:
    async with (
        contacts_of(folder / "fast", fast_paths=True) as fast,
        contacts_of(folder / "plain", fast_paths=False) as plain,
    ):
        await compared("embedded contacts", fast, plain, times=100)


async def documents(folder: Path) -> None:
    """Read the document of one user from SQLite."""
    async with AsyncExitStack() as stack:
        url = f"sqlite:///{folder / 'users.sqlite3'}"
        engine = open_engine(url)
        stack.push_async_callback(engine.dispose)
        await upgrade(engine, USER_MIGRATIONS)
        readers = [open_documents(url, engine, fast_paths=fast) for fast in (True, False)]

        def read(reader: Documents) -> Work:
            async def run(times: int) -> None:
                for _ in range(times):
                    await reader.find("default", [UUID(int=1)])

            return run

        await compared("contact documents", read(readers[0]), read(readers[1]), times=100)
        for reader in readers:
            await reader.close()


async def statements(folder: Path) -> None:
    """Run statements for batches of 50 on a private PostgreSQL."""
    server = PostgreSQL(folder)
    server.start_now()
    try:
        async with AsyncExitStack() as stack:
            url = await server.create_database()
            engine = open_engine(url)
            stack.push_async_callback(engine.dispose)
            await upgrade(engine, NOTIFICATION_MIGRATIONS)
            # the disk is the same to both
            pools = [
                PostgresqlPool(url, size=1, setting="URL", session={"synchronous_commit": "off"}) for _ in range(2)
            ]
            stores = [PostgresqlStore(pools[0]), PostgresqlStore(pools[1], fast_paths=False)]
            for store in stores:
                stack.push_async_callback(store.close)
            claims: list[Result] = []

            def accept(store: Any) -> Work:
                async def run(_: int) -> None:
                    await store.accept([_new() for _ in range(BATCH)], outbox_lease=timedelta(hours=1))

                return run

            await compared(
                "accept", accept(stores[0]), accept(stores[1]), times=BATCH, timer=time.perf_counter, rounds=BATCHES
            )
            for store in stores:
                claims += await _claimed(store)
            left = iter(claims)

            def record(store: Any) -> Work:
                async def run(times: int) -> None:
                    assert all(await store.record([next(left) for _ in range(times)]))

                return run

            await compared(
                "record", record(stores[0]), record(stores[1]), times=BATCH, timer=time.perf_counter, rounds=BATCHES
            )
    finally:
        await server.kill()


def _new() -> NewNotification:
    return NewNotification(
        id=uuid4(),
        tenant="default",
        caller="shop",
        request_id=str(uuid4()),
        fingerprint=b"f" * 32,
        channel=Channel.EMAIL,
        template_code="welcome",
        template_version=1,
        locale="en",
        priority=5,
        correlation_id="c-1",
        variables='{"name":"Ada"}',
    )


async def _claimed(store: Any) -> list[Result]:
    new = [_new() for _ in range(BATCH * (BATCHES + 1))]
    for start in range(0, len(new), BATCH):
        await store.accept(new[start : start + BATCH], outbox_lease=timedelta(hours=1))
    token = uuid4()
    await store.claim([one.id for one in new], token=token, lease=timedelta(hours=1), worker="w")
    sent = Event("sent", datetime.now(UTC), {"status": "sent", "provider": "smtp"})
    return [Result(id=one.id, claim_token=token, status=Status.SENT, events=(sent,), provider="smtp") for one in new]


async def main(folder: Path) -> None:
    print("| µs | fast | plain | saved |\n|---|---|---|---|")
    await frame()
    await accepting()
    await mails()
    await log_lines()
    await calls()
    await embedded_contacts(folder)
    await documents(folder)
    await statements(folder / "postgresql")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="angarium-fast-paths-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)  # PostgreSQL runs as another user
        uvloop.run(main(Path(name)))
