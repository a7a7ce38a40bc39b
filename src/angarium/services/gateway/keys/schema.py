"""The table of API keys."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, String, Table, Text, UniqueConstraint, Uuid

from angarium.platform.database.types import KEY, WORD, JsonDocument, UtcDateTime, new_metadata

metadata = new_metadata()

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Uuid(), nullable=False),
    Column("tenant", KEY, nullable=False),
    Column("name", String(255), nullable=False),
    Column("kind", WORD, nullable=False),
    Column("key_hash", String(64), nullable=False),  # SHA-256 of the key, in hex
    Column("scopes", JsonDocument(), nullable=False),
    Column("rate_limit", Text()),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("last_used_at", UtcDateTime()),
    Column("revoked_at", UtcDateTime()),
    PrimaryKeyConstraint("key_id"),
    UniqueConstraint("key_hash"),
)
Index(None, api_keys.c.tenant, api_keys.c.created_at)
