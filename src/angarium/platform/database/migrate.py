"""Forward-only schema migrations.

A service has its migrations in a package `…/migrations` with files `versions/0001_words.py`:

    revision = "0001"
    down_revision = None

    def upgrade(op: alembic.operations.Operations) -> None:
        op.create_table("users", sa.Column("user_id", sa.Uuid(), nullable=False), …)

A package may have a folder `mysql` of the same form. It holds one migration, a baseline that replaces all migrations up
to its revision on MariaDB and MySQL.

Changes of large tables must not block writers: see `online`. `op` is passed in, since Alembic's global one cannot serve
three databases in one process. Each database has its own `alembic_version`. The previous version of the code must still
work after a migration, so that processes can be replaced one by one. File names begin with the revision; revisions sort
in their order.

Alembic, about 12 MB, is imported only to change a schema; the check whether a schema is current uses the file names.
"""

import asyncio
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.errors import SettingsError
from angarium.platform.database import mysql_tables
from angarium.platform.database.engine import connected, migration_engine, reading, writing
from angarium.platform.database.faults import DatabaseUnavailable, got_no_lock
from angarium.platform.database.turns import take_turn

if TYPE_CHECKING:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext, MigrationStep
    from alembic.script import Script, ScriptDirectory

Heads = tuple[str, ...]
_LOCK = 0x616E6761  # "anga": the advisory lock of migrations
_LOOK_SECONDS = 0.2
"""Seconds between checks whether another process has finished its migration."""
_OTHERS_SECONDS = 3600.0
"""Seconds to wait for another process's migration."""
_NO_TRIGGERS = 1419
"""MariaDB and MySQL: with a binary log, creating triggers needs SUPER unless `log_bin_trust_function_creators` is
set."""
_LOCK_TRIES = 120
"""Attempts of a migration that fails on lock timeouts; with the waits about four minutes."""


async def upgrade(engine: AsyncEngine, migrations: str) -> None:
    """Apply the missing migrations of the package `migrations` (such as `angarium.services.users.migrations`).

    Idempotent. Concurrent processes wait for each other; one does the work. On a server there is no statement timeout,
    and a change waits for a lock for at most a second before it lets others pass and is retried. On PostgreSQL each
    migration is one transaction. MariaDB and MySQL commit each statement: an interrupted migration continues where it
    stopped. On SQLite all migrations are one exclusive (IMMEDIATE) transaction. Raises DatabaseUnavailable.
    """
    if engine.dialect.name != "sqlite":
        await _upgrade_server(engine, migrations)
        return
    async with writing(engine) as connection:
        await connection.run_sync(_upgrade, migrations)


