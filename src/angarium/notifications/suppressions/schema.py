"""The tables of the suppression list, in `notification_db`."""

from sqlalchemy import Column, Index, Integer, PrimaryKeyConstraint, Table, Text, UniqueConstraint, Uuid

from angarium.platform.database.types import KEY, WORD, UtcDateTime, new_metadata

metadata = new_metadata()

suppressions = Table(
    "suppressions",
    metadata,
    Column("id", Uuid(), nullable=False),
    Column("tenant", KEY, nullable=False),
    Column("channel", WORD, nullable=False),
    Column("address_key", KEY, nullable=False),  # keyed hash of tenant, channel and address; stays after an erasure
    Column("address", Text()),
    Column("user_id", Uuid()),
    Column("reason", WORD, nullable=False),
    Column("source", KEY, nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("expires_at", UtcDateTime()),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("address_key", "reason"),
)
"""One row per address and reason."""

Index(None, suppressions.c.tenant, suppressions.c.created_at, suppressions.c.id)
Index("ix_suppressions_user_id", suppressions.c.user_id)

soft_bounces = Table(
    "soft_bounces",
    metadata,
    Column("address_key", KEY, nullable=False),
    Column("in_a_row", Integer(), nullable=False),
    Column("bounced_at", UtcDateTime(), nullable=False),
    PrimaryKeyConstraint("address_key"),
)
"""Soft bounces of an address since its last delivery."""

suppression_keys = Table(
    "suppression_keys",
    metadata,
    Column("id", Integer(), nullable=False, autoincrement=False),
    Column("secret", KEY, nullable=False),
    PrimaryKeyConstraint("id"),
)
"""The key of `address_key`, in one row."""
