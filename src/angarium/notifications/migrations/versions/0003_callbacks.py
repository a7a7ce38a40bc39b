"""Callbacks, one for each change to a status that the caller subscribed to, and disabled endpoints.

A trigger inserts them, so every change has its callback, whichever statement makes it.
"""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.types import JsonDocument, UtcDateTime

revision = "0003"
down_revision = "0002"

_TOLD = "'sent', 'delivered', 'failed', 'skipped', 'cancelled', 'expired', 'unknown'"
_COLUMNS = """id, tenant, notification_id, url, origin, status, reason_code, reason_message, occurred_at, state, tries,
    next_at, attempts"""
_POSTGRESQL = (
    f"""
    CREATE OR REPLACE FUNCTION keep_callback() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO callbacks ({_COLUMNS})
        VALUES (gen_random_uuid(), NEW.tenant, NEW.id, NEW.callback_url,
            coalesce(lower(substring(NEW.callback_url from '^[^/]*//[^/?#]*')), ''), NEW.status, NEW.reason_code,
            NEW.reason_message, NEW.updated_at, 'pending', 0, NEW.updated_at, '[]');
        RETURN NULL;
    END $$
    """,  # noqa: S608 - constants of this file
    f"""
    CREATE TRIGGER keep_callback AFTER UPDATE OF status ON notifications FOR EACH ROW
    WHEN (NEW.callback_url IS NOT NULL AND NEW.status <> OLD.status AND NEW.status IN ({_TOLD}))
    EXECUTE FUNCTION keep_callback()
    """,
)
_AFTER_SCHEME = "substr(NEW.callback_url, instr(NEW.callback_url, '//') + 2)"
_SQLITE = (
    f"""
    CREATE TRIGGER keep_callback AFTER UPDATE OF status ON notifications FOR EACH ROW
    WHEN NEW.callback_url IS NOT NULL AND NEW.status <> OLD.status AND NEW.status IN ({_TOLD})
    BEGIN
        INSERT INTO callbacks ({_COLUMNS})
        VALUES (
            lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2) || substr('89AB', 1 + abs(random() % 4), 1)
                || substr(hex(randomblob(2)), 2) || hex(randomblob(6))),
            NEW.tenant, NEW.id, NEW.callback_url,
            lower(substr(NEW.callback_url, 1, instr(NEW.callback_url, '//') + min(
                instr({_AFTER_SCHEME} || '/', '/'), instr({_AFTER_SCHEME} || '?', '?'),
                instr({_AFTER_SCHEME} || '#', '#')))),
            NEW.status, NEW.reason_code, NEW.reason_message, NEW.updated_at, 'pending', 0, NEW.updated_at, '[]');
    END
    """,  # noqa: S608 - constants of this file
)


def upgrade(op: Operations) -> None:
    _create_callbacks(op)
    op.create_table(
        "callback_endpoints",
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("endpoint_hash", sa.String(64), nullable=False),
        sa.Column("failing_since", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime()),
        sa.PrimaryKeyConstraint("tenant", "endpoint_hash", name="pk_callback_endpoints"),
    )
    for statement in _triggers(op):
        op.execute(statement)


def _key() -> sa.types.TypeEngine[str]:
    return sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def _word() -> sa.types.TypeEngine[str]:
    return sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")


def _create_callbacks(op: Operations) -> None:
    op.create_table(
        "callbacks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("status", _word(), nullable=False),
        sa.Column("reason_code", sa.Text()),
        sa.Column("reason_message", sa.Text()),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("state", _word(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcDateTime()),
        sa.Column("attempts", JsonDocument(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_callbacks"),
    )
    due = sa.text("next_at IS NOT NULL")
    op.create_index("ix_callbacks_next_at", "callbacks", ["next_at"], postgresql_where=due, sqlite_where=due)
    op.create_index("ix_callbacks_notification_id", "callbacks", ["notification_id"])
    op.create_index("ix_callbacks_tenant_occurred_at_id", "callbacks", ["tenant", "occurred_at", "id"])


def _triggers(op: Operations) -> tuple[str, ...]:
    return {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}.get(op.get_bind().dialect.name, ())
