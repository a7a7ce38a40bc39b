"""A typical first version: one insert and one confirmed publish per request, and one mail at a time in the worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import aio_pika
import aiosmtplib
from fastapi import FastAPI
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.peers.api import Enqueue, create_app
from benchmarks.peers.mail import Mailer
from benchmarks.peers.record import NOTIFICATIONS, PeerSettings

QUEUE = "naive"


@asynccontextmanager
async def _broker(settings: PeerSettings) -> AsyncIterator[Enqueue]:
    connection = await aio_pika.connect_robust(settings.broker_url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        await channel.declare_queue(QUEUE, durable=True)

        async def enqueue(notification_id: UUID) -> None:
            message = aio_pika.Message(notification_id.bytes, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, routing_key=QUEUE)

        yield enqueue


def app() -> FastAPI:
    """The API."""
    return create_app(_broker)


async def _deliver(engine: AsyncEngine, mailer: Mailer, notification_id: UUID, smtp_port: int) -> None:
    mine = NOTIFICATIONS.c.id == notification_id
    async with engine.begin() as connection:
        await connection.execute(update(NOTIFICATIONS).where(mine).values(status="sending", updated_at=func.now()))
        row = (await connection.execute(select(NOTIFICATIONS).where(mine))).one()
    message = mailer.build(str(row.id), row.address, row.variables)
    await aiosmtplib.send(message, hostname="127.0.0.1", port=smtp_port, start_tls=False)
    async with engine.begin() as connection:
        await connection.execute(update(NOTIFICATIONS).where(mine).values(status="sent", updated_at=func.now()))


async def work() -> None:
    """Run the worker until it is killed."""
    settings, mailer = PeerSettings.load(), Mailer()
    engine = create_async_engine(settings.sqlalchemy("asyncpg"))
    async with await aio_pika.connect_robust(settings.broker_url) as connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=1)
        queue = await channel.declare_queue(QUEUE, durable=True)

        async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            async with message.process():
                await _deliver(engine, mailer, UUID(bytes=message.body), settings.smtp_port)

        await queue.consume(take)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work())
