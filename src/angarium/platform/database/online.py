"""For migrations: changes of large tables while others write to them.

`op` is that of `migrate`. On PostgreSQL each migration is a transaction of its own; what is done within
`outside_transaction` commits statement by statement, and what came before it in the migration is committed first. So
a migration that uses it must be able to run again from its beginning. Elsewhere nothing is committed in between.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import sqlalchemy as sa
from alembic.operations import Operations

PIECE = 2000
"""Rows that `fill` reads in one statement."""


def on_postgresql(op: Operations) -> bool:
    """Whether the database is PostgreSQL."""
    return op.get_bind().dialect.name == "postgresql"


@contextmanager
def outside_transaction(op: Operations) -> Iterator[None]:
    """Commit what came before; then each statement is a transaction of its own, on PostgreSQL."""
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
    """Create an index on a table that may be large and in use, without stopping its writers.

    An index that an earlier run left unfinished is made again. `length`: characters of a text that MySQL and MariaDB
    take into it; they index no text without one.
    https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
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
    """Run `statement` for every row of `table`, PIECE rows at a time, in the order of the UUID `key`.

    `statement` takes `:after` and `:last`: it is for the rows with `key > :after AND key <= :last`, and may meet rows
    for which it was run before. Each piece is a transaction of its own, on PostgreSQL.
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
