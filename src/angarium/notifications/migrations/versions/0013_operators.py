"""Operators of the dashboard, and their sessions."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import UtcDateTime

revision = "0013"
down_revision = "0012"


def upgrade(op: Operations) -> None:
    op.create_table(
        "operators",
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("name", _key(), nullable=False),
        sa.Column("role", _word(), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("signed_in_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("operator_id", name="pk_operators"),
        sa.UniqueConstraint("tenant", "name", name="uq_operators_tenant_name"),
    )
    op.create_table(
        "operator_sessions",
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_operator_sessions"),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operators.operator_id"],
            name="fk_operator_sessions_operator_id_operators",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_operator_sessions_operator_id", "operator_sessions", ["operator_id"])
    op.create_index("ix_operator_sessions_expires_at", "operator_sessions", ["expires_at"])


def _key() -> sa.types.TypeEngine[str]:
    return sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def _word() -> sa.types.TypeEngine[str]:
    return sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")
