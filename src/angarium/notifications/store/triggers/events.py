"""The trigger that adds a status event to the outbox for each change of status, for other programs.

It is active only in sessions that enable it, since `STATUS_EVENTS` is a setting of processes, not of the database.
PostgreSQL sessions use a custom setting, checked in its condition, MariaDB and MySQL sessions a variable; on
SQLite it is a temporary trigger of the writer's connection.
"""

from collections.abc import Mapping, Sequence

from angarium.contracts.messages import EVENTS_EXCHANGE
from angarium.notifications.store.triggers.sql import (
    MYSQL_UUID4,
    SQLITE_UUID4,
    mysql_rfc3339,
    mysql_shown,
    postgresql_rfc3339,
    sqlite_rfc3339,
    sqlite_shown,
)

SESSION_SETTING = "angarium.status_events"
_WANTED = "NEW.status <> OLD.status AND NEW.status <> 'sending'"

POSTGRESQL: Sequence[str] = (
    f"""
    CREATE OR REPLACE FUNCTION tell_status() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO outbox (subject, kind, exchange, routing_key, body, correlation_id, available_at)
        VALUES (gen_random_uuid(), 'status_event', '{EVENTS_EXCHANGE}', NEW.channel || '.' || NEW.status,
            convert_to(json_build_object(
                'schema_version', 1, 'notification_id', NEW.id, 'tenant', NEW.tenant, 'request_id', NEW.request_id,
                'notification_type', NEW.channel, 'user_id', NEW.user_id, 'template_code', NEW.template_code,
                'status', NEW.status, 'previous_status', OLD.status, 'attempts', NEW.attempts,
                'provider', NEW.provider, 'reason', CASE WHEN NEW.reason_code IS NOT NULL THEN json_build_object(
                    'code', NEW.reason_code, 'message', coalesce(NEW.reason_message, '')) END,
                'correlation_id', NEW.correlation_id,
                'occurred_at', {postgresql_rfc3339("NEW.updated_at")}
            )::text, 'UTF8'),
            NEW.correlation_id, NEW.updated_at);
        RETURN NULL;
    END $$
    """,  # noqa: S608 - constants of this file
    f"""
    CREATE TRIGGER tell_status AFTER UPDATE OF status ON notifications FOR EACH ROW
    WHEN ({_WANTED} AND current_setting('{SESSION_SETTING}', true) = 'on')
    EXECUTE FUNCTION tell_status()
    """,
)
MYSQL_SESSION = "SET @angarium_status_events = 1"
"""The first statement of MariaDB and MySQL sessions with status events."""
_MYSQL = (
    f"""
    CREATE TRIGGER tell_status AFTER UPDATE ON notifications FOR EACH ROW
    IF {_WANTED} AND @angarium_status_events = 1 THEN
        INSERT INTO outbox (subject, kind, exchange, routing_key, body, correlation_id, available_at)
        VALUES (
            {MYSQL_UUID4}, 'status_event', '{EVENTS_EXCHANGE}', CONCAT(NEW.channel, '.', NEW.status),
            JSON_OBJECT(
                'schema_version', 1, 'notification_id', {mysql_shown("NEW.id")},
                'tenant', NEW.tenant, 'request_id', NEW.request_id,
                'notification_type', NEW.channel, 'user_id', NEW.user_id, 'template_code', NEW.template_code,
                'status', NEW.status, 'previous_status', OLD.status, 'attempts', NEW.attempts,
                'provider', NEW.provider, 'reason', JSON_EXTRACT(IF(NEW.reason_code IS NULL, 'null', JSON_OBJECT(
                    'code', NEW.reason_code, 'message', COALESCE(NEW.reason_message, ''))), '$'),
                'correlation_id', NEW.correlation_id,
                'occurred_at', {mysql_rfc3339("NEW.updated_at")}),
            NEW.correlation_id, NEW.updated_at);
    END IF
    """,  # noqa: S608 - constants of this file
)
TRIGGERS: Mapping[str, Sequence[str]] = {"postgresql": POSTGRESQL, "sqlite": (), "mysql": _MYSQL}
"""The statements that create it on each database, after the tables."""

SQLITE_SESSION: Sequence[str] = (
    f"""
    CREATE TEMP TRIGGER tell_status AFTER UPDATE OF status ON notifications FOR EACH ROW WHEN {_WANTED}
    BEGIN
        INSERT INTO outbox (subject, kind, exchange, routing_key, body, correlation_id, available_at)
        VALUES (
            {SQLITE_UUID4},
            'status_event', '{EVENTS_EXCHANGE}', NEW.channel || '.' || NEW.status,
            CAST(json_object(
                'schema_version', 1, 'notification_id', {sqlite_shown("NEW.id")},
                'tenant', NEW.tenant, 'request_id', NEW.request_id,
                'notification_type', NEW.channel, 'user_id', NEW.user_id, 'template_code', NEW.template_code,
                'status', NEW.status, 'previous_status', OLD.status, 'attempts', NEW.attempts,
                'provider', NEW.provider, 'reason', CASE WHEN NEW.reason_code IS NOT NULL THEN json_object(
                    'code', NEW.reason_code, 'message', coalesce(NEW.reason_message, '')) END,
                'correlation_id', NEW.correlation_id,
                'occurred_at', {sqlite_rfc3339("NEW.updated_at")}
            ) AS BLOB),
            NEW.correlation_id, NEW.updated_at);
    END
    """,  # noqa: S608 - constants of this file
)
"""The first statements of SQLite connections with status events."""
