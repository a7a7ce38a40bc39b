"""FastAPI and Dramatiq on RabbitMQ, with the default of one process per core and 8 threads per process.

Messages are persistent and publishes are confirmed (`confirm_delivery`), as its documentation advises. Dramatiq imports
actors by module, so the broker is a module attribute, as in its docs.
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
