"""SQL expressions shared by triggers on each database: identifiers and times."""

SQLITE_UUID4 = """lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2)
    || substr('89AB', 1 + abs(random() % 4), 1) || substr(hex(randomblob(2)), 2) || hex(randomblob(6)))"""
"""A random id (RFC 9562, version 4), as SQLite stores ids: 32 hexadecimal digits."""


def sqlite_uuid7(moment: str) -> str:
    """A new id that begins with `moment` (microseconds since 1970; RFC 9562, version 7), as SQLite stores ids."""
    return f"""printf('%012x', {moment} / 1000) || lower('7' || substr(hex(randomblob(2)), 2)
        || substr('89AB', 1 + abs(random() % 4), 1) || substr(hex(randomblob(2)), 2) || hex(randomblob(6)))"""


def sqlite_shown(identifier: str) -> str:
    """A stored id in its public form, with hyphens."""
    return f"""substr({identifier}, 1, 8) || '-' || substr({identifier}, 9, 4) || '-'
        || substr({identifier}, 13, 4) || '-' || substr({identifier}, 17, 4) || '-' || substr({identifier}, 21)"""


def sqlite_rfc3339(moment: str) -> str:
    """A stored moment as RFC 3339 in UTC, to the microsecond."""
    return f"strftime('%Y-%m-%dT%H:%M:%S', {moment} / 1000000, 'unixepoch') || printf('.%06dZ', {moment} % 1000000)"


def postgresql_uuid7(moment: str) -> str:
    """A new id that begins with `moment` (RFC 9562, version 7)."""
    return f"""encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
            substring(int8send((extract(epoch FROM {moment}) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1),
            'hex')::uuid"""


def postgresql_rfc3339(moment: str) -> str:
    """A moment as RFC 3339 in UTC, to the microsecond."""
    return f"""to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


MYSQL_UUID4 = """LOWER(CONCAT(HEX(RANDOM_BYTES(6)), '4', SUBSTR(HEX(RANDOM_BYTES(2)), 2),
    SUBSTR('89AB', 1 + FLOOR(RAND() * 4), 1), SUBSTR(HEX(RANDOM_BYTES(2)), 2), HEX(RANDOM_BYTES(6))))"""
"""A random id (RFC 9562, version 4), as MariaDB and MySQL store ids: 32 hexadecimal digits."""


def mysql_uuid7(moment: str) -> str:
    """A new id that begins with `moment` (RFC 9562, version 7), as MariaDB and MySQL store ids."""
    return f"""LOWER(CONCAT(
        LPAD(HEX(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {moment}) DIV 1000), 12, '0'),
        '7', SUBSTR(HEX(RANDOM_BYTES(2)), 2), SUBSTR('89AB', 1 + FLOOR(RAND() * 4), 1),
        SUBSTR(HEX(RANDOM_BYTES(2)), 2), HEX(RANDOM_BYTES(6))))"""


def mysql_shown(identifier: str) -> str:
    """A stored id in its public form, with hyphens."""
    return f"""CONCAT_WS('-', SUBSTR({identifier}, 1, 8), SUBSTR({identifier}, 9, 4), SUBSTR({identifier}, 13, 4),
        SUBSTR({identifier}, 17, 4), SUBSTR({identifier}, 21))"""


def mysql_rfc3339(moment: str) -> str:
    """A stored moment as RFC 3339 in UTC, to the microsecond."""
    return f"DATE_FORMAT({moment}, '%Y-%m-%dT%H:%i:%s.%fZ')"
