"""Providers and their circuit breakers, shared by all workers."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import UtcDateTime

revision = "0009"
down_revision = "0008"


def upgrade(op: Operations) -> None:
    op.create_table(
        "providers",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("channel", _word(), nullable=False),
        sa.Column("name", _key(), nullable=False),
        sa.Column("scheme", _word(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer()),
        sa.Column("rate", sa.Float()),
        sa.Column("breaker", _word(), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("changed_at", UtcDateTime()),
        sa.Column("probe_at", UtcDateTime()),
        sa.Column("probe_by", _key()),
        sa.Column("trips", sa.Integer(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", name="pk_providers"),
    )
    op.create_table(
        "provider_reports",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("worker", _key(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("busy", sa.Boolean(), nullable=False),
        sa.Column("reported_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", "worker", name="pk_provider_reports"),
    )
    op.create_index("ix_provider_reports_reported_at", "provider_reports", ["reported_at"])


def _key() -> sa.types.TypeEngine[str]:
    return sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def _word() -> sa.types.TypeEngine[str]:
    return sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")
