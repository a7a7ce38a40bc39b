"""The migrated schema is the one that the code's tables describe."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.engine import reading
from angarium.platform.database.migrate import is_current, upgrade
from angarium.services.users.app import MIGRATIONS
from angarium.services.users.schema import metadata


def _known_to_every_database(_item: object, name: str | None, kind: str, *_: object) -> bool:
    """Not the index that only PostgreSQL can have."""
    return (kind, name) != ("index", "ix_users_search")


async def test_migrated_is_what_the_tables_say(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _known_to_every_database}
        )
        return list(compare_metadata(context, metadata))

    async with reading(engine) as connection:
        assert await connection.run_sync(differences) == []


async def test_an_index_holds_the_email_unique_and_devices_go_with_their_user(engine: AsyncEngine) -> None:
    def look(connection: Connection) -> tuple[set[str], str]:
        found = inspect(connection)
        unique = {str(index["name"]) for index in found.get_indexes("users") if index["unique"]}
        return unique, str(found.get_foreign_keys("devices")[0]["options"].get("ondelete"))

    async with reading(engine) as connection:
        assert await connection.run_sync(look) == ({"uq_users_tenant_email_key"}, "CASCADE")


async def test_migrating_again_changes_nothing(engine: AsyncEngine) -> None:
    assert await is_current(engine, MIGRATIONS)
    await upgrade(engine, MIGRATIONS)
    assert await is_current(engine, MIGRATIONS)
