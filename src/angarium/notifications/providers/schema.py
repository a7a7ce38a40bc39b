"""The tables of providers, in `notification_db`."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, PrimaryKeyConstraint, Table, Text, Uuid

from angarium.platform.database.types import KEY, WORD, UtcDateTime, new_metadata

metadata = new_metadata()

providers = Table(
    "providers",
    metadata,
    Column("provider_id", Uuid(), nullable=False),
    Column("channel", WORD, nullable=False),
    Column("name", KEY, nullable=False),
    Column("scheme", WORD, nullable=False),
    Column("position", Integer(), nullable=False),
    Column("weight", Integer()),
    Column("rate", Float()),
    Column("breaker", WORD, nullable=False),
    Column("forced", Boolean(), nullable=False),
    Column("reason", Text()),
    Column("changed_at", UtcDateTime()),
    Column("probe_at", UtcDateTime()),  # a probe may be sent from then on
    Column("probe_by", KEY),  # the worker whose probe is running
    Column("trips", Integer(), nullable=False),  # consecutive, without a success in between
    Column("seen_at", UtcDateTime(), nullable=False),  # when a worker last had it configured
    Column("opened_at", UtcDateTime()),  # since then the breaker has not been closed
    Column("sender", WORD),  # whether marketing is paused; null: never paused
    Column("sender_forced", Boolean()),
    Column("sender_reason", Text()),
    Column("sender_changed_at", UtcDateTime()),
    PrimaryKeyConstraint("provider_id"),
)
"""Each configured provider, its circuit breaker, and whether it is paused for marketing."""

provider_hours = Table(
    "provider_hours",
    metadata,
    Column("provider_id", Uuid(), nullable=False),
    Column("hour", UtcDateTime(), nullable=False),
    Column("sends", Integer(), nullable=False),
    Column("bounces", Integer(), nullable=False),
    Column("complaints", Integer(), nullable=False),
    PrimaryKeyConstraint("provider_id", "hour"),
    Index("ix_provider_hours_hour", "hour"),
)
"""What became of each provider's sends, by the hour in which it was known."""

provider_reports = Table(
    "provider_reports",
    metadata,
    Column("provider_id", Uuid(), nullable=False),
    Column("worker", KEY, nullable=False),
    Column("answers", Integer(), nullable=False),
    Column("faults", Integer(), nullable=False),
    Column("in_a_row", Integer(), nullable=False),
    Column("busy", Boolean(), nullable=False),
    Column("reported_at", UtcDateTime(), nullable=False),
    PrimaryKeyConstraint("provider_id", "worker"),
    Index("ix_provider_reports_reported_at", "reported_at"),
)
"""Each worker's recent counts of each provider."""
