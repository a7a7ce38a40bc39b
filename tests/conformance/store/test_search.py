"""Search by metadata; reading beside a replica."""

import shutil
from pathlib import Path
from uuid import UUID

import pytest

from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import Event
from angarium.notifications.store.read.notifications import NotificationFilter, NotificationReader
from angarium.platform.database.engine import open_engine
from angarium.platform.database.faults import DatabaseUnavailable
from angarium.platform.database.replica import Replica
from tests.conformance.store.backends import SECOND, TENANT, Backend, notification, open_sqlite
from tests.support.servers.ports import free_port


async def _found(backend: Backend, *pairs: tuple[str, str], tenant: str = TENANT, **more: object) -> list[UUID]:
    found = await backend.reader.find(tenant, NotificationFilter(metadata=pairs, **more), limit=100)  # type: ignore[arg-type]  # a test's fields
    assert found.total == len(found.rows)
    return [view.notification_id for view in found.rows]


def _away() -> str:
    """The URL of a database that refuses connections."""
    return f"postgresql://postgres@127.0.0.1:{free_port()}/none"


async def test_values_are_compared_as_text(backend: Backend) -> None:
    number = await backend.accepted(
        metadata='{"order": 42, "paid": true, "note": "ä\\"b", "rest": {"a": 1}, "n": null}'
    )
    word = await backend.accepted(metadata='{"order": "42"}', channel=Channel.SMS)
    await backend.accepted(metadata="{}")
    await backend.accepted(metadata='{"order": 42}', tenant="other")
    assert sorted(await _found(backend, ("order", "42"))) == sorted([number, word])
    assert await _found(backend, ("order", "42"), ("paid", "true")) == [number]
    assert await _found(backend, ("note", 'ä"b')) == [number]
    assert await _found(backend, ("order", "42"), notification_type=Channel.SMS) == [word]
    for name, value in (("order", "43"), ("rest", "1"), ("n", "null"), ("a", "1"), ("order", "%")):
        assert await _found(backend, (name, value)) == []


async def test_names_and_values_may_be_in_any_script_and_end_in_a_space(backend: Backend) -> None:
    found = await backend.accepted(metadata='{"город": "Łódź 😀", "tag": "a "}')
    assert await _found(backend, ("город", "Łódź 😀")) == [found]
    assert await _found(backend, ("город", "Łódź 🙂")) == []
    assert await _found(backend, ("tag", "a ")) == [found]
    assert await _found(backend, ("tag", "a")) == await _found(backend, ("tag", "A ")) == []


async def test_pages_by_cursor_are_newest_first_and_lose_nothing(backend: Backend) -> None:
    ids = await backend.accept(*(notification(metadata='{"campaign": "may"}') for _ in range(7)))
    await backend.pass_time(SECOND)
    ids += await backend.accept(*(notification(metadata='{"campaign": "may"}') for _ in range(6)))
    wanted = NotificationFilter(metadata=(("campaign", "may"),))
    seen: list[UUID] = []
    cursor: str | None = None
    while True:
        found = await backend.reader.find(TENANT, wanted, limit=4, cursor=cursor)
        assert found.total == (13 if cursor is None else None)
        seen += [view.notification_id for view in found.rows]
        cursor = found.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(ids)
    assert sorted(seen[:6]) == sorted(ids[7:])


async def test_by_time_and_status(backend: Backend) -> None:
    first = await backend.ended(Status.SENT, metadata='{"o": 1}')
    await backend.pass_time(SECOND)
    second = await backend.accepted(metadata='{"o": 1}')
    view = await backend.reader.get(TENANT, second)
    assert view is not None
    assert await _found(backend, ("o", "1"), status=Status.SENT) == [first]
    assert await _found(backend, ("o", "1"), from_=view.created_at) == [second]
    assert await _found(backend, ("o", "1"), to=view.created_at) == [first]


async def test_what_is_erased_or_deleted_is_not_found(backend: Backend) -> None:
    erased, deleted, kept = [await backend.accepted(metadata='{"o": 1}') for _ in range(3)]
    await backend.query("UPDATE notifications SET metadata = '{}' WHERE id = :id", id=erased)
    await backend.query("DELETE FROM notifications WHERE id = :id", id=deleted)
    assert await _found(backend, ("o", "1")) == [kept]
    [left] = await backend.query("SELECT count(*) AS count FROM notification_metadata")
    assert left["count"] == 1


async def test_a_status_that_changes_leaves_the_search_as_it_is(backend: Backend) -> None:
    identifier = await backend.ended(Status.SENT, metadata='{"o": 1}')
    assert await _found(backend, ("o", "1")) == [identifier]


async def test_a_replica_that_lacks_a_row_or_is_away_is_stood_in_for(
    backend: Backend, migrated_sqlite: Path, tmp_path: Path
) -> None:
    identifier = await backend.accepted()
    behind = Path(shutil.copy(migrated_sqlite, tmp_path / "replica.db"))
    for url, total in ((f"sqlite:///{behind}", 0), (_away(), 1)):
        replica = open_engine(url)
        reader = NotificationReader(backend.engine, replica=Replica(backend.engine, replica))
        view = await reader.get(TENANT, identifier)
        assert view is not None
        assert await reader.get_now(TENANT, identifier) == view
        assert await reader.events(TENANT, identifier) is not None
        found = await reader.find(TENANT, NotificationFilter())
        assert found.total == total
        await replica.dispose()


async def test_without_a_replica_an_unavailable_database_is_an_error() -> None:
    engine = open_engine(_away())
    with pytest.raises(DatabaseUnavailable):
        await NotificationReader(engine).find(TENANT, NotificationFilter())
    await engine.dispose()


async def test_what_the_replica_has_is_read_from_there(migrated_sqlite: Path, tmp_path: Path) -> None:
    """Two files act as a primary and a replica that lags behind it."""
    sides = [open_sqlite(Path(shutil.copy(migrated_sqlite, tmp_path / name))) for name in ("primary.db", "replica.db")]
    new = notification()
    for side in sides:
        await side.accept(new)
    event = Event("cancelled", sides[0].clock.now(), {"status": "cancelled"})
    await sides[0].store.move(new.id, tenant=TENANT, to=Status.CANCELLED, event=event)
    reader = NotificationReader(sides[0].engine, replica=Replica(sides[0].engine, sides[1].engine))
    views = [await reader.get(TENANT, new.id), await reader.get_now(TENANT, new.id)]
    assert [view.status for view in views if view] == [Status.PENDING, Status.CANCELLED]
    for side in sides:
        await side.close()
