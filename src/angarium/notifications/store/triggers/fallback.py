"""The trigger that continues with the next channel when a notification with fallbacks has failed permanently.

It is a trigger, so that the change that ends one notification also creates the next, whatever the cause: a provider's
refusal, exhausted retries, a bounce, an operator. Its condition is evaluated first, so a notification without
fallbacks costs nothing.

The next notification has the same recipient, template, variables, metadata and callback. Its `request_id` names the
original request and the number of the fallback. Attachments move to it, since the previous one has failed permanently,
without a dead letter, and is not sent again. It is unique by its `caller`, an internal value to which the previous
notification's id is added.
"""

from collections.abc import Mapping, Sequence

from angarium.notifications.store.record import Use, used
from angarium.notifications.store.timing import PENDING_GRACE
from angarium.notifications.store.triggers.sql import (
    postgresql_rfc3339,
    postgresql_uuid7,
    sqlite_rfc3339,
    sqlite_shown,
    sqlite_uuid7,
)

_NAMES = [column.name for column in used(Use.COPIED)]
_COPIED = ", ".join(_NAMES)
_NEW = ", ".join(f"NEW.{name}" for name in _NAMES)
_MADE = f"""id, caller, request_id, channel, fallback, fallback_of, status, attempts, sweep_at, events, created_at,
    updated_at, {_COPIED}"""
_LAST = "substr(NEW.request_id, length(NEW.request_id))"
_REQUEST_ID = f"""CASE WHEN NEW.fallback_of IS NULL THEN substr(NEW.request_id, 1, 240) || '#fallback-1'
    ELSE substr(NEW.request_id, 1, length(NEW.request_id) - 1) || CAST(CAST({_LAST} AS INTEGER) + 1 AS TEXT) END"""

REQUEST_ID = """CASE WHEN {row}.fallback_of IS NULL THEN CONCAT(LEFT({row}.request_id, 240), '#fallback-1')
    ELSE CONCAT(LEFT({row}.request_id, CHAR_LENGTH({row}.request_id) - 1), RIGHT({row}.request_id, 1) + 1) END"""
"""The next notification's request_id as SQL for MariaDB and MySQL, from the previous `row`."""

_POSTGRESQL = (
    rf"""
    CREATE OR REPLACE FUNCTION fall_back() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        moment timestamptz := clock_timestamp();
        told text := {postgresql_rfc3339("moment")};
        next_id uuid := {postgresql_uuid7("moment")};
    BEGIN
        INSERT INTO notifications ({_MADE})
        VALUES (next_id, left(NEW.caller, 200) || '#' || NEW.id, {_REQUEST_ID}, NEW.fallback ->> 0, NEW.fallback - 0,
            coalesce(NEW.fallback_of, NEW.id), 'pending', 0,
            moment + interval '{PENDING_GRACE.total_seconds():.0f} seconds',
            jsonb_build_array(jsonb_build_object(
                'event', 'accepted', 'at', told, 'status', 'pending', 'fallback_of', NEW.id)),
            moment, moment, {_NEW})
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
    """,  # noqa: S608 - constants of this file
    """
    CREATE TRIGGER fall_back AFTER UPDATE OF status ON notifications FOR EACH ROW
    WHEN (NEW.status = 'failed' AND OLD.status <> 'failed' AND NEW.fallback <> '[]'::jsonb)
    EXECUTE FUNCTION fall_back()
    """,
)
_TOLD = sqlite_rfc3339("NEW.updated_at")
_SQLITE = (
    f"""
    CREATE TRIGGER fall_back AFTER UPDATE OF status ON notifications FOR EACH ROW
    WHEN NEW.status = 'failed' AND OLD.status <> 'failed' AND NEW.fallback <> '[]'
    BEGIN
        INSERT OR IGNORE INTO notifications ({_MADE})
        VALUES (
            {sqlite_uuid7("NEW.updated_at")},
            substr(NEW.caller, 1, 200) || '#' || NEW.id, {_REQUEST_ID},
            json_extract(NEW.fallback, '$[0]'), json_remove(NEW.fallback, '$[0]'),
            coalesce(NEW.fallback_of, NEW.id), 'pending', 0,
            NEW.updated_at + {PENDING_GRACE.total_seconds():.0f} * 1000000,
            json_array(json_object('event', 'accepted', 'at', {_TOLD}, 'status', 'pending', 'fallback_of',
                {sqlite_shown("NEW.id")})),
            NEW.updated_at, NEW.updated_at, {_NEW});
        INSERT OR IGNORE INTO outbox (subject, kind, available_at)
        SELECT id, 'work', NEW.updated_at FROM notifications
        WHERE request_id = {_REQUEST_ID} AND tenant = NEW.tenant
          AND caller = substr(NEW.caller, 1, 200) || '#' || NEW.id;
        UPDATE attachments SET notification_id = (
            SELECT id FROM notifications
            WHERE request_id = {_REQUEST_ID} AND tenant = NEW.tenant
              AND caller = substr(NEW.caller, 1, 200) || '#' || NEW.id)
        WHERE NEW.options IS NOT NULL AND notification_id = NEW.id;
        UPDATE notifications SET events = json_insert(events, '$[#]', (
            SELECT json_object('event', 'fallback', 'at', {_TOLD}, 'notification_id',
                {sqlite_shown("next.id")}, 'notification_type', next.channel)
            FROM notifications next
            WHERE next.request_id = {_REQUEST_ID} AND next.tenant = NEW.tenant
              AND next.caller = substr(NEW.caller, 1, 200) || '#' || NEW.id))
        WHERE id = NEW.id;
    END
    """,  # noqa: S608 - constants of this file
)

TRIGGERS: Mapping[str, Sequence[str]] = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE, "mysql": ()}
"""The statements that create it on each database, after the tables.

None on MariaDB and MySQL, where a trigger may not change its own table: `store/mysql/record.py` does it.
"""
