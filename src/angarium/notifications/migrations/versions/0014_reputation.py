"""The reputation of senders by the hour, pauses of their marketing, and since when breakers are open."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import UtcDateTime

revision = "0014"
down_revision = "0013"


def upgrade(op: Operations) -> None:
    op.add_column("providers", sa.Column("opened_at", UtcDateTime()))
    op.add_column("providers", sa.Column("sender", _word()))
    op.add_column("providers", sa.Column("sender_forced", sa.Boolean()))
    op.add_column("providers", sa.Column("sender_reason", sa.Text()))
    op.add_column("providers", sa.Column("sender_changed_at", UtcDateTime()))
    op.create_table(
        "provider_hours",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("hour", UtcDateTime(), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("bounces", sa.Integer(), nullable=False),
        sa.Column("complaints", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", "hour", name="pk_provider_hours"),
    )
    op.create_index("ix_provider_hours_hour", "provider_hours", ["hour"])


def _word() -> sa.types.TypeEngine[str]:
    return sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")
