"""Readiness, closing, and where a URL leads."""

from datetime import timedelta
from pathlib import Path

import pytest

from angarium.contracts.errors import SettingsError
from angarium.notifications.store.open import open_store
from angarium.notifications.store.port import StoreUnavailable
from angarium.platform.clock import SystemClock
from tests.conformance.store.backends import Backend, notification


async def test_a_migrated_database_is_ready(backend: Backend) -> None:
    assert await backend.store.problem() is None


async def test_an_older_schema_is_not_ready_and_a_newer_one_is(backend: Backend) -> None:
    [row] = await backend.query("SELECT version_num FROM alembic_version")
    await backend.query("UPDATE alembic_version SET version_num = 'from_the_future'")
    newer = await backend.store.problem() is None
    await backend.query("DELETE FROM alembic_version")
    older = await backend.store.problem() is None
    await backend.query("INSERT INTO alembic_version VALUES (:version)", version=row["version_num"])
    assert (newer, older) == (True, False)


async def test_a_closed_store_is_unavailable_and_closes_again(backend: Backend) -> None:
    await backend.store.close()
    await backend.store.close()
    assert await backend.store.problem() is not None
    with pytest.raises(StoreUnavailable):
        await backend.store.accept([notification()], outbox_lease=timedelta(0))


async def test_an_empty_file_is_not_ready(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/new/empty.db", pool_size=1, clock=SystemClock())
    try:
        assert await store.problem() is not None
    finally:
        await store.close()


@pytest.mark.parametrize(
    "url", ["mysql://h", "mysql://h/x?ssl=1", "redis://localhost", "nonsense", "sqlite://", "postgresql://h"]
)
def test_a_url_that_leads_nowhere_names_its_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="NOTIFICATIONS_DATABASE_URL"):
        open_store(url, pool_size=1, clock=SystemClock())
