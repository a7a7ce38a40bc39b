"""FastAPI and Dramatiq on RabbitMQ, with its default of one process for each core and 8 threads in each.

Messages are persistent and publishes confirmed (`confirm_delivery`), as its documentation advises. Actors are found by
module, so the broker stands at module level, as in its docs.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from uuid import UUID

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from fastapi import FastAPI

from benchmarks.peers.api import Enqueue, create_app
from benchmarks.peers.delivery import Delivery
from benchmarks.peers.record import PeerSettings

SETTINGS = PeerSettings.load()
dramatiq.set_broker(RabbitmqBroker(url=SETTINGS.broker_url, confirm_delivery=True))


@cache
def _delivery() -> Delivery:
    return Delivery(SETTINGS)


@dramatiq.actor(max_retries=5)
def deliver(notification_id: str) -> None:
    """Send one notification."""
    _delivery().deliver(notification_id)


@asynccontextmanager
async def _broker(_: PeerSettings) -> AsyncIterator[Enqueue]:
    async def enqueue(notification_id: UUID) -> None:
        deliver.send(str(notification_id))

    yield enqueue


def app() -> FastAPI:
    """The API."""
    return create_app(_broker)
