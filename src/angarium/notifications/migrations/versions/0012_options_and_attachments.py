# ruff: noqa: E501 - the statements as they were made
"""Fields of one channel, and attachments; the trigger of fallbacks copies the ones and moves the others."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0012"
down_revision = "0011"

_POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION fall_back() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        moment timestamptz := clock_timestamp();
        told text := to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
        next_id uuid := encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
            substring(int8send((extract(epoch FROM moment) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1),
            'hex')::uuid;
    BEGIN
        INSERT INTO notifications (id, caller, request_id, channel, fallback, fallback_of, status, attempts, sweep_at, events, created_at,
    updated_at, tenant, fingerprint, user_id, recipient, template_code, template_version, locale, category, priority, variables, metadata, policy, correlation_id, traceparent, callback_url, expires_at, test, options)
        VALUES (next_id, left(NEW.caller, 200) || '#' || NEW.id, CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST(substr(NEW.request_id, length(NEW.request_id)) AS INTEGER) + 1 AS TEXT) END, NEW.fallback ->> 0, NEW.fallback - 0,
            coalesce(NEW.fallback_of, NEW.id), 'pending', 0,
            moment + interval '600 seconds',
            jsonb_build_array(jsonb_build_object(
                'event', 'accepted', 'at', told, 'status', 'pending', 'fallback_of', NEW.id)),
            moment, moment, NEW.tenant, NEW.fingerprint, NEW.user_id, NEW.recipient, NEW.template_code, NEW.template_version, NEW.locale, NEW.category, NEW.priority, NEW.variables, NEW.metadata, NEW.policy, NEW.correlation_id, NEW.traceparent, NEW.callback_url, NEW.expires_at, NEW.test, NEW.options)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            INSERT INTO outbox (subject, kind, available_at) VALUES (next_id, 'work', moment);
            IF NEW.options IS NOT NULL THEN
                UPDATE attachments SET notification_id = next_id WHERE notification_id = NEW.id;
            END IF;
            UPDATE notifications SET events = events || jsonb_build_object(
                'event', 'fallback', 'at', told, 'notification_id', next_id, 'notification_type', NEW.fallback ->> 0)
            WHERE id = NEW.id;
        END IF;
        RETURN NULL;
    END $$
    """,
)
_SQLITE = (
    "DROP TRIGGER fall_back",
    """
    CREATE TRIGGER fall_back AFTER UPDATE OF status ON notifications FOR EACH ROW
    WHEN NEW.status = 'failed' AND OLD.status <> 'failed' AND NEW.fallback <> '[]'
    BEGIN
        INSERT OR IGNORE INTO notifications (id, caller, request_id, channel, fallback, fallback_of, status, attempts, sweep_at, events, created_at,
    updated_at, tenant, fingerprint, user_id, recipient, template_code, template_version, locale, category, priority, variables, metadata, policy, correlation_id, traceparent, callback_url, expires_at, test, options)
        VALUES (
            printf('%012x', NEW.updated_at / 1000) || lower('7' || substr(hex(randomblob(2)), 2)
        || substr('89AB', 1 + abs(random() % 4), 1) || substr(hex(randomblob(2)), 2) || hex(randomblob(6))),
            substr(NEW.caller, 1, 200) || '#' || NEW.id, CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST(substr(NEW.request_id, length(NEW.request_id)) AS INTEGER) + 1 AS TEXT) END,
            json_extract(NEW.fallback, '$[0]'), json_remove(NEW.fallback, '$[0]'),
            coalesce(NEW.fallback_of, NEW.id), 'pending', 0,
            NEW.updated_at + 600 * 1000000,
            json_array(json_object('event', 'accepted', 'at', strftime('%Y-%m-%dT%H:%M:%S', NEW.updated_at / 1000000, 'unixepoch') || printf('.%06dZ', NEW.updated_at % 1000000), 'status', 'pending', 'fallback_of',
                substr(NEW.id, 1, 8) || '-' || substr(NEW.id, 9, 4) || '-'
        || substr(NEW.id, 13, 4) || '-' || substr(NEW.id, 17, 4) || '-' || substr(NEW.id, 21))),
            NEW.updated_at, NEW.updated_at, NEW.tenant, NEW.fingerprint, NEW.user_id, NEW.recipient, NEW.template_code, NEW.template_version, NEW.locale, NEW.category, NEW.priority, NEW.variables, NEW.metadata, NEW.policy, NEW.correlation_id, NEW.traceparent, NEW.callback_url, NEW.expires_at, NEW.test, NEW.options);
        INSERT OR IGNORE INTO outbox (subject, kind, available_at)
        SELECT id, 'work', NEW.updated_at FROM notifications
        WHERE request_id = CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST(substr(NEW.request_id, length(NEW.request_id)) AS INTEGER) + 1 AS TEXT) END AND tenant = NEW.tenant
          AND caller = substr(NEW.caller, 1, 200) || '#' || NEW.id;
        UPDATE attachments SET notification_id = (
            SELECT id FROM notifications
            WHERE request_id = CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST(substr(NEW.request_id, length(NEW.request_id)) AS INTEGER) + 1 AS TEXT) END AND tenant = NEW.tenant
              AND caller = substr(NEW.caller, 1, 200) || '#' || NEW.id)
        WHERE NEW.options IS NOT NULL AND notification_id = NEW.id;
        UPDATE notifications SET events = json_insert(events, '$[#]', (
            SELECT json_object('event', 'fallback', 'at', strftime('%Y-%m-%dT%H:%M:%S', NEW.updated_at / 1000000, 'unixepoch') || printf('.%06dZ', NEW.updated_at % 1000000), 'notification_id',
                substr(next.id, 1, 8) || '-' || substr(next.id, 9, 4) || '-'
        || substr(next.id, 13, 4) || '-' || substr(next.id, 17, 4) || '-' || substr(next.id, 21), 'notification_type', next.channel)
            FROM notifications next
            WHERE next.request_id = CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST(substr(NEW.request_id, length(NEW.request_id)) AS INTEGER) + 1 AS TEXT) END AND next.tenant = NEW.tenant
              AND next.caller = substr(NEW.caller, 1, 200) || '#' || NEW.id))
        WHERE id = NEW.id;
    END
    """,
)
_STATEMENTS = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}
"""On MariaDB and MySQL the statements that record a failure make the fallback's notification."""


def upgrade(op: Operations) -> None:
    op.add_column("notifications", sa.Column("options", sa.JSON(none_as_null=True)))
    op.create_table(
        "attachments",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(16_777_215), nullable=False),
        sa.PrimaryKeyConstraint("notification_id", "position", name="pk_attachments"),
    )
    for statement in _STATEMENTS.get(op.get_context().dialect.name, ()):
        op.execute(sa.text(statement.replace(":", "\\:")))
