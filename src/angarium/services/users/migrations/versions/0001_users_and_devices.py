"""People and their devices."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import JsonDocument, UtcDateTime

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("email", sa.String(320)),
        sa.Column("email_key", sa.String(320)),
        sa.Column("phone", sa.String(32)),
        sa.Column("password_hash", sa.Text()),
        sa.Column("preferences", JsonDocument(), nullable=False),
        sa.Column("locale", sa.String(35)),
        sa.Column("timezone", sa.String(64)),
        sa.Column("metadata", JsonDocument(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
    )
    op.create_index("uq_users_tenant_email_key", "users", ["tenant", "email_key"], unique=True)
    op.create_index("ix_users_tenant_user_id", "users", ["tenant", "user_id"])
    op.create_table(
        "devices",
        sa.Column("device_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.String(16), nullable=False),
        sa.Column("token", JsonDocument(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255)),
        sa.Column("is_push_token", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name="pk_devices"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_devices_user_id_users", ondelete="CASCADE"),
    )
    op.create_index(
        "uq_devices_user_id_platform_token_hash", "devices", ["user_id", "platform", "token_hash"], unique=True
    )
