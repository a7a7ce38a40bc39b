"""Brings a database's schema up to what the code needs, forwards only.

A service keeps its migrations in a package `…/migrations` with files `versions/0001_words.py`:

    revision = "0001"
    down_revision = None

    def upgrade(op: alembic.operations.Operations) -> None:
        op.create_table("users", sa.Column("user_id", sa.Uuid(), nullable=False), …)

`op` is passed in, since Alembic's global one cannot serve three databases in one process. Each database has its own
`alembic_version`. A migration must leave a schema with which the code before it can still work, so that processes
can be replaced one by one. The files' names begin with their revisions, which sort as they follow each other.

Alembic, some 12 MB, is loaded only to change a schema; whether one is current is told by the names.
"""

import sqlite3
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from angarium.contracts.errors import SettingsError
from angarium.platform.database.engine import reading, writing
from angarium.platform.database.faults import DatabaseUnavailable

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, MigrationStep
    from alembic.script import Script, ScriptDirectory

Heads = tuple[str, ...]
_LOCK = 0x616E6761  # "anga": the advisory lock under which schemas change
_LOCK_SECONDS = 60


async def upgrade(engine: AsyncEngine, migrations: str) -> None:
    """Apply every migration of the package `migrations` (`angarium.services.users.migrations`) that is missing.

    Idempotent. Processes that do it at once wait for each other; one does the work. On PostgreSQL and SQLite all of
    it is one transaction. Raises DatabaseUnavailable.
    """
    async with writing(engine) as connection, _alone(connection):
        await connection.run_sync(_upgrade, migrations)


@contextmanager
def database_of(setting: str) -> Iterator[None]:
    """Name `setting` in the errors of `upgrade`: SettingsError for a file that is not a database.

    A database that does not answer stays a DatabaseUnavailable.
    """
    try:
        yield
    except DatabaseUnavailable as error:
        raise DatabaseUnavailable(f"{setting}: the database does not answer") from error
    except DatabaseError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_NOTADB:
            raise
        raise SettingsError(f"{setting}: the file is not a SQLite database") from None


async def is_current(engine: AsyncEngine, migrations: str) -> bool:
    """Whether the database has every migration of the package, or comes from a later version of it.

    Raises DatabaseUnavailable.
    """
    async with reading(engine) as connection:
        return await connection.run_sync(_is_current, migrations)


class Revisions:
    """The migrations of a package by name, read when they are first asked for."""

    def __init__(self, migrations: str) -> None:
        self._migrations = migrations
        self._known: frozenset[str] = frozenset()

    def satisfied_by(self, versions: Collection[str]) -> bool:
        """Whether a database whose `alembic_version` holds `versions` has all of them, or later ones than these."""
        self._known = self._known or named_revisions(self._migrations)
        return set(versions) == {max(self._known, default="")} or not self._known.issuperset(versions)


def named_revisions(migrations: str) -> frozenset[str]:
    """The revisions of a package, by the names of its files."""
    names = (entry.name for entry in files(f"{migrations}.versions").iterdir())
    return frozenset(name.partition("_")[0] for name in names if name.endswith(".py") and name[0].isdigit())


@asynccontextmanager
async def _alone(connection: AsyncConnection) -> AsyncIterator[None]:
    dialect = connection.dialect.name
    if dialect == "postgresql":
        await connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        await connection.execute(text(f"SET LOCAL statement_timeout = '{_LOCK_SECONDS}s'"))
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        yield
    elif dialect in {"mysql", "mariadb"}:
        await connection.execute(text("SELECT GET_LOCK(:lock, :wait)"), {"lock": f"{_LOCK:x}", "wait": _LOCK_SECONDS})
        try:
            yield
        finally:
            await connection.execute(text("SELECT RELEASE_LOCK(:lock)"), {"lock": f"{_LOCK:x}"})
    else:
        yield  # SQLite: the transaction began IMMEDIATE, so it is alone


def _upgrade(connection: Connection, migrations: str) -> None:
    from alembic.operations import Operations  # noqa: PLC0415 - see above
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415

    with _scripts(migrations) as scripts:
        context = MigrationContext.configure(connection, opts={"fn": partial(_missing, scripts)})
        context.run_migrations(op=Operations(context))


def _missing(scripts: "ScriptDirectory", heads: Heads, _context: "MigrationContext") -> "list[MigrationStep]":
    from alembic.runtime.migration import MigrationStep  # noqa: PLC0415 - see above

    if not _revisions(scripts).issuperset(heads):
        return []  # a later version of this code was here
    revisions: list[Script] = list(scripts.iterate_revisions("heads", heads or "base"))
    return [MigrationStep.upgrade_from_script(scripts.revision_map, script) for script in reversed(revisions)]


def _is_current(connection: Connection, migrations: str) -> bool:
    return Revisions(migrations).satisfied_by(read_versions(connection))


def read_versions(connection: Connection) -> list[str]:
    """What `alembic_version` holds; nothing where there is no schema."""
    if not inspect(connection).has_table("alembic_version"):
        return []
    return list(connection.scalars(text("SELECT version_num FROM alembic_version")))


def _revisions(scripts: "ScriptDirectory") -> set[str]:
    return {script.revision for script in scripts.walk_revisions()}


@contextmanager
def _scripts(migrations: str) -> "Iterator[ScriptDirectory]":
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see above

    with as_file(files(migrations)) as folder:
        yield ScriptDirectory(folder)
