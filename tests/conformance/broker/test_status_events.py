"""Status events end to end: from a change in the record, by the relay, to every bound queue."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from angarium.contracts.messages import EVENTS_EXCHANGE, decode_status_event
from angarium.contracts.statuses import Status
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.relay import Relay
from angarium.notifications.store.open import open_store
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.schema import MIGRATIONS
from angarium.platform.broker.port import Binding, Broker, Queue, Topology
from angarium.platform.clock import SystemClock
from angarium.platform.database.engine import open_engine
from angarium.platform.database.migrate import upgrade
from angarium.platform.telemetry.logging import Logger
from tests.conformance.broker.messages import collect
from tests.conformance.store.backends import LEASE, OUTBOX_LEASE, notification, result


@pytest.fixture
def topology() -> Topology:
    listeners = (
        Queue("mail", (Binding(EVENTS_EXCHANGE, "email.*"),)),
        Queue("failures", (Binding(EVENTS_EXCHANGE, "*.failed"),)),
    )
    work = Queue("email.queue", (Binding("notifications.direct", "email"),))
    return Topology(("notifications.direct",), (EVENTS_EXCHANGE,), (work, *listeners), ())


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[NotificationStore]:
    url = f"sqlite:///{tmp_path}/notifications.db"
    engine = open_engine(url)
    await upgrade(engine, MIGRATIONS)
    await engine.dispose()
    opened = open_store(url, pool_size=2, clock=SystemClock(), status_events=True)
    yield opened
    await opened.close()


async def test_each_queue_receives_the_events_that_it_is_bound_to(
    broker: Broker, store: NotificationStore, logger: Logger
) -> None:
    news = [notification(), notification()]
    await store.accept(news, outbox_lease=OUTBOX_LEASE)
    claims = await store.claim([new.id for new in news], token=uuid4(), lease=LEASE, worker="w")
    statuses = (Status.SENT, Status.FAILED)
    await store.record([result(c, s) for c, s in zip(claims, statuses, strict=True)])  # type: ignore[arg-type]  # all are claimed
    publisher = OutboxPublisher(store=store, broker=broker, logger=logger)
    await Relay(store=store, broker=broker, publisher=publisher, clock=SystemClock()).once()
    for queue, expected in (("mail", {"sent", "failed"}), ("failures", {"failed"})):
        async with broker.consume(queue, prefetch=10) as consumer:
            told = [decode_status_event(delivery.body) for delivery in await collect(consumer, len(expected))]
        assert {event.status for event in told} == expected
        assert {event.notification_id for event in told} <= {str(new.id) for new in news}
    assert await store.outbox_pending() == len(news)  # their work, which is leased to the process that accepted it
