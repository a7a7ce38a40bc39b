# ruff: noqa: E501 - the statements as they were made
"""Search by metadata, fallback channels, status events, delivery reports that came early.

Triggers do it, so that no change can be without what belongs to it, whichever statement makes the change. They are
committed before the search is filled, piece by piece: until then their creation stops every writer. So it may be run
again from its beginning.
"""

import sqlalchemy as sa
from alembic.operations import Operations

from angarium.platform.database.online import fill, on_postgresql
from angarium.platform.database.types import UtcDateTime

revision = "0004"
down_revision = "0003"

_POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION keep_metadata() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE given record;
    BEGIN
        IF TG_OP <> 'INSERT' THEN
            FOR given IN SELECT * FROM jsonb_each_text(OLD.metadata) LOOP
                DELETE FROM notification_metadata
                WHERE tenant = OLD.tenant AND name = given.key AND value = given.value
                  AND created_at = OLD.created_at AND id = OLD.id;
            END LOOP;
        END IF;
        IF TG_OP <> 'DELETE' THEN
            INSERT INTO notification_metadata (tenant, name, value, created_at, id)
            SELECT NEW.tenant, entry.key, NEW.metadata ->> entry.key, NEW.created_at, NEW.id
            FROM jsonb_each(NEW.metadata) AS entry
            WHERE jsonb_typeof(entry.value) IN ('string', 'number', 'boolean')
              AND length(entry.key) <= 255 AND length(NEW.metadata ->> entry.key) <= 255
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER keep_metadata AFTER INSERT ON notifications FOR EACH ROW
    WHEN (NEW.metadata <> '{}'::jsonb) EXECUTE FUNCTION keep_metadata()
    """,
    """
    CREATE OR REPLACE TRIGGER change_metadata AFTER UPDATE OF metadata ON notifications FOR EACH ROW
    WHEN (NEW.metadata <> OLD.metadata) EXECUTE FUNCTION keep_metadata()
    """,
    """
    CREATE OR REPLACE TRIGGER drop_metadata AFTER DELETE ON notifications FOR EACH ROW
    WHEN (OLD.metadata <> '{}'::jsonb) EXECUTE FUNCTION keep_metadata()
    """,
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
    updated_at, tenant, fingerprint, user_id, recipient, template_code, template_version, locale, category, priority,
    variables, metadata, policy, correlation_id, traceparent, callback_url, expires_at, test)
        VALUES (next_id, left(NEW.caller, 200) || '#' || NEW.id, CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST(substr(NEW.request_id, length(NEW.request_id)) AS INTEGER) + 1 AS TEXT) END, NEW.fallback ->> 0, NEW.fallback - 0,
            coalesce(NEW.fallback_of, NEW.id), 'pending', 0,
            moment + interval '600 seconds',
            jsonb_build_array(jsonb_build_object(
                'event', 'accepted', 'at', told, 'status', 'pending', 'fallback_of', NEW.id)),
            moment, moment, NEW.tenant, NEW.fingerprint, NEW.user_id, NEW.recipient, NEW.template_code, NEW.template_version, NEW.locale, NEW.category, NEW.priority, NEW.variables, NEW.metadata, NEW.policy, NEW.correlation_id, NEW.traceparent, NEW.callback_url, NEW.expires_at, NEW.test)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            INSERT INTO outbox (subject, kind, available_at) VALUES (next_id, 'work', moment);
            UPDATE notifications SET events = events || jsonb_build_object(
                'event', 'fallback', 'at', told, 'notification_id', next_id, 'notification_type', NEW.fallback ->> 0)
            WHERE id = NEW.id;
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER fall_back AFTER UPDATE OF status ON notifications FOR EACH ROW
    WHEN (NEW.status = 'failed' AND OLD.status <> 'failed' AND NEW.fallback <> '[]'::jsonb)
    EXECUTE FUNCTION fall_back()
    """,
    """
    CREATE OR REPLACE FUNCTION tell_status() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO outbox (subject, kind, exchange, routing_key, body, correlation_id, available_at)
        VALUES (gen_random_uuid(), 'status_event', 'notifications.events', NEW.channel || '.' || NEW.status,
            convert_to(json_build_object(
                'schema_version', 1, 'notification_id', NEW.id, 'tenant', NEW.tenant, 'request_id', NEW.request_id,
                'notification_type', NEW.channel, 'user_id', NEW.user_id, 'template_code', NEW.template_code,
                'status', NEW.status, 'previous_status', OLD.status, 'attempts', NEW.attempts,
                'provider', NEW.provider, 'reason', CASE WHEN NEW.reason_code IS NOT NULL THEN json_build_object(
                    'code', NEW.reason_code, 'message', coalesce(NEW.reason_message, '')) END,
                'correlation_id', NEW.correlation_id,
                'occurred_at', to_char(NEW.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            )::text, 'UTF8'),
            NEW.correlation_id, NEW.updated_at);
        RETURN NULL;
    END $$
    """,
    """
    CREATE OR REPLACE TRIGGER tell_status AFTER UPDATE OF status ON notifications FOR EACH ROW
    WHEN (NEW.status <> OLD.status AND NEW.status <> 'sending' AND current_setting('angarium.status_events', true) = 'on')
    EXECUTE FUNCTION tell_status()
    """,
)
_SQLITE = (
    """
    CREATE TRIGGER keep_metadata AFTER INSERT ON notifications FOR EACH ROW WHEN NEW.metadata <> '{}'
    BEGIN
        INSERT OR IGNORE INTO notification_metadata (tenant, name, value, created_at, id)
        SELECT NEW.tenant, key, CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(atom AS TEXT) END, NEW.created_at, NEW.id FROM json_each(NEW.metadata)
        WHERE type IN ('text', 'integer', 'real', 'true', 'false')
          AND length(key) <= 255 AND length(CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(atom AS TEXT) END) <= 255;
    END
    """,
    """
    CREATE TRIGGER change_metadata AFTER UPDATE OF metadata ON notifications FOR EACH ROW
    WHEN NEW.metadata <> OLD.metadata
    BEGIN
        DELETE FROM notification_metadata
        WHERE tenant = OLD.tenant AND created_at = OLD.created_at AND id = OLD.id
          AND (name, value) IN (SELECT key, CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(atom AS TEXT) END FROM json_each(OLD.metadata));

        INSERT OR IGNORE INTO notification_metadata (tenant, name, value, created_at, id)
        SELECT NEW.tenant, key, CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(atom AS TEXT) END, NEW.created_at, NEW.id FROM json_each(NEW.metadata)
        WHERE type IN ('text', 'integer', 'real', 'true', 'false')
          AND length(key) <= 255 AND length(CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(atom AS TEXT) END) <= 255;
    END
    """,
    """
    CREATE TRIGGER drop_metadata AFTER DELETE ON notifications FOR EACH ROW WHEN OLD.metadata <> '{}'
    BEGIN
        DELETE FROM notification_metadata
        WHERE tenant = OLD.tenant AND created_at = OLD.created_at AND id = OLD.id
          AND (name, value) IN (SELECT key, CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(atom AS TEXT) END FROM json_each(OLD.metadata));
    END
    """,
    """
    CREATE TRIGGER fall_back AFTER UPDATE OF status ON notifications FOR EACH ROW
    WHEN NEW.status = 'failed' AND OLD.status <> 'failed' AND NEW.fallback <> '[]'
    BEGIN
        INSERT OR IGNORE INTO notifications (id, caller, request_id, channel, fallback, fallback_of, status, attempts, sweep_at, events, created_at,
    updated_at, tenant, fingerprint, user_id, recipient, template_code, template_version, locale, category, priority,
    variables, metadata, policy, correlation_id, traceparent, callback_url, expires_at, test)
        VALUES (
            printf('%012x', NEW.updated_at / 1000) || lower('7' || substr(hex(randomblob(2)), 2)
                || substr('89AB', 1 + abs(random() % 4), 1) || substr(hex(randomblob(2)), 2) || hex(randomblob(6))),
            substr(NEW.caller, 1, 200) || '#' || NEW.id, CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST(substr(NEW.request_id, length(NEW.request_id)) AS INTEGER) + 1 AS TEXT) END,
            json_extract(NEW.fallback, '$[0]'), json_remove(NEW.fallback, '$[0]'),
            coalesce(NEW.fallback_of, NEW.id), 'pending', 0,
            NEW.updated_at + 600 * 1000000,
            json_array(json_object('event', 'accepted', 'at', strftime('%Y-%m-%dT%H:%M:%S', NEW.updated_at / 1000000, 'unixepoch') || printf('.%06dZ', NEW.updated_at % 1000000), 'status', 'pending', 'fallback_of',
                substr(NEW.id, 1, 8) || '-' || substr(NEW.id, 9, 4) || '-' || substr(NEW.id, 13, 4) || '-'
                || substr(NEW.id, 17, 4) || '-' || substr(NEW.id, 21))),
            NEW.updated_at, NEW.updated_at, NEW.tenant, NEW.fingerprint, NEW.user_id, NEW.recipient, NEW.template_code, NEW.template_version, NEW.locale, NEW.category, NEW.priority, NEW.variables, NEW.metadata, NEW.policy, NEW.correlation_id, NEW.traceparent, NEW.callback_url, NEW.expires_at, NEW.test);
        INSERT OR IGNORE INTO outbox (subject, kind, available_at)
        SELECT id, 'work', NEW.updated_at FROM notifications
        WHERE request_id = CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST(substr(NEW.request_id, length(NEW.request_id)) AS INTEGER) + 1 AS TEXT) END AND tenant = NEW.tenant
          AND caller = substr(NEW.caller, 1, 200) || '#' || NEW.id;
        UPDATE notifications SET events = json_insert(events, '$[#]', (
            SELECT json_object('event', 'fallback', 'at', strftime('%Y-%m-%dT%H:%M:%S', NEW.updated_at / 1000000, 'unixepoch') || printf('.%06dZ', NEW.updated_at % 1000000), 'notification_id',
                substr(next.id, 1, 8) || '-' || substr(next.id, 9, 4) || '-' || substr(next.id, 13, 4) || '-'
                || substr(next.id, 17, 4) || '-' || substr(next.id, 21), 'notification_type', next.channel)
            FROM notifications next
            WHERE next.request_id = CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST(substr(NEW.request_id, length(NEW.request_id)) AS INTEGER) + 1 AS TEXT) END AND next.tenant = NEW.tenant
              AND next.caller = substr(NEW.caller, 1, 200) || '#' || NEW.id))
        WHERE id = NEW.id;
    END
    """,
)


