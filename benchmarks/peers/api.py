"""The peers' API: FastAPI, one insert with SQLAlchemy and asyncpg, and one message to the queue."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from pydantic import BaseModel, EmailStr
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import create_async_engine

from benchmarks.peers.record import METADATA, NOTIFICATIONS, PeerSettings

Enqueue = Callable[[UUID], Awaitable[Any]]
Broker = Callable[[PeerSettings], AbstractAsyncContextManager[Enqueue]]


class Notification(BaseModel):
    """The body of a request."""

    request_id: str
    email: EmailStr
    variables: dict[str, str]


class Accepted(BaseModel):
    """The response."""

    notification_id: UUID
    status: str


def create_app(broker: Broker) -> FastAPI:
    """The app. `broker` opens the connection to the queue."""
    settings = PeerSettings.load()
    engine = create_async_engine(settings.sqlalchemy("asyncpg"), pool_size=10, max_overflow=10)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)
        async with broker(settings) as enqueue:
            app.state.enqueue = enqueue
            yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/notifications", status_code=202)
    async def accept(notification: Notification) -> Accepted:
        notification_id = uuid4()
        row = {"id": notification_id, "request_id": notification.request_id, "address": notification.email}
        async with engine.begin() as connection:
            await connection.execute(insert(NOTIFICATIONS).values(**row, variables=notification.variables))
        await app.state.enqueue(notification_id)
        return Accepted(notification_id=notification_id, status="pending")

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    return app