@contextmanager
def database_of(setting: str) -> Iterator[None]:
    """Turn errors of `upgrade` that an operator must fix into a SettingsError that names `setting`.

    These are a file that is not a database, and a MariaDB user without the right to create triggers. An unavailable
    database stays a DatabaseUnavailable.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(f"{setting}: the database does not answer") from error
    except DatabaseError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
            raise SettingsError(f"{setting}: the file is not a SQLite database") from None
        if error.orig is not None and error.orig.args[:1] == (_NO_TRIGGERS,):
            wanted = "set log_bin_trust_function_creators = 1 on the server"
            raise SettingsError(f"{setting}: its user may not create triggers; {wanted}") from None
        raise


async def is_current(engine: AsyncEngine, migrations: str) -> bool:
    """Whether the database has every migration of the package, or those of a later version.

    Raises DatabaseUnavailable.
    """
    async with reading(engine) as connection:
        return await connection.run_sync(_is_current, migrations)


class Revisions:
    """The migrations of a package by name, read at first use."""

    def __init__(self, migrations: str) -> None:
        self._migrations = migrations
        self._known: frozenset[str] = frozenset()

    def satisfied_by(self, versions: Collection[str]) -> bool:
        """Whether a database with `versions` in `alembic_version` has all of them or later ones."""
        self._known = self._known or named_revisions(self._migrations)
        return set(versions) == {max(self._known, default="")} or not self._known.issuperset(versions)


def named_revisions(migrations: str) -> frozenset[str]:
    """The revisions of a package, by the names of its files."""
    names = (entry.name for entry in files(f"{migrations}.versions").iterdir())
    return frozenset(name.partition("_")[0] for name in names if name.endswith(".py") and name[0].isdigit())


async def _upgrade_server(engine: AsyncEngine, migrations: str) -> None:
    unlimited = migration_engine(engine)
    try:
        async with connected(unlimited) as guard:
            await _wait_for_turn(guard)
            await _with_retries(unlimited, migrations)
    finally:
        await unlimited.dispose()


async def _wait_for_turn(guard: AsyncConnection) -> None:
    """Take the migration lock for the transaction or session on `guard`.

    Polls: a statement waiting for the lock would hold a snapshot, and CREATE INDEX CONCURRENTLY in the other process
    would wait for that.
    """
    try:
        async with asyncio.timeout(_OTHERS_SECONDS):
            while not await take_turn(guard, _LOCK):  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise DatabaseUnavailable("another process is still migrating") from None


async def _with_retries(engine: AsyncEngine, migrations: str) -> None:
    for tries in range(1, _LOCK_TRIES + 1):
        try:
            async with connected(engine) as connection:
                await connection.run_sync(_upgrade, migrations)
                await connection.commit()
        except DatabaseUnavailable as error:
            if not got_no_lock(error) or tries == _LOCK_TRIES:
                raise
            await asyncio.sleep(_LOOK_SECONDS * min(tries, 5))
        else:
            return


def _upgrade(connection: Connection, migrations: str) -> None:
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 - see above

    dialect = connection.dialect.name
    with _scripts(migrations) as scripts, _baseline(migrations, dialect) as baseline:
        steps = partial(_missing, scripts, baseline)
        options = {"fn": steps, "transaction_per_migration": dialect == "postgresql"}
        context = MigrationContext.configure(connection, opts=options)
        context.run_migrations(op=_operations(context))


def _operations(context: "MigrationContext") -> "Operations":
    from alembic.operations import Operations  # noqa: PLC0415 - see above

    from angarium.platform.database.mysql_migrations import Resumable  # noqa: PLC0415 - see above

    mysql_tables.register()
    return (Resumable if context.dialect.name == "mysql" else Operations)(context)


def _missing(
    scripts: "ScriptDirectory", baseline: "ScriptDirectory | None", heads: Heads, _context: "MigrationContext"
) -> "list[MigrationStep]":
    """The steps from `heads`. An empty database starts with the baseline of its database system, if there is one."""
    if not _revisions(scripts).issuperset(heads):
        return []  # the schema is from a later version of this code
    begun = heads or (tuple(baseline.get_heads()) if baseline else ())
    first = [] if baseline is None or heads else _steps(baseline, ())
    return [*first, *_steps(scripts, begun)]


def _steps(scripts: "ScriptDirectory", after: Heads) -> "list[MigrationStep]":
    from alembic.runtime.migration import MigrationStep  # noqa: PLC0415 - see above

    revisions: list[Script] = list(scripts.iterate_revisions("heads", after or "base"))
    return [MigrationStep.upgrade_from_script(scripts.revision_map, script) for script in reversed(revisions)]


def _is_current(connection: Connection, migrations: str) -> bool:
    return Revisions(migrations).satisfied_by(read_versions(connection))


def read_versions(connection: Connection) -> list[str]:
    """The content of `alembic_version`; empty if there is no schema."""
    if not inspect(connection).has_table("alembic_version"):
        return []
    return list(connection.scalars(text("SELECT version_num FROM alembic_version")))


def _revisions(scripts: "ScriptDirectory") -> set[str]:
    return {script.revision for script in scripts.walk_revisions()}


@contextmanager
def _baseline(migrations: str, dialect: str) -> "Iterator[ScriptDirectory | None]":
    """`…/migrations/mysql/versions`: one migration that replaces all up to its revision. None if there is none."""
    if not files(migrations).joinpath(dialect).is_dir():
        yield None
        return
    with _scripts(f"{migrations}.{dialect}") as scripts:
        yield scripts


@contextmanager
def _scripts(migrations: str) -> "Iterator[ScriptDirectory]":
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see above

    with as_file(files(migrations)) as folder:
        yield ScriptDirectory(folder)
