"""FastAPI and Taskiq on RabbitMQ with aio-pika, fully asynchronous, with a pool of SMTP connections.

Taskiq imports the broker by name, so it is a module attribute, as in its docs.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from uuid import UUID

import aiosmtplib
from fastapi import FastAPI
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import create_async_engine
from taskiq import TaskiqEvents, TaskiqState
from taskiq_aio_pika import AioPikaBroker

from benchmarks.peers.api import Enqueue, create_app
from benchmarks.peers.mail import Mailer
from benchmarks.peers.record import NOTIFICATIONS, PeerSettings

CONNECTIONS = 16
SETTINGS = PeerSettings.load()
broker = AioPikaBroker(SETTINGS.broker_url, qos=64)


class _Post:
    """A pool of SMTP connections."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._gate = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[aiosmtplib.SMTP] = []

    async def send(self, message: EmailMessage) -> None:
        async with self._gate:
            client = self._idle.pop() if self._idle else await self._connect()
            await client.send_message(message)
            self._idle.append(client)

    async def _connect(self) -> aiosmtplib.SMTP:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=self._port, start_tls=False)
        await client.connect()
        return client


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def _prepare(state: TaskiqState) -> None:
    state.engine = create_async_engine(SETTINGS.sqlalchemy("asyncpg"), pool_size=16)
    state.mailer = Mailer()
    state.post = _Post(SETTINGS.smtp_port)


@broker.task
async def deliver(notification_id: str) -> None:
    """Send one notification."""
    state = broker.state
    mine = NOTIFICATIONS.c.id == UUID(notification_id)
    async with state.engine.begin() as connection:
        row = (await connection.execute(select(NOTIFICATIONS).where(mine))).one()
    await state.post.send(state.mailer.build(str(row.id), row.address, row.variables))
    async with state.engine.begin() as connection:
        await connection.execute(update(NOTIFICATIONS).where(mine).values(status="sent", updated_at=func.now()))


@asynccontextmanager
async def _open(_: PeerSettings) -> AsyncIterator[Enqueue]:
    await broker.startup()

    async def enqueue(notification_id: UUID) -> None:
        await deliver.kiq(str(notification_id))

    yield enqueue
    await broker.shutdown()


def app() -> FastAPI:
    """The API."""
    return create_app(_open)
