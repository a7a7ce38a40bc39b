# ruff: noqa: E501 - the statements as they were made
"""The schema of 0010 on MariaDB and MySQL: that of the ten migrations, with triggers in the words of these servers.

None of the ten made a trigger there. A trigger there may not change its own table: a fallback's notification is made by
the statements that record a failure.
"""

from importlib import import_module

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0010"
down_revision = None

_BEFORE = (
    "0001_notifications",
    "0002_tenants_and_test_keys",
    "0003_callbacks",
    "0004_search_fallback_events",
    "0005_contact_versions",
    "0006_growth",
    "0007_indexes_for_deletion",
    "0008_erasures",
    "0009_providers",
    "0010_suppressions",
)
_TRIGGERS = {
    "keep_callback": """
    CREATE TRIGGER keep_callback AFTER UPDATE ON notifications FOR EACH ROW
    IF NEW.callback_url IS NOT NULL AND NEW.status <> OLD.status AND NEW.status IN ('sent', 'delivered', 'failed', 'skipped', 'cancelled', 'expired', 'unknown') THEN
        INSERT INTO callbacks (id, tenant, notification_id, url, origin, status, reason_code, reason_message, occurred_at, state, tries,
    next_at, attempts)
        VALUES (
            LOWER(CONCAT(HEX(RANDOM_BYTES(6)), '4', SUBSTR(HEX(RANDOM_BYTES(2)), 2),
    SUBSTR('89AB', 1 + FLOOR(RAND() * 4), 1), SUBSTR(HEX(RANDOM_BYTES(2)), 2), HEX(RANDOM_BYTES(6)))), NEW.tenant, NEW.id, NEW.callback_url,
            COALESCE(LOWER(REGEXP_SUBSTR(NEW.callback_url, '^[^/]*//[^/?#]*')), ''),
            NEW.status, NEW.reason_code, NEW.reason_message, NEW.updated_at, 'pending', 0, NEW.updated_at, '[]');
    END IF
    """,
    "keep_metadata": """
    CREATE TRIGGER keep_metadata AFTER INSERT ON notifications FOR EACH ROW
    IF NEW.metadata <> '{}' THEN
        INSERT INTO notification_metadata (tenant, name, value, created_at, id)
        SELECT NEW.tenant, said.name, said.value, NEW.created_at, NEW.id FROM (
            SELECT names.name AS name, JSON_UNQUOTE(JSON_EXTRACT(NEW.metadata, CONCAT('$.', JSON_QUOTE(names.name)))) AS value
            FROM JSON_TABLE(JSON_KEYS(NEW.metadata), '$[*]' COLUMNS (
                name LONGTEXT CHARACTER SET utf8mb4 PATH '$')) AS names
            WHERE JSON_TYPE(JSON_EXTRACT(NEW.metadata, CONCAT('$.', JSON_QUOTE(names.name)))) NOT IN ('OBJECT', 'ARRAY', 'NULL')
              AND CHAR_LENGTH(names.name) <= 255 AND CHAR_LENGTH(JSON_UNQUOTE(JSON_EXTRACT(NEW.metadata, CONCAT('$.', JSON_QUOTE(names.name))))) <= 255
        ) AS said
        ON DUPLICATE KEY UPDATE notification_metadata.id = notification_metadata.id;
    END IF
    """,
    "change_metadata": """
    CREATE TRIGGER change_metadata AFTER UPDATE ON notifications FOR EACH ROW
    IF NEW.metadata <> OLD.metadata THEN
        DELETE kept FROM notification_metadata AS kept JOIN (
            SELECT names.name AS name, JSON_UNQUOTE(JSON_EXTRACT(OLD.metadata, CONCAT('$.', JSON_QUOTE(names.name)))) AS value
            FROM JSON_TABLE(JSON_KEYS(OLD.metadata), '$[*]' COLUMNS (
                name LONGTEXT CHARACTER SET utf8mb4 PATH '$')) AS names
            WHERE JSON_TYPE(JSON_EXTRACT(OLD.metadata, CONCAT('$.', JSON_QUOTE(names.name)))) NOT IN ('OBJECT', 'ARRAY', 'NULL')
              AND CHAR_LENGTH(names.name) <= 255 AND CHAR_LENGTH(JSON_UNQUOTE(JSON_EXTRACT(OLD.metadata, CONCAT('$.', JSON_QUOTE(names.name))))) <= 255
        ) AS said
            ON kept.name = said.name AND kept.value = said.value
        WHERE kept.tenant = OLD.tenant AND kept.created_at = OLD.created_at AND kept.id = OLD.id;

        INSERT INTO notification_metadata (tenant, name, value, created_at, id)
        SELECT NEW.tenant, said.name, said.value, NEW.created_at, NEW.id FROM (
            SELECT names.name AS name, JSON_UNQUOTE(JSON_EXTRACT(NEW.metadata, CONCAT('$.', JSON_QUOTE(names.name)))) AS value
            FROM JSON_TABLE(JSON_KEYS(NEW.metadata), '$[*]' COLUMNS (
                name LONGTEXT CHARACTER SET utf8mb4 PATH '$')) AS names
            WHERE JSON_TYPE(JSON_EXTRACT(NEW.metadata, CONCAT('$.', JSON_QUOTE(names.name)))) NOT IN ('OBJECT', 'ARRAY', 'NULL')
              AND CHAR_LENGTH(names.name) <= 255 AND CHAR_LENGTH(JSON_UNQUOTE(JSON_EXTRACT(NEW.metadata, CONCAT('$.', JSON_QUOTE(names.name))))) <= 255
        ) AS said
        ON DUPLICATE KEY UPDATE notification_metadata.id = notification_metadata.id;
    END IF
    """,
    "drop_metadata": """
    CREATE TRIGGER drop_metadata AFTER DELETE ON notifications FOR EACH ROW
    IF OLD.metadata <> '{}' THEN
        DELETE kept FROM notification_metadata AS kept JOIN (
            SELECT names.name AS name, JSON_UNQUOTE(JSON_EXTRACT(OLD.metadata, CONCAT('$.', JSON_QUOTE(names.name)))) AS value
            FROM JSON_TABLE(JSON_KEYS(OLD.metadata), '$[*]' COLUMNS (
                name LONGTEXT CHARACTER SET utf8mb4 PATH '$')) AS names
            WHERE JSON_TYPE(JSON_EXTRACT(OLD.metadata, CONCAT('$.', JSON_QUOTE(names.name)))) NOT IN ('OBJECT', 'ARRAY', 'NULL')
              AND CHAR_LENGTH(names.name) <= 255 AND CHAR_LENGTH(JSON_UNQUOTE(JSON_EXTRACT(OLD.metadata, CONCAT('$.', JSON_QUOTE(names.name))))) <= 255
        ) AS said
            ON kept.name = said.name AND kept.value = said.value
        WHERE kept.tenant = OLD.tenant AND kept.created_at = OLD.created_at AND kept.id = OLD.id;
    END IF
    """,
    "tell_status": """
    CREATE TRIGGER tell_status AFTER UPDATE ON notifications FOR EACH ROW
    IF NEW.status <> OLD.status AND NEW.status <> 'sending' AND @angarium_status_events = 1 THEN
        INSERT INTO outbox (subject, kind, exchange, routing_key, body, correlation_id, available_at)
        VALUES (
            LOWER(CONCAT(HEX(RANDOM_BYTES(6)), '4', SUBSTR(HEX(RANDOM_BYTES(2)), 2),
    SUBSTR('89AB', 1 + FLOOR(RAND() * 4), 1), SUBSTR(HEX(RANDOM_BYTES(2)), 2), HEX(RANDOM_BYTES(6)))), 'status_event', 'notifications.events', CONCAT(NEW.channel, '.', NEW.status),
            JSON_OBJECT(
                'schema_version', 1, 'notification_id', CONCAT_WS('-', SUBSTR(NEW.id, 1, 8), SUBSTR(NEW.id, 9, 4), SUBSTR(NEW.id, 13, 4),
        SUBSTR(NEW.id, 17, 4), SUBSTR(NEW.id, 21)),
                'tenant', NEW.tenant, 'request_id', NEW.request_id,
                'notification_type', NEW.channel, 'user_id', NEW.user_id, 'template_code', NEW.template_code,
                'status', NEW.status, 'previous_status', OLD.status, 'attempts', NEW.attempts,
                'provider', NEW.provider, 'reason', JSON_EXTRACT(IF(NEW.reason_code IS NULL, 'null', JSON_OBJECT(
                    'code', NEW.reason_code, 'message', COALESCE(NEW.reason_message, ''))), '$'),
                'correlation_id', NEW.correlation_id,
                'occurred_at', DATE_FORMAT(NEW.updated_at, '%Y-%m-%dT%H:%i:%s.%fZ')),
            NEW.correlation_id, NEW.updated_at);
    END IF
    """,
}


def upgrade(op: Operations) -> None:
    for name in _BEFORE:
        import_module(f"angarium.notifications.migrations.versions.{name}").upgrade(op)
    there = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    made = set(op.get_bind().scalars(sa.text(there)))
    for name, statement in _TRIGGERS.items():
        if name not in made:
            op.execute(sa.text(statement.replace(":", "\\:")))
