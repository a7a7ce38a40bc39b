"""Notifications, their outbox and dead letters; API keys and the audit log."""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import JsonDocument, UtcDateTime

revision = "0001"
down_revision = None

_STATUSES = (
    "scheduled", "pending", "sending", "sent", "delivered", "retrying",
    "failed", "skipped", "cancelled", "expired", "unknown",
)  # fmt: skip


def upgrade(op: Operations) -> None:
    _create_notifications(op)
    _create_outbox(op)
    _create_dead_letters(op)
    _create_api_keys(op)
    _create_audit_log(op)


def _key() -> sa.types.TypeEngine[str]:
    return sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def _word() -> sa.types.TypeEngine[str]:
    return sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")


def _create_notifications(op: Operations) -> None:
    statuses = ", ".join(f"'{status}'" for status in _STATUSES)
    op.create_table(
        "notifications",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("caller", _key(), nullable=False),
        sa.Column("request_id", _key(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("channel", _word(), nullable=False),
        sa.Column("user_id", _key()),
        sa.Column("recipient", sa.JSON()),
        sa.Column("template_code", _key(), nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("locale", sa.Text(), nullable=False),
        sa.Column("category", sa.Text()),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("metadata", JsonDocument(), nullable=False),
        sa.Column("policy", _word(), nullable=False),
        sa.Column("correlation_id", sa.Text(), nullable=False),
        sa.Column("traceparent", sa.Text()),
        sa.Column("fallback", JsonDocument(), nullable=False),
        sa.Column("fallback_of", sa.Uuid()),
        sa.Column("callback_url", sa.Text()),
        sa.Column("send_at", UtcDateTime()),
        sa.Column("expires_at", UtcDateTime()),
        sa.Column("status", _word(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim_token", sa.Uuid()),
        sa.Column("lease_until", UtcDateTime()),
        sa.Column("due_at", UtcDateTime()),
        sa.Column("sweep_at", UtcDateTime()),
        sa.Column("reason_code", sa.Text()),
        sa.Column("reason_message", sa.Text()),
        sa.Column("provider", sa.Text()),
        sa.Column("provider_message_id", sa.Text()),
        sa.Column("events", JsonDocument(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("sent_at", UtcDateTime()),
        sa.Column("delivered_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.UniqueConstraint("request_id", "tenant", "caller", name="uq_notifications_request_id_tenant_caller"),
        sa.CheckConstraint(f"status IN ({statuses})", name="ck_notifications_status"),
    )
    op.create_index("ix_notifications_tenant_created_at_id", "notifications", ["tenant", "created_at", "id"])
    op.create_index(
        "ix_notifications_tenant_status_created_at_id", "notifications", ["tenant", "status", "created_at", "id"]
    )
    _create_partial_index(
        op,
        "ix_notifications_tenant_user_id_created_at_id",
        ["tenant", "user_id", "created_at", "id"],
        "user_id IS NOT NULL",
    )
    _create_partial_index(op, "ix_notifications_sweep_at", ["sweep_at"], "sweep_at IS NOT NULL")


def _create_partial_index(op: Operations, name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "notifications", columns, postgresql_where=condition, sqlite_where=condition)


def _create_outbox(op: Operations) -> None:
    op.create_table(
        "outbox",
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("kind", _word(), nullable=False),
        sa.Column("exchange", sa.Text()),
        sa.Column("routing_key", sa.Text()),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("correlation_id", sa.Text()),
        sa.Column("available_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind", name="pk_outbox"),
        postgresql_with={
            "autovacuum_vacuum_scale_factor": 0,
            "autovacuum_vacuum_threshold": 2000,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    op.create_index("ix_outbox_available_at", "outbox", ["available_at"])


def _create_dead_letters(op: Operations) -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("notification_id", sa.Uuid()),
        sa.Column("channel", _word(), nullable=False),
        sa.Column("template_code", _key()),
        sa.Column("request_id", _key()),
        sa.Column("reason_code", sa.Text(), nullable=False),
        sa.Column("reason_message", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("correlation_id", sa.Text()),
        sa.Column("payload", sa.Text()),
        sa.Column("failed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
    )
    op.create_index("ix_dead_letters_tenant_failed_at_id", "dead_letters", ["tenant", "failed_at", "id"])


def _create_api_keys(op: Operations) -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("kind", _word(), nullable=False),
        sa.Column("key_hash", sa.String(64), nullable=False),
        sa.Column("scopes", JsonDocument(), nullable=False),
        sa.Column("rate_limit", sa.Text()),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_used_at", UtcDateTime()),
        sa.Column("revoked_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("key_id", name="pk_api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )
    op.create_index("ix_api_keys_tenant_created_at", "api_keys", ["tenant", "created_at"])


def _create_audit_log(op: Operations) -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column("address", sa.Text()),
        sa.Column("correlation_id", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_tenant_at_id", "audit_log", ["tenant", "at", "id"])
