"""The trigger that inserts a callback for each change of status that a caller subscribed to.

It is a trigger and not part of the statements, so that no change can lack its callback: results, manual moves, the
sweeper's changes, future ones. Its condition is evaluated first, so a notification without a callback URL costs
nothing.
"""

from collections.abc import Mapping, Sequence

from angarium.contracts.statuses import UNFINISHED, Status
from angarium.notifications.store.triggers.sql import MYSQL_UUID4, SQLITE_UUID4

TOLD = tuple(status for status in Status if status not in UNFINISHED)
"""The statuses with a callback: `sent`, and each that ends a notification."""
_TOLD = ", ".join(f"'{status}'" for status in TOLD)
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
            {SQLITE_UUID4},
            NEW.tenant, NEW.id, NEW.callback_url,
            lower(substr(NEW.callback_url, 1, instr(NEW.callback_url, '//') + min(
                instr({_AFTER_SCHEME} || '/', '/'), instr({_AFTER_SCHEME} || '?', '?'),
                instr({_AFTER_SCHEME} || '#', '#')))),
            NEW.status, NEW.reason_code, NEW.reason_message, NEW.updated_at, 'pending', 0, NEW.updated_at, '[]');
    END
    """,  # noqa: S608 - constants of this file
)

_MYSQL = (
    f"""
    CREATE TRIGGER keep_callback AFTER UPDATE ON notifications FOR EACH ROW
    IF NEW.callback_url IS NOT NULL AND NEW.status <> OLD.status AND NEW.status IN ({_TOLD}) THEN
        INSERT INTO callbacks ({_COLUMNS})
        VALUES (
            {MYSQL_UUID4}, NEW.tenant, NEW.id, NEW.callback_url,
            COALESCE(LOWER(REGEXP_SUBSTR(NEW.callback_url, '^[^/]*//[^/?#]*')), ''),
            NEW.status, NEW.reason_code, NEW.reason_message, NEW.updated_at, 'pending', 0, NEW.updated_at, '[]');
    END IF
    """,  # noqa: S608 - constants of this file
)

TRIGGERS: Mapping[str, Sequence[str]] = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE, "mysql": _MYSQL}
"""The statements that create it on each database, after the tables."""
