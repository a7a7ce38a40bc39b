"""The table of erasures that are pending in other services."""

from sqlalchemy import Column, Index, String, Table, Uuid

from angarium.platform.database.types import UtcDateTime, new_metadata

metadata = new_metadata()

pending_erasures = Table(
    "pending_erasures",
    metadata,
    Column("user_id", Uuid(), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("due_at", UtcDateTime(), nullable=False),
)
"""Users deleted here who must still be erased elsewhere; inserted with their deletion, kept until it is done."""

Index("ix_pending_erasures_due_at", pending_erasures.c.due_at)
