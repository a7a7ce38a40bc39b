"""Receipts of providers, and notifications by the id that their provider gave them."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.online import add_index
from angarium.platform.database.types import UtcDateTime

revision = "0011"
down_revision = "0010"
LENGTH = 64
"""Of what MySQL takes into the index of a text."""


def upgrade(op: Operations) -> None:
    add_index(  # first, since it commits everything before it
        op,
        "ix_notifications_provider_message_id",
        "notifications",
        ["provider_message_id"],
        where="substr(provider_message_id, 1, 1) <> '<'",
        length=LENGTH,
    )
    op.create_table(
        "receipts",
        sa.Column("id", _key(), nullable=False),
        sa.Column("provider", _key(), nullable=False),
        sa.Column("kind", _word(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("notification_id", sa.Uuid()),
        sa.Column("provider_message_id", _key()),
        sa.Column("address", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("noted", sa.Boolean(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_receipts"),
    )
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_receipts_due_at", "receipts", ["due_at"], postgresql_where=due, sqlite_where=due)
    op.create_index("ix_receipts_received_at", "receipts", ["received_at"])
    op.create_index("ix_receipts_notification_id", "receipts", ["notification_id"])


def _key() -> sa.types.TypeEngine[str]:
    return sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def _word() -> sa.types.TypeEngine[str]:
    return sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")
