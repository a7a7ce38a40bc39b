"""Erasures of users with many notifications, which take longer than a call."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import UtcDateTime

revision = "0008"
down_revision = "0007"


def upgrade(op: Operations) -> None:
    op.create_table(
        "erasures",
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("stage", sa.SmallInteger(), nullable=False),
        sa.Column("reached_at", UtcDateTime()),
        sa.Column("reached", sa.Uuid(), nullable=False),
        sa.Column("under_way", sa.Integer(), nullable=False),
        sa.Column("leased_until", UtcDateTime()),
        sa.Column("finished_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("tenant", "user_id", name="pk_erasures"),
    )


def _key() -> sa.types.TypeEngine[str]:
    return sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
