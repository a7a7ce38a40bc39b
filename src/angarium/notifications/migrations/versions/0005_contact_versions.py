"""The version that each changed user has reached, by which an old cached copy is recognized."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0005"
down_revision = "0004"


def upgrade(op: Operations) -> None:
    op.create_table(
        "contact_versions",
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_contact_versions"),
    )


def _key() -> sa.types.TypeEngine[str]:
    return sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")
