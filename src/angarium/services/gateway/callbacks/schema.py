"""The table of failing endpoints. Callbacks themselves are stored with the record by a trigger."""

from sqlalchemy import Column, PrimaryKeyConstraint, String, Table

from angarium.platform.database.types import KEY, UtcDateTime, new_metadata

metadata = new_metadata()

callback_endpoints = Table(
    "callback_endpoints",
    metadata,
    Column("tenant", KEY, nullable=False),
    Column("endpoint_hash", String(64), nullable=False),  # SHA-256 of the URL without its query, in hex
    Column("failing_since", UtcDateTime(), nullable=False),
    Column("disabled_at", UtcDateTime()),
    PrimaryKeyConstraint("tenant", "endpoint_hash"),
)
