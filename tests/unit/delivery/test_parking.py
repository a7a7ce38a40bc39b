"""A parked message takes no variables into a delay queue."""

import io
from datetime import timedelta
from uuid import uuid4

import msgspec
import pytest

from angarium.contracts.messages import WORK_EXCHANGE
from angarium.delivery.parking import Parking
from angarium.delivery.work import Carrier
from angarium.notifications.topology import build_topology
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Outgoing
from angarium.platform.telemetry.logging import make_logger
from tests.support.clock import ManualClock

HOUR = timedelta(hours=1)
OURS = {"notification_id": str(uuid4()), "request_id": "r", "odd": [1, 2.50, None]}


@pytest.mark.parametrize("wait", [timedelta(seconds=1), HOUR])
@pytest.mark.parametrize("sent", [OURS, {**OURS, "variables": {"name": "Ada"}}], ids=["ours", "foreign"])
async def test_no_delay_queue_holds_variables(wait: timedelta, sent: dict[str, object]) -> None:
    clock, topology = ManualClock(), build_topology(retry_delays=[HOUR])
    broker = MemoryBroker(clock)
    await broker.declare(topology)
    await broker.publish([Outgoing(WORK_EXCHANGE, "email", msgspec.json.encode(sent), message_id="m")])
    async with broker.consume("email.queue", prefetch=1) as consumer:
        carrier = Carrier(uuid4(), tuple(await consumer.receive(1)), consumer, "email")
        parking = Parking(
            broker=broker, delays=topology.delays, clock=clock, logger=make_logger("email", stream=io.StringIO())
        )
        await parking.park([(carrier, wait)])
        await clock.advance(wait.total_seconds())
        [back] = await consumer.receive(1)
        assert msgspec.json.decode(back.body) == OURS
        await consumer.ack([back])
    await broker.close()
