"""How long anything at a database may take: connecting, a lock, a statement, a silent server."""

STATEMENT_TIMEOUT = 10.0
LOCK_TIMEOUT = 4.0
POOL_TIMEOUT = 4.0
ANSWER_TIMEOUT = 12.0
"""Seconds. The last: how long a server may be silent; longer than it may take for a statement."""
MIGRATION_LOCK_TIMEOUT = 1.0
"""Seconds that a change of the schema waits for a lock before it lets the others pass and tries again."""
LIFETIME = 1800.0
"""Seconds after which a connection is replaced, so that a server that moved or was upgraded is found again."""
