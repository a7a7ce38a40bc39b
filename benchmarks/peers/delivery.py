"""The work of a task in a thread or process: read the row, render, send over a persistent connection, update it."""

import threading
from uuid import UUID

from sqlalchemy import Engine, create_engine, func, select, update

from benchmarks.peers.mail import Mailer
from benchmarks.peers.post import KeptConnection
from benchmarks.peers.record import NOTIFICATIONS, PeerSettings


class Delivery:
    """Shared by all threads of a process: a pool of database connections, and an SMTP connection per thread."""

    def __init__(self, settings: PeerSettings) -> None:
        self._settings = settings
        self._engine: Engine = create_engine(settings.sqlalchemy("psycopg"), pool_size=16)
        self._mailer = Mailer()
        self._local = threading.local()

    def deliver(self, notification_id: str) -> None:
        """Send one notification."""
        mine = NOTIFICATIONS.c.id == UUID(notification_id)
        with self._engine.begin() as connection:
            row = connection.execute(select(NOTIFICATIONS).where(mine)).one()
        self._connection().send(self._mailer.build(str(row.id), row.address, row.variables))
        with self._engine.begin() as connection:
            connection.execute(update(NOTIFICATIONS).where(mine).values(status="sent", updated_at=func.now()))

    def _connection(self) -> KeptConnection:
        if not hasattr(self._local, "smtp"):
            self._local.smtp = KeptConnection(self._settings.smtp_port)
        connection: KeptConnection = self._local.smtp
        return connection
