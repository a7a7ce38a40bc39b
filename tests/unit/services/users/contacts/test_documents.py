"""Contact documents are the same whichever way they are read."""

import re
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.platform.database.engine import writing
from angarium.services.users.contacts.documents import Documents, EngineDocuments, open_documents
from angarium.services.users.people.schema import users as table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize(
        "engine",
        ["sqlite", *(pytest.param(name, marks=pytest.mark.distributed) for name in ("postgresql", "mariadb"))],
        indirect=True,
    ),
]
Both = tuple[Documents, Documents]


@pytest.fixture
async def both(engine: AsyncEngine) -> AsyncIterator[Both]:
    url = engine.url.render_as_string(hide_password=False)
    url = re.sub(r"\+\w+", "", url, count=1)
    fast, plain = [open_documents(url, engine, fast_paths=fast_paths) for fast_paths in (True, False)]
    yield fast, plain
    await fast.close()
    await plain.close()


async def test_both_forms_read_the_same(both: Both, client: httpx2.AsyncClient, engine: AsyncEngine) -> None:
    made = [
        await client.post("/users", json={"name": name, "email": f"{number}@example.com"})
        for number, name in enumerate(("Ada", "Zoé", "old"))
    ]
    known = [UUID(answer.raise_for_status().json()["data"]["user_id"]) for answer in made]
    async with writing(engine) as connection:
        await connection.execute(update(table).where(table.c.name == "old").values(contact_version=0))
    fast, plain = both
    assert isinstance(plain, EngineDocuments)
    assert not isinstance(fast, EngineDocuments)
    wanted = [*known, uuid4()]
    found = sorted(await fast.find("default", wanted))
    assert found == sorted(await plain.find("default", wanted))
    assert len(found) == 2
    assert [await reader.find("another", wanted) for reader in both] == [[], []]
    assert [await reader.find("default", []) for reader in both] == [[], []]
