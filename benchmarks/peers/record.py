"""The table of every peer, and the settings, which are read from the environment."""

import os
import uuid
from dataclasses import dataclass
from typing import Self

from sqlalchemy import JSON, Column, DateTime, MetaData, String, Table, Uuid, func

METADATA = MetaData()
NOTIFICATIONS = Table(
    "notifications",
    METADATA,
    Column("id", Uuid, primary_key=True, default=uuid.uuid4),
    Column("request_id", String(200), nullable=False, unique=True),
    Column("address", String(320), nullable=False),
    Column("variables", JSON, nullable=False),
    Column("status", String(20), nullable=False, server_default="pending"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("updated_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """The addresses of a peer's servers."""

    database_url: str
    broker_url: str
    smtp_port: int

    @classmethod
    def load(cls) -> Self:
        variables = (os.environ["PEER_DATABASE_URL"], os.environ["PEER_BROKER_URL"])
        return cls(*variables, smtp_port=int(os.environ["PEER_SMTP_PORT"]))

    def sqlalchemy(self, driver: str) -> str:
        """The database's URL for SQLAlchemy."""
        return self.database_url.replace("postgresql://", f"postgresql+{driver}://")
