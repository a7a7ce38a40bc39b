"""Tenants; notifications of test keys."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade(op: Operations) -> None:
    op.add_column("notifications", sa.Column("test", sa.Boolean(), server_default=sa.false(), nullable=False))
    tenants = op.create_table(
        "tenants",
        sa.Column("tenant", sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql"), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_tenants"),
    )
    op.bulk_insert(tenants, [{"tenant": "default", "name": "Default", "created_at": datetime.now(UTC)}])
