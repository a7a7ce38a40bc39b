"""Delivers callbacks with the real store and dispatcher, for notifications whose end a test determines."""

import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from angarium.contracts.statuses import Status
from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import open_engine
from angarium.platform.http.guard.guarded import GuardedClient, SystemResolver
from angarium.platform.http.guard.posting import SignedPosts
from angarium.platform.http.guard.signing import Signer
from angarium.platform.identifiers import Identifiers
from angarium.platform.lifecycle import Background
from angarium.platform.settings.values import parse_networks
from angarium.platform.telemetry.logging import make_logger
from angarium.platform.telemetry.metrics import Metrics
from angarium.services.gateway.callbacks.dispatcher import CallbackDispatcher
from angarium.services.gateway.callbacks.schedule import SCHEDULE
from angarium.services.gateway.callbacks.sending import CallbackSender
from angarium.services.gateway.callbacks.store import CallbackStore
from tests.conformance.store.backends import Backend, notification, result
from tests.support.clock import ManualClock
from tests.support.endpoint import Received
from tests.support.migrated import upgraded
from tests.support.runtime import a_runtime

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SHORT = tuple(timedelta(milliseconds=milliseconds) for milliseconds in (10, 20, 30, 40))


@dataclass
class Callbacks:
    """A database whose notifications end as a test requests, and the loop that sends their callbacks."""

    backend: Backend
    store: CallbackStore
    dispatcher: CallbackDispatcher
    metrics: Metrics
    log: io.StringIO = field(default_factory=io.StringIO)

    async def end(self, urls: Sequence[str], status: Status = Status.SENT, **changes: Any) -> list[UUID]:
        """Create a notification for each URL, and end all of them with `status`."""
        ids = await self.backend.accept(*(notification(callback_url=url, **changes) for url in urls))
        claims = await self.backend.claim(*ids)
        assert all(await self.backend.store.record([result(claim, status) for claim in claims]))
        return ids

    def lines(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]


@asynccontextmanager
async def delivering(
    folder: Path,
    *,
    allow: str = "127.0.0.1/32",
    schedule: Sequence[timedelta] = SCHEDULE,
    timeout_seconds: float = 10.0,
    secrets: Sequence[str] = (SECRET,),
) -> AsyncIterator[Callbacks]:
    """Callbacks with a new SQLite file and a running loop."""
    clock, log = SystemClock(), io.StringIO()
    url = f"sqlite:///{folder / 'notifications.db'}"
    logger = make_logger("gateway", format="json", stream=log)
    async with AsyncExitStack() as stack:
        engine = open_engine(url)
        await upgraded(engine, MIGRATIONS)
        backend = Backend(url, engine, _System(), _no_time_passes)
        stack.push_async_callback(backend.close)
        resolver = SystemResolver()
        stack.callback(resolver.close)
        client = GuardedClient(resolve=resolver, allowed=parse_networks(allow))
        stack.push_async_callback(client.close)
        sender = CallbackSender(SignedPosts(client, Signer(secrets), clock, timeout=timeout_seconds))
        store = CallbackStore(engine, clock, Identifiers(clock))
        runtime = a_runtime(clock=clock, logger=logger)
        dispatcher = CallbackDispatcher(store=store, sender=sender, runtime=runtime, schedule=schedule)
        background = await stack.enter_async_context(Background(runtime))
        background.start(dispatcher)
        try:
            yield Callbacks(backend, store, dispatcher, runtime.metrics, log)
        finally:  # also after a failed test: connections of running tasks must not be garbage collected
            await background.close()
            for task in list(dispatcher._tasks):  # attempts that still hang
                task.cancel()
            await dispatcher.drain()


def verified(received: Received, secret: str = SECRET) -> dict[str, Any]:
    """The body, after verifying its signature as a receiver would."""
    body: dict[str, Any] = Webhook(secret).verify(received.body, received.headers)
    return body


class _System(ManualClock):
    """The system clock in the form of the manual clock that a Backend requires."""

    def __init__(self) -> None:
        super().__init__()
        self._real = SystemClock()

    def now(self) -> Any:
        return self._real.now()


async def _no_time_passes(duration: timedelta) -> None:
    raise NotImplementedError
