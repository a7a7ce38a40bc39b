"""Timeouts of databases: connecting, a lock, a statement, a silent server."""

STATEMENT_TIMEOUT = 10.0
LOCK_TIMEOUT = 4.0
POOL_TIMEOUT = 4.0
ANSWER_TIMEOUT = 12.0
"""Timeouts in seconds. ANSWER_TIMEOUT is how long a server may be silent; longer than the statement timeout."""
MIGRATION_LOCK_TIMEOUT = 1.0
"""Seconds that a schema change waits for a lock before it lets others pass and tries again."""
LIFETIME = 1800.0
"""Seconds after which a connection is replaced, so that a moved or upgraded server is found."""
