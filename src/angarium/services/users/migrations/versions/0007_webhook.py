"""Where a user takes webhooks."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0007"
down_revision = "0006"


def upgrade(op: Operations) -> None:
    op.add_column("users", sa.Column("webhook", sa.Text()))
