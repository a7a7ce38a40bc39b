"""Users who are gone here and must still be erased elsewhere."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import UtcDateTime

revision = "0003"
down_revision = "0002"


def upgrade(op: Operations) -> None:
    op.create_table(
        "pending_erasures",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.String(255), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_pending_erasures"),
    )
    op.create_index("ix_pending_erasures_due_at", "pending_erasures", ["due_at"])
