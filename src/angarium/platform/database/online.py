"""Online changes of large tables, for migrations.

`op` is that of `migrate`. On PostgreSQL each migration is one transaction. `outside_transaction` commits what came
before it in the migration and then each statement separately, so a migration that uses it must be safe to run again
from the start. On other databases nothing is committed in between.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import sqlalchemy as sa
from alembic.operations import Operations

PIECE = 2000
"""Rows per statement of `fill`."""


def on_postgresql(op: Operations) -> bool:
    """Whether the database is PostgreSQL."""
    return op.get_bind().dialect.name == "postgresql"


@contextmanager
def outside_transaction(op: Operations) -> Iterator[None]:
    """On PostgreSQL: commit what came before, then run each statement in its own transaction."""
    if on_postgresql(op):
        with op.get_context().autocommit_block():
            yield
    else:
        yield


def add_index(
    op: Operations,
    name: str,
    table: str,
    columns: Sequence[str],
    *,
    where: str | None = None,
    length: int | None = None,
) -> None:
    """Create an index on a large table in use, without blocking its writers.

    An invalid index left by an earlier run is rebuilt. `length`: the indexed prefix of a text on MySQL and MariaDB,
    which require one. https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
    """
    condition = None if where is None else sa.text(where)
    with outside_transaction(op):
        bind = op.get_bind()
        if on_postgresql(op) and bind.scalar(_UNFINISHED, {"name": name}):
            op.execute(sa.text(f'DROP INDEX CONCURRENTLY "{name}"'))
        op.create_index(
            name,
            table,
            list(columns),
            if_not_exists=True,
            postgresql_concurrently=True,
            postgresql_where=condition,
            sqlite_where=condition,
            mysql_length=length,
            mariadb_length=length,
        )


def fill(op: Operations, statement: str, table: str, *, key: str = "id") -> None:
    """Run `statement` for every row of `table` in batches of PIECE rows, in the order of the UUID `key`.

    `statement` has the parameters `:after` and `:last` and applies to the rows with `key > :after AND key <= :last`. It
    must be idempotent, since it may run twice for a row. On PostgreSQL each batch is one transaction.
    """
    step = sa.text(statement).bindparams(sa.bindparam("after", type_=sa.Uuid()), sa.bindparam("last", type_=sa.Uuid()))
    column = sa.column(key, sa.Uuid())
    after = UUID(int=0)
    with outside_transaction(op):
        bind = op.get_bind()
        while True:
            piece = sa.select(column).select_from(sa.table(table)).where(column > after).order_by(column).limit(PIECE)
            found = bind.scalars(piece).all()
            if not found:
                return
            bind.execute(step, {"after": after, "last": found[-1]})
            after = found[-1]


_UNFINISHED = sa.text(
    "SELECT 1 FROM pg_index WHERE NOT indisvalid AND indexrelid = to_regclass(quote_ident(:name))::oid"
)
