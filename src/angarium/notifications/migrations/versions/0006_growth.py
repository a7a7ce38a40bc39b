"""Redaction by age; a vacuum that keeps up with the sweeper."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.online import on_postgresql
from angarium.platform.database.types import UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade(op: Operations) -> None:
    op.add_column("notifications", sa.Column("redacted_at", UtcDateTime()))
    if on_postgresql(op):
        op.execute(
            "ALTER TABLE notifications SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000)"
        )
