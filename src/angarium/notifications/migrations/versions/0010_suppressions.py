"""The suppression list: addresses that get nothing, soft bounces in a row, the key of the addresses' hashes."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import UtcDateTime

revision = "0010"
down_revision = "0009"


def upgrade(op: Operations) -> None:
    op.create_table(
        "suppressions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("channel", _word(), nullable=False),
        sa.Column("address_key", _key(), nullable=False),
        sa.Column("address", sa.Text()),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("reason", _word(), nullable=False),
        sa.Column("source", _key(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_suppressions"),
        sa.UniqueConstraint("address_key", "reason", name="uq_suppressions_address_key_reason"),
    )
    op.create_index("ix_suppressions_tenant_created_at_id", "suppressions", ["tenant", "created_at", "id"])
    op.create_index("ix_suppressions_user_id", "suppressions", ["user_id"])
    op.create_table(
        "soft_bounces",
        sa.Column("address_key", _key(), nullable=False),
        sa.Column("in_a_row", sa.Integer(), nullable=False),
        sa.Column("bounced_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("address_key", name="pk_soft_bounces"),
    )
    op.create_table(
        "suppression_keys",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("secret", _key(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_suppression_keys"),
    )


def _key() -> sa.types.TypeEngine[str]:
    return sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def _word() -> sa.types.TypeEngine[str]:
    return sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")
