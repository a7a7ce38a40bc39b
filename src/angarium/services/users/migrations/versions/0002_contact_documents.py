"""The contact document that other services read, stored in the user's row; null until the row next changes."""

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0002"
down_revision = "0001"


def upgrade(op: Operations) -> None:
    op.add_column("users", sa.Column("contact", sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")))
    op.add_column("users", sa.Column("contact_version", sa.Integer()))
