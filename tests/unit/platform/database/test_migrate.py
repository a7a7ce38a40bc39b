"""Migrations: whole or not at all, forwards only, each database for itself."""

import asyncio
from importlib.resources import as_file, files
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.contracts.errors import SettingsError
from angarium.notifications.store.schema import MIGRATIONS as NOTIFICATIONS
from angarium.platform.database.engine import open_engine, reading
from angarium.platform.database.migrate import Revisions, database_of, is_current, named_revisions, upgrade
from angarium.services.templates.app import MIGRATIONS as TEMPLATES
from angarium.services.users.app import MIGRATIONS as USERS

FIRST = """
revision, down_revision = "0001", None
def upgrade(op):
    op.execute("CREATE TABLE one (n INTEGER)")
"""
SECOND = """
revision, down_revision = "0002", "0001"
def upgrade(op):
    op.execute("CREATE TABLE two (n INTEGER)")
"""
BROKEN = """
revision, down_revision = "0003", "0002"
def upgrade(op):
    op.execute("CREATE TABLE three (n INTEGER)")
    op.execute("NONSENSE")
"""


def _package(folder: Path, name: str, *scripts: str) -> str:
    """An importable package of migrations."""
    versions = folder / name / "versions"
    versions.mkdir(parents=True)
    (folder / name / "__init__.py").touch()
    for number, script in enumerate(scripts, 1):
        (versions / f"{number:04}_step.py").write_text(script)
    return name


async def _tables(engine: AsyncEngine) -> set[str]:
    async with reading(engine) as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


async def test_only_what_is_missing_is_applied(folder: Path) -> None:
    one, two = _package(folder, "release_1", FIRST), _package(folder, "release_2", FIRST, SECOND)
    engine = open_engine(f"sqlite:///{folder}/x.db")
    await upgrade(engine, one)
    assert await _tables(engine) == {"alembic_version", "one"}
    assert (await is_current(engine, one), await is_current(engine, two)) == (True, False)
    await upgrade(engine, two)
    assert await _tables(engine) == {"alembic_version", "one", "two"}
    assert await is_current(engine, two)
    await engine.dispose()


async def test_older_code_leaves_a_newer_schema_alone_and_works_with_it(folder: Path) -> None:
    one, two = _package(folder, "earlier_1", FIRST), _package(folder, "earlier_2", FIRST, SECOND)
    engine = open_engine(f"sqlite:///{folder}/x.db")
    await upgrade(engine, two)
    await upgrade(engine, one)
    assert await _tables(engine) == {"alembic_version", "one", "two"}
    assert (await is_current(engine, one), await is_current(engine, two)) == (True, True)
    await engine.dispose()


async def test_a_migration_that_fails_leaves_nothing_behind(folder: Path) -> None:
    migrations = _package(folder, "broken_1", FIRST, SECOND, BROKEN)
    engine = open_engine(f"sqlite:///{folder}/x.db")
    with pytest.raises(Exception, match="NONSENSE"):
        await upgrade(engine, migrations)
    assert await _tables(engine) == set()
    assert not await is_current(engine, migrations)
    await engine.dispose()


async def test_three_databases_of_one_process_migrate_at_once(folder: Path) -> None:
    packages = [_package(folder, f"side_{n}", FIRST, SECOND) for n in range(3)]
    engines = [open_engine(f"sqlite:///{folder}/{n}.db") for n in range(3)]
    await asyncio.gather(*(upgrade(engine, name) for engine, name in zip(engines, packages, strict=True) for _ in "ab"))
    for engine in engines:
        assert await _tables(engine) == {"alembic_version", "one", "two"}
        await engine.dispose()


def test_which_versions_satisfy(folder: Path) -> None:
    revisions = Revisions(_package(folder, "asked_1", FIRST, SECOND))
    assert revisions.satisfied_by(["0002"])
    assert revisions.satisfied_by(["0003_of_a_later_release"])
    assert not revisions.satisfied_by(["0001"])
    assert not revisions.satisfied_by([])


@pytest.mark.parametrize("migrations", [NOTIFICATIONS, USERS, TEMPLATES])
def test_the_names_of_our_migrations_tell_what_alembic_reads_in_them(migrations: str) -> None:
    with as_file(files(migrations)) as folder_of_them:
        scripts = ScriptDirectory(folder_of_them)
        assert named_revisions(migrations) == {script.revision for script in scripts.walk_revisions()}
        assert scripts.get_heads() == [max(named_revisions(migrations))]


@pytest.mark.parametrize(("code", "kind"), [(1419, SettingsError), (1062, DatabaseError)])
def test_a_server_that_allows_no_trigger_is_named_with_what_to_set(code: int, kind: type[Exception]) -> None:
    refusal = OperationalError("CREATE TRIGGER", {}, Exception(code, "You do not have the SUPER privilege"))
    with pytest.raises(kind) as raised, database_of("ANGARIUM_NOTIFICATIONS_DATABASE_URL"):
        raise refusal
    if kind is SettingsError:
        assert "ANGARIUM_NOTIFICATIONS_DATABASE_URL" in str(raised.value)
        assert "log_bin_trust_function_creators" in str(raised.value)
