"""An index for `search=` on PostgreSQL: parts of names, emails and phones by their trigrams.

Where the extension is not installed or not allowed the search reads the tenant's rows instead, as on SQLite and MySQL.
"""

from alembic.operations import Operations

revision = "0005"
down_revision = "0004"

_INDEX = """
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX ix_users_search ON users
        USING gin (name gin_trgm_ops, email gin_trgm_ops, phone gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
    RAISE NOTICE 'no index for search: %', SQLERRM;
END
$$
"""


def upgrade(op: Operations) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_INDEX)
