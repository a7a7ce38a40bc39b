"""A database that was migrated is the one that the code describes, whatever the database."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import TypeEngine

from angarium.notifications.providers.schema import metadata as provider_metadata
from angarium.notifications.store.schema import metadata
from angarium.notifications.suppressions.schema import metadata as suppression_metadata
from angarium.platform.database.engine import open_engine, reading, writing
from angarium.platform.database.migrate import is_current, upgrade
from angarium.services.gateway.schema import SCHEMAS as GATEWAY
from angarium.services.templates.schema import SCHEMAS as TEMPLATES
from angarium.services.users.schema import SCHEMAS as USERS
from tests.support.schemas import merged
from tests.support.servers import MariaDB, PostgreSQL

NOTIFICATIONS = (metadata, provider_metadata, suppression_metadata, *GATEWAY)

SCHEMAS: Mapping[str, Sequence[MetaData]] = {
    "angarium.notifications.migrations": NOTIFICATIONS,
    "angarium.services.users.migrations": USERS,
    "angarium.services.templates.migrations": TEMPLATES,
}

_CATALOG = {
    "columns": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, o.collname,
            pg_get_expr(d.adbin, d.adrelid)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace s ON s.oid = c.relnamespace
        LEFT JOIN pg_collation o ON o.oid = a.attcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE s.nspname = 'public' AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped""",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "storage": """
        SELECT relname, array_to_string(reloptions, ',') FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'""",
}


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.distributed),
        pytest.param("mariadb", marks=pytest.mark.distributed),
    ]
)
async def engines(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[AsyncEngine, AsyncEngine]]:
    """Two empty databases."""
    if request.param == "sqlite":
        urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("one", "two")]
    else:
        server: PostgreSQL | MariaDB = request.getfixturevalue(request.param)
        await server.start()
        urls = [await server.create_database() for _ in range(2)]
    first, second = (open_engine(url, pool_size=4) for url in urls)
    yield first, second
    await first.dispose()
    await second.dispose()


async def _create(engine: AsyncEngine, schemas: Sequence[MetaData]) -> None:
    async with writing(engine) as connection:
        for metadata in schemas:
            await connection.run_sync(metadata.create_all)


async def _look(engine: AsyncEngine) -> Mapping[str, Any]:
    async with reading(engine) as connection:
        if engine.dialect.name == "sqlite":
            return await connection.run_sync(_inspected)
        if engine.dialect.name == "mysql":
            return await connection.run_sync(_declared)
        return {
            name: sorted(map(str, (await connection.execute(text(query))).all())) for name, query in _CATALOG.items()
        }


def _inspected(connection: Connection) -> Mapping[str, Any]:
    inspector = inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            },
            "primary key": inspector.get_pk_constraint(table),
            "unique": sorted(map(str, inspector.get_unique_constraints(table))),
            "checks": sorted(map(str, inspector.get_check_constraints(table))),
            "foreign keys": sorted(map(str, inspector.get_foreign_keys(table))),
            "indexes": sorted(
                connection.exec_driver_sql(
                    "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = ?", (table,)
                ).scalars()
            ),
        }
        for table in inspector.get_table_names()
    }


def _declared(connection: Connection) -> Mapping[str, Any]:
    """Each table as the server would create it again; the order of indexes is that in which they were made."""
    tables = inspect(connection).get_table_names()
    created = {table: connection.exec_driver_sql(f"SHOW CREATE TABLE `{table}`").one()[1] for table in tables}
    return {table: sorted(line.rstrip(",") for line in text.splitlines()) for table, text in created.items()}


def _differences(connection: Connection, schemas: Sequence[MetaData]) -> list[Any]:
    # MariaDB shows a default in other words than it was given; that it is the same the test before this one sees.
    defaults = connection.dialect.name != "mysql"
    opts = {"compare_type": _compare_type, "compare_server_default": defaults, "include_object": _described_by_a_table}
    return list(compare_metadata(MigrationContext.configure(connection, opts=opts), merged(schemas)))


