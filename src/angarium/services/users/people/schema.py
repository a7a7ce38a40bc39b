"""The tables of users and their devices."""

from sqlalchemy import DDL, Boolean, Column, ForeignKeyConstraint, Index, Integer, String, Table, Text, Uuid, event
from sqlalchemy.dialects.mysql import MEDIUMTEXT

from angarium.platform.database.types import JsonDocument, UtcDateTime, new_metadata

metadata = new_metadata()

_DOCUMENT = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
"""Fifty devices with tokens of 4 KB exceed the 64 KB of MySQL's TEXT."""

users = Table(
    "users",
    metadata,
    Column("user_id", Uuid(), primary_key=True),
    Column("tenant", String(255), nullable=False),
    Column("name", String(255), nullable=False),
    Column("email", String(320)),
    Column("email_key", String(320)),
    Column("phone", String(32)),
    Column("webhook", Text()),
    Column("password_hash", Text()),
    Column("preferences", JsonDocument(), nullable=False),
    Column("locale", String(35)),
    Column("timezone", String(64)),
    Column("metadata", JsonDocument(), nullable=False),
    Column("version", Integer(), nullable=False),
    Column("contact", _DOCUMENT),
    Column("contact_version", Integer()),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("updated_at", UtcDateTime(), nullable=False),
)
"""Users. `email_key` identifies an address and is unique within a tenant. `version` counts every change.

`contact` is the document for other services, including devices, written with each change. Before a send it is read,
hundreds at a time, and returned unchanged. It is valid only if `contact_version` equals `version`; otherwise, for a row
written by an older process, the contact is built from the columns.
"""

email_is_unique = Index("uq_users_tenant_email_key", users.c.tenant, users.c.email_key, unique=True)
Index("ix_users_tenant_user_id", users.c.tenant, users.c.user_id)

SEARCH_INDEX = """
CREATE INDEX ix_users_search ON users USING gin (name gin_trgm_ops, email gin_trgm_ops, phone gin_trgm_ops)
"""
"""A trigram index, which only PostgreSQL supports."""
for _statement, _moment in (
    ("CREATE EXTENSION IF NOT EXISTS pg_trgm", "before_create"),
    (SEARCH_INDEX, "after_create"),
):
    _ddl = DDL(_statement).execute_if(dialect="postgresql")  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    event.listen(metadata, _moment, _ddl)

devices = Table(
    "devices",
    metadata,
    Column("device_id", Uuid(), primary_key=True),
    Column("user_id", Uuid(), nullable=False),
    Column("platform", String(16), nullable=False),
    Column("token", JsonDocument(), nullable=False),
    Column("token_hash", String(64), nullable=False),
    Column("name", String(255)),
    Column("is_push_token", Boolean(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    ForeignKeyConstraint(["user_id"], ["users.user_id"], ondelete="CASCADE"),
)
"""Devices. `is_push_token` marks the device of `push_token` in a user's body."""

Index(
    "uq_devices_user_id_platform_token_hash", devices.c.user_id, devices.c.platform, devices.c.token_hash, unique=True
)
