"""The table of imports."""

from sqlalchemy import Column, Integer, String, Table, Uuid

from angarium.platform.database.types import JsonDocument, UtcDateTime, new_metadata

metadata = new_metadata()

imports = Table(
    "imports",
    metadata,
    Column("import_id", Uuid(), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("status", String(16), nullable=False),
    Column("total", Integer(), nullable=False),
    Column("processed", Integer(), nullable=False),
    Column("created", Integer(), nullable=False),
    Column("updated", Integer(), nullable=False),
    Column("failed", Integer(), nullable=False),
    Column("errors", JsonDocument(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("updated_at", UtcDateTime(), nullable=False),
)
"""Progress of imports, readable by every process. The rows themselves are not stored."""