def _compare_type(
    context: MigrationContext, _found: object, _wanted: object, found: TypeEngine[Any], wanted: TypeEngine[Any]
) -> bool | None:
    """Whether a type differs, by what would be declared on MariaDB; None: as Alembic sees it."""
    if context.dialect.name != "mysql":
        return None
    declared = (kind.compile(context.dialect).partition(" COLLATE")[0] for kind in (found, wanted))
    one, other = (_SAME_ON_MARIADB.get(kind, kind) for kind in declared)
    return one != other


_SAME_ON_MARIADB = {"TINYINT(1)": "BOOL", "INTEGER(11)": "INTEGER", "SMALLINT(6)": "SMALLINT", "INTEGER": "INTEGER"}


def _described_by_a_table(_item: object, name: str | None, kind: str, *_: object) -> bool:
    """Not the index that only PostgreSQL has; that a new schema has it too the test before this one sees."""
    return (kind, name) != ("index", "ix_users_search")


def _without_versions(seen: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is there beside Alembic's own table."""
    if "columns" not in seen:
        return {table: parts for table, parts in seen.items() if table != "alembic_version"}
    return {name: [row for row in rows if "alembic_version" not in row] for name, rows in seen.items()}


@pytest.mark.parametrize("migrations", SCHEMAS)
async def test_migrated_is_the_same_as_new(engines: tuple[AsyncEngine, AsyncEngine], migrations: str) -> None:
    migrated, fresh = engines
    await upgrade(migrated, migrations)
    await _create(fresh, SCHEMAS[migrations])
    assert _without_versions(await _look(migrated)) == await _look(fresh)


@pytest.mark.parametrize("migrations", SCHEMAS)
async def test_nothing_is_left_to_migrate(engines: tuple[AsyncEngine, AsyncEngine], migrations: str) -> None:
    await upgrade(engines[0], migrations)
    async with reading(engines[0]) as connection:
        assert await connection.run_sync(_differences, SCHEMAS[migrations]) == []


@pytest.mark.parametrize("migrations", SCHEMAS)
async def test_processes_that_migrate_at_once_wait_for_each_other(
    engines: tuple[AsyncEngine, AsyncEngine], migrations: str
) -> None:
    engine = engines[0]
    assert not await is_current(engine, migrations)
    await asyncio.gather(*(upgrade(engine, migrations) for _ in range(4)))
    assert await is_current(engine, migrations)
    await upgrade(engine, migrations)


async def test_a_difference_would_be_seen(engines: tuple[AsyncEngine, AsyncEngine]) -> None:
    migrations = next(iter(SCHEMAS))
    await upgrade(engines[0], migrations)
    await _create(engines[1], SCHEMAS[migrations])
    async with writing(engines[0]) as connection:
        where = " ON notifications" if engines[0].dialect.name == "mysql" else ""
        await connection.exec_driver_sql(f"DROP INDEX ix_notifications_sweep_at{where}")
    assert _without_versions(await _look(engines[0])) != await _look(engines[1])
    async with reading(engines[0]) as connection:
        [difference] = await connection.run_sync(_differences, SCHEMAS[migrations])
    assert difference[0] == "add_index"


@pytest.mark.parametrize("migrations", SCHEMAS)
def test_every_table_of_people_belongs_to_a_tenant(migrations: str) -> None:
    """Rows without a tenant belong to one that has it, or to the system: providers send for every tenant.

    Soft bounces have the tenant in their hash. Receipts and attachments are found by their notification alone.
    """
    exempt = {
        "attachments",
        "outbox",
        "providers",
        "provider_hours",
        "provider_reports",
        "receipts",
        "soft_bounces",
        "suppression_keys",
    }
    tables: list[Table] = [
        table for metadata in SCHEMAS[migrations] for name, table in metadata.tables.items() if name not in exempt
    ]
    assert [table.name for table in tables if "tenant" not in table.c and not table.foreign_keys] == []
