"""The trigger that indexes metadata for search: one row per name and value.

The rows are separate from the notification, because each change of status writes all of its indexes, while these rows
are written once. They are ordered by time within a name and value, so that every page of a search costs the same. The
WHEN condition is evaluated first, so a notification without metadata costs nothing.
"""

from collections.abc import Mapping, Sequence

LONGEST = 255
"""Maximum characters of a searchable name or value; longer ones are stored and shown but not found."""

_POSTGRESQL = (
    f"""
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
              AND length(entry.key) <= {LONGEST} AND length(NEW.metadata ->> entry.key) <= {LONGEST}
            ON CONFLICT DO NOTHING;
        END IF;
        RETURN NULL;
    END $$
    """,  # noqa: S608 - constants of this file
    """
    CREATE TRIGGER keep_metadata AFTER INSERT ON notifications FOR EACH ROW
    WHEN (NEW.metadata <> '{}'::jsonb) EXECUTE FUNCTION keep_metadata()
    """,
    """
    CREATE TRIGGER change_metadata AFTER UPDATE OF metadata ON notifications FOR EACH ROW
    WHEN (NEW.metadata <> OLD.metadata) EXECUTE FUNCTION keep_metadata()
    """,
    """
    CREATE TRIGGER drop_metadata AFTER DELETE ON notifications FOR EACH ROW
    WHEN (OLD.metadata <> '{}'::jsonb) EXECUTE FUNCTION keep_metadata()
    """,
)
_VALUE = "CASE type WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE CAST(atom AS TEXT) END"
_KEEP = f"""
        INSERT OR IGNORE INTO notification_metadata (tenant, name, value, created_at, id)
        SELECT NEW.tenant, key, {_VALUE}, NEW.created_at, NEW.id FROM json_each(NEW.metadata)
        WHERE type IN ('text', 'integer', 'real', 'true', 'false')
          AND length(key) <= {LONGEST} AND length({_VALUE}) <= {LONGEST};
"""  # noqa: S608 - constants of this file
_DROP = f"""
        DELETE FROM notification_metadata
        WHERE tenant = OLD.tenant AND created_at = OLD.created_at AND id = OLD.id
          AND (name, value) IN (SELECT key, {_VALUE} FROM json_each(OLD.metadata));
"""  # noqa: S608 - constants of this file
_SQLITE = (
    f"""
    CREATE TRIGGER keep_metadata AFTER INSERT ON notifications FOR EACH ROW WHEN NEW.metadata <> '{{}}'
    BEGIN{_KEEP}    END
    """,
    f"""
    CREATE TRIGGER change_metadata AFTER UPDATE OF metadata ON notifications FOR EACH ROW
    WHEN NEW.metadata <> OLD.metadata
    BEGIN{_DROP}{_KEEP}    END
    """,
    f"""
    CREATE TRIGGER drop_metadata AFTER DELETE ON notifications FOR EACH ROW WHEN OLD.metadata <> '{{}}'
    BEGIN{_DROP}    END
    """,
)


def _mysql_entries(row: str) -> str:
    """The searchable names and values of a row's metadata as a table."""
    path = "CONCAT('$.', JSON_QUOTE(names.name))"
    document = f"{row}.metadata"
    value = f"JSON_UNQUOTE(JSON_EXTRACT({document}, {path}))"
    return f"""(
            SELECT names.name AS name, {value} AS value
            FROM JSON_TABLE(JSON_KEYS({document}), '$[*]' COLUMNS (
                name LONGTEXT CHARACTER SET utf8mb4 PATH '$')) AS names
            WHERE JSON_TYPE(JSON_EXTRACT({document}, {path})) NOT IN ('OBJECT', 'ARRAY', 'NULL')
              AND CHAR_LENGTH(names.name) <= {LONGEST} AND CHAR_LENGTH({value}) <= {LONGEST}
        ) AS said"""  # noqa: S608 - constants of this file


_MYSQL_KEEP = f"""
        INSERT INTO notification_metadata (tenant, name, value, created_at, id)
        SELECT NEW.tenant, said.name, said.value, NEW.created_at, NEW.id FROM {_mysql_entries("NEW")}
        ON DUPLICATE KEY UPDATE notification_metadata.id = notification_metadata.id;
"""  # noqa: S608 - constants of this file
_MYSQL_DROP = f"""
        DELETE kept FROM notification_metadata AS kept JOIN {_mysql_entries("OLD")}
            ON kept.name = said.name AND kept.value = said.value
        WHERE kept.tenant = OLD.tenant AND kept.created_at = OLD.created_at AND kept.id = OLD.id;
"""
_MYSQL = (
    f"""
    CREATE TRIGGER keep_metadata AFTER INSERT ON notifications FOR EACH ROW
    IF NEW.metadata <> '{{}}' THEN{_MYSQL_KEEP}    END IF
    """,
    f"""
    CREATE TRIGGER change_metadata AFTER UPDATE ON notifications FOR EACH ROW
    IF NEW.metadata <> OLD.metadata THEN{_MYSQL_DROP}{_MYSQL_KEEP}    END IF
    """,
    f"""
    CREATE TRIGGER drop_metadata AFTER DELETE ON notifications FOR EACH ROW
    IF OLD.metadata <> '{{}}' THEN{_MYSQL_DROP}    END IF
    """,
)

TRIGGERS: Mapping[str, Sequence[str]] = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE, "mysql": _MYSQL}
"""The statements that create it on each database, after the tables."""
