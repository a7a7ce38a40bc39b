"""The table of the audit log."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, Text, Uuid

from angarium.platform.database.types import KEY, UtcDateTime, new_metadata

metadata = new_metadata()

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Uuid(), nullable=False),
    Column("tenant", KEY, nullable=False),
    Column("at", UtcDateTime(), nullable=False),
    Column("actor", Text(), nullable=False),
    Column("action", Text(), nullable=False),
    Column("object", Text(), nullable=False),
    Column("address", Text()),
    Column("correlation_id", Text()),
    PrimaryKeyConstraint("id"),
)
Index(None, audit_log.c.tenant, audit_log.c.at, audit_log.c.id)
