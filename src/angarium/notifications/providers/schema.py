"""The tables of providers, in `notification_db`."""

from sqlalchemy import Boolean, Column, Float, Index, Integer, PrimaryKeyConstraint, String, Table, Text, Uuid

from angarium.platform.database.types import UtcDateTime, new_metadata

metadata = new_metadata()

_KEY = String(255).with_variant(String(255, collation="C"), "postgresql")
_WORD = String(16).with_variant(String(16, collation="C"), "postgresql")

providers = Table(
    "providers",
    metadata,
    Column("provider_id", Uuid(), nullable=False),
    Column("channel", _WORD, nullable=False),
    Column("name", _KEY, nullable=False),
    Column("scheme", _WORD, nullable=False),
    Column("position", Integer(), nullable=False),
    Column("weight", Integer()),
    Column("rate", Float()),
    Column("breaker", _WORD, nullable=False),
    Column("forced", Boolean(), nullable=False),
    Column("reason", Text()),
    Column("changed_at", UtcDateTime()),
    Column("probe_at", UtcDateTime()),  # a probe may be sent from then on
    Column("probe_by", _KEY),  # the worker whose probe is under way
    Column("trips", Integer(), nullable=False),  # in a row, without a success between them
    Column("seen_at", UtcDateTime(), nullable=False),  # a worker had it configured then
    PrimaryKeyConstraint("provider_id"),
)
"""Each configured provider and its circuit breaker."""

provider_reports = Table(
    "provider_reports",
    metadata,
    Column("provider_id", Uuid(), nullable=False),
    Column("worker", _KEY, nullable=False),
    Column("answers", Integer(), nullable=False),
    Column("faults", Integer(), nullable=False),
    Column("in_a_row", Integer(), nullable=False),
    Column("busy", Boolean(), nullable=False),
    Column("reported_at", UtcDateTime(), nullable=False),
    PrimaryKeyConstraint("provider_id", "worker"),
    Index("ix_provider_reports_reported_at", "reported_at"),
)
"""What each worker has seen of each provider lately."""
