"""The tables of `templates_db`."""

from sqlalchemy import Column, ForeignKeyConstraint, Index, Integer, PrimaryKeyConstraint, String, Table, Text, Uuid
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from angarium.platform.database.types import UtcDateTime, new_metadata

metadata = new_metadata()


def document() -> TypeEngine[str]:
    """A type for large JSON that is only read as a whole and may contain text that JSONB refuses."""
    return Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


templates = Table(
    "templates",
    metadata,
    Column("template_id", Uuid(), primary_key=True),
    Column("tenant", String(100), nullable=False),
    Column("code", String(100), nullable=False),
    Column("published_version", Integer(), nullable=False),
    Column("latest_version", Integer(), nullable=False),
    Column("revision", Integer(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("updated_at", UtcDateTime(), nullable=False),
    Column("archived_at", UtcDateTime()),
)
"""Templates. `revision` counts every change. An archived one keeps its row and versions for accepted notifications."""

Index("uq_templates_tenant_code", templates.c.tenant, templates.c.code, unique=True)

versions = Table(
    "versions",
    metadata,
    Column("template_id", Uuid(), nullable=False),
    Column("version", Integer(), nullable=False),
    Column("status", String(16), nullable=False),
    Column("source", document(), nullable=False),
    Column("compiled", document(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("created_by", String(255)),
    PrimaryKeyConstraint("template_id", "version"),
    ForeignKeyConstraint(["template_id"], ["templates.template_id"]),
)
"""Versions with their source (`source`) and compiled form (`compiled`). Only `status` can change."""
