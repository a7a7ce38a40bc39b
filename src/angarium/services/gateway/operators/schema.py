"""The tables of operators and of their sessions."""

from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)

from angarium.platform.database.types import KEY, WORD, UtcDateTime, new_metadata

metadata = new_metadata()

operators = Table(
    "operators",
    metadata,
    Column("operator_id", Uuid(), nullable=False),
    Column("tenant", KEY, nullable=False),
    Column("name", KEY, nullable=False),
    Column("role", WORD, nullable=False),
    Column("password_hash", Text()),  # argon2id; null: the account signs in by link only
    Column("created_at", UtcDateTime(), nullable=False),
    Column("signed_in_at", UtcDateTime()),
    PrimaryKeyConstraint("operator_id"),
    UniqueConstraint("tenant", "name"),
)

operator_sessions = Table(
    "operator_sessions",
    metadata,
    Column("token_hash", String(64), nullable=False),  # SHA-256 of the token, in hex
    Column("operator_id", Uuid(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("expires_at", UtcDateTime(), nullable=False),
    PrimaryKeyConstraint("token_hash"),
    ForeignKeyConstraint(["operator_id"], ["operators.operator_id"], ondelete="CASCADE"),
)
Index(None, operator_sessions.c.operator_id)
Index(None, operator_sessions.c.expires_at)
