"""The table of endpoints that fail. Callbacks themselves are stored with the record: a trigger writes them."""

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
