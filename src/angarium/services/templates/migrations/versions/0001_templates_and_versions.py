"""Templates and their versions."""

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy.dialects import mysql

from angarium.platform.database.types import UtcDateTime

revision = "0001"
down_revision = None


def upgrade(op: Operations) -> None:
    document = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
    op.create_table(
        "templates",
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", sa.String(100), nullable=False),
        sa.Column("code", sa.String(100), nullable=False),
        sa.Column("published_version", sa.Integer(), nullable=False),
        sa.Column("latest_version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("archived_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("template_id", name="pk_templates"),
    )
    op.create_index("uq_templates_tenant_code", "templates", ["tenant", "code"], unique=True)
    op.create_table(
        "versions",
        sa.Column("template_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("source", document, nullable=False),
        sa.Column("compiled", document, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(255)),
        sa.PrimaryKeyConstraint("template_id", "version", name="pk_versions"),
        sa.ForeignKeyConstraint(["template_id"], ["templates.template_id"], name="fk_versions_template_id_templates"),
    )