def upgrade(op: Operations) -> None:
    op.create_table(
        "notification_metadata",
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("name", _key(), nullable=False),
        sa.Column("value", _key(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", "value", "created_at", "id", name="pk_notification_metadata"),
        if_not_exists=True,
    )
    op.create_table(
        "held_reports",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("status", _word(), nullable=False),
        sa.Column("tenant", _key(), nullable=False),
        sa.Column("reported_by", sa.Text(), nullable=False),
        sa.Column("reported_at", UtcDateTime(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("notification_id", "status", name="pk_held_reports"),
        if_not_exists=True,
    )
    dialect = op.get_bind().dialect.name
    for statement in {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}.get(dialect, ()):
        op.execute(sa.text(statement.replace(":", "\\:")))
    if on_postgresql(op):
        fill(op, _FILL["postgresql"], "notifications")
    elif dialect in _FILL:
        op.execute(_FILL[dialect])


def _key() -> sa.types.TypeEngine[str]:
    return sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")


def _word() -> sa.types.TypeEngine[str]:
    return sa.String(16).with_variant(sa.String(16, collation="C"), "postgresql")


_FILL = {
    # Neither database counts setting a column to its current value as a change, so this does what the triggers do.
    # Rows are locked, so that none changes between the read and the insert.
    "postgresql": """
        INSERT INTO notification_metadata (tenant, name, value, created_at, id)
        SELECT n.tenant, entry.key, n.metadata ->> entry.key, n.created_at, n.id
        FROM (
            SELECT id, tenant, metadata, created_at FROM notifications
            WHERE id > :after AND id <= :last AND metadata <> '{}' ORDER BY id FOR SHARE
        ) AS n, jsonb_each(n.metadata) AS entry
        WHERE jsonb_typeof(entry.value) IN ('string', 'number', 'boolean')
          AND length(entry.key) <= 255 AND length(n.metadata ->> entry.key) <= 255
        ON CONFLICT DO NOTHING
    """,
    "sqlite": """
        INSERT OR IGNORE INTO notification_metadata (tenant, name, value, created_at, id)
        SELECT n.tenant, e.key, CASE e.type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false'
            ELSE CAST(e.atom AS TEXT) END, n.created_at, n.id
        FROM notifications n, json_each(n.metadata) AS e
        WHERE e.type IN ('text', 'integer', 'real', 'true', 'false')
          AND length(e.key) <= 255 AND length(e.atom) <= 255
    """,
}
