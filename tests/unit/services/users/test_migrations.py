"""The migrated schema is the one that the code's tables describe."""

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, delete, inspect, select, text, update
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.engine import reading, writing
from angarium.platform.database.migrate import is_current, upgrade
from angarium.services.users.app import MIGRATIONS
from angarium.services.users.people import schema
from angarium.services.users.schema import SCHEMAS
from tests.support.schemas import merged
from tests.unit.services.users.conftest import Users


def _known_to_every_database(_item: object, name: str | None, kind: str, *_: object) -> bool:
    """Not the index that only PostgreSQL can have."""
    return (kind, name) != ("index", "ix_users_search")


async def test_migrated_is_what_the_tables_say(engine: AsyncEngine) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": _known_to_every_database}
        )
        return list(compare_metadata(context, merged(SCHEMAS)))

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


async def test_email_keys_of_before_become_those_of_now(users: Users) -> None:
    """Case folding made them; a user whose new key is taken keeps the old one."""
    engine, client = users.engine, users.client()
    emails = ["u@straße.example", "STRASSE@example.com", "straße@example.com", "Ada@example.com", "ß@bücher.example"]
    for tenant in ("default", "other"):
        for email in emails:
            answer = await users.client(tenant).post("/users", json={"name": email, "email": email})
            assert answer.status_code == 201
    rows = await _keys(engine)
    assert len(rows) == 10
    async with writing(engine) as connection:
        await connection.execute(delete(schema.users).where(schema.users.c.email == "STRASSE@example.com"))
        for email in emails:
            folded = {"email_key": email.casefold()}
            await connection.execute(update(schema.users).where(schema.users.c.email == email).values(folded))
        await connection.execute(text("ALTER TABLE users DROP COLUMN webhook"))
        await connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    await upgrade(engine, MIGRATIONS)
    assert await _keys(engine) == {key: new for key, new in rows.items() if key[1] != "STRASSE@example.com"}
    assert (await client.post("/users", json={"name": "S", "email": "strasse@example.com"})).status_code == 201


async def _keys(engine: AsyncEngine) -> dict[tuple[str, str], str]:
    table = schema.users.c
    async with reading(engine) as connection:
        rows = await connection.execute(select(table.tenant, table.email, table.email_key))
        return {(row.tenant, row.email): row.email_key for row in rows}


async def test_a_user_whose_new_email_key_is_taken_keeps_the_old_one(users: Users) -> None:
    engine, client = users.engine, users.client()
    for email in ("taken@example.com", "u@straße.example"):
        assert (await client.post("/users", json={"name": "A", "email": email})).status_code == 201
    keys = {"u@straße.example": "u@strasse.example", "taken@example.com": "u@xn--strae-oqa.example"}
    async with writing(engine) as connection:
        for email, key in keys.items():
            await connection.execute(update(schema.users).where(schema.users.c.email == email).values(email_key=key))
        await connection.execute(text("ALTER TABLE users DROP COLUMN webhook"))
        await connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    await upgrade(engine, MIGRATIONS)
    assert {email: key for (_, email), key in (await _keys(engine)).items()} == keys
