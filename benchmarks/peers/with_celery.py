"""FastAPI and Celery on RabbitMQ.

Tuned as described in Celery's user guide under "Optimizing" and "Tasks": results ignored, late acknowledgement for
idempotent tasks, persistent messages, prefetching for many short tasks (`PEER_PREFETCH`; the default for long tasks is
1), no gossip between workers. Celery imports modules by name, so the application is a module attribute, as in its docs.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from celery import Celery
from celery.signals import worker_process_init
from fastapi import FastAPI

from benchmarks.peers.api import Enqueue, create_app
from benchmarks.peers.delivery import Delivery
from benchmarks.peers.record import PeerSettings

SETTINGS = PeerSettings.load()
celery = Celery("notifications", broker=SETTINGS.broker_url.replace("amqp://", "pyamqp://"))
celery.conf.update(
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_acks_late=True,
    worker_prefetch_multiplier=int(os.environ.get("PEER_PREFETCH", "64")),
    worker_concurrency=2,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)
_of_process: dict[str, Delivery] = {}


@worker_process_init.connect
def _prepare(**_: Any) -> None:
    _of_process["delivery"] = Delivery(SETTINGS)


@celery.task(max_retries=5)
def deliver(notification_id: str) -> None:
    """Send one notification."""
    _of_process["delivery"].deliver(notification_id)


@asynccontextmanager
async def _broker(_: PeerSettings) -> AsyncIterator[Enqueue]:
    async def enqueue(notification_id: UUID) -> None:
        deliver.delay(str(notification_id))  # writes to a socket; using a thread for it would cost more

    yield enqueue


def app() -> FastAPI:
    """The API."""
    return create_app(_broker)
