"""The table of tenants."""

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table

from angarium.platform.database.types import KEY, UtcDateTime, new_metadata

metadata = new_metadata()

tenants = Table(
    "tenants",
    metadata,
    Column("tenant", KEY, nullable=False),
    Column("name", String(255), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    PrimaryKeyConstraint("tenant"),
)
