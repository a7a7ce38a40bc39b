"""Finished notifications are deleted or redacted by age, whatever the database; unfinished ones never."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, type_coerce

from angarium.contracts.statuses import UNFINISHED, Channel, Status
from angarium.notifications.letters import foreign_letter
from angarium.notifications.model import AcceptOutcome, Event, Reason
from angarium.notifications.store.retention import BATCH, FINISHED, Retention, Step, Task
from angarium.notifications.store.schema import callbacks, contact_versions, metadata
from angarium.platform.database.engine import reading, writing
from angarium.platform.database.moments import database_moment
from angarium.platform.database.types import UtcDateTime
from angarium.services.gateway.schema import SCHEMAS as GATEWAY
from tests.conformance.store.backends import OUTBOX_LEASE, SECOND, TENANT, Backend, letter_of, notification, result

TABLES = [name for schema in (metadata, *GATEWAY) for name in schema.tables]
"""Those of the gateway too."""
CANARY = "canary@example.com"
DAY = timedelta(days=1)
THEIRS: dict[str, Any] = {
    "recipient": f'{{"email":"{CANARY}"}}',
    "user_id": None,
    "variables": f'{{"name":"{CANARY}"}}',
    "metadata": f'{{"to":"{CANARY}"}}',
    "callback_url": f"https://example.com/{CANARY}",
}
BOTH = pytest.mark.parametrize("task", list(Task))


async def _before(backend: Backend, age: timedelta) -> datetime:
    """That long ago, by the clock of the rows."""
    if backend.engine.dialect.name == "sqlite":
        return backend.clock.now() - age
    async with reading(backend.engine) as connection:
        moment = type_coerce(database_moment(backend.engine.dialect.name), UtcDateTime())
        now: datetime = (await connection.execute(select(moment))).scalar_one()
    return now - age


async def _run(backend: Backend, task: Task, age: timedelta = DAY, **more: Any) -> list[Step]:
    retention = Retention(backend.engine, backend.clock, **more)
    return [step async for step in retention.run(task, await _before(backend, age))]


async def _kept(backend: Backend) -> str:
    """Everything that the tables hold, as text."""
    rows = [await backend.query(f"SELECT * FROM {name}") for name in TABLES]  # noqa: S608 - ours
    return str([dict(row) for table in rows for row in table])


async def _count(backend: Backend, table: str) -> int:
    [row] = await backend.query(f"SELECT count(*) AS found FROM {table}")  # noqa: S608 - ours
    return int(row["found"])


async def _tell_all(backend: Backend) -> None:
    async with writing(backend.engine) as connection:
        await connection.execute(callbacks.update().values(next_at=None, state="delivered"))


@pytest.fixture(autouse=True)
async def no_callbacks(backend: Backend) -> None:
    await backend.query("DELETE FROM callbacks")


async def _one_of_each(backend: Backend, **changes: Any) -> dict[Status, UUID]:
    """A notification in every status, some with a dead letter, and callbacks."""
    later = await backend.accepted(**changes, send_at=backend.clock.now() + timedelta(days=10_000))
    found = {Status.SCHEDULED: later, Status.PENDING: await backend.accepted(**changes)}
    found[Status.SENDING] = (await backend.claimed(**changes)).id
    claim = await backend.claimed(**changes)
    await backend.store.record([result(claim, Status.RETRYING, wait=timedelta(hours=1))])
    found[Status.RETRYING] = claim.id
    for status in (Status.SENT, Status.SKIPPED, Status.EXPIRED, Status.UNKNOWN):
        found[status] = await backend.ended(status, **changes)
    claim = await backend.claimed(**changes)
    answer = Event("attempt", claim.created_at, {"attempt": 1, "answer": f"550 {CANARY} unknown"})
    reason = Reason("permanent", f"550 {CANARY}")
    await backend.store.record(
        [result(claim, Status.FAILED, reason=reason, events=(answer,), dead_letter=letter_of(claim))]
    )
    found[Status.FAILED] = claim.id
    for status, source in ((Status.DELIVERED, Status.SENT), (Status.CANCELLED, None)):
        identifier = await backend.ended(source, **changes) if source else await backend.accepted(**changes)
        event = Event(str(status), backend.clock.now(), {"status": str(status)})
        assert await backend.store.move(identifier, tenant=TENANT, to=status, event=event)
        found[status] = identifier
    assert set(found) == set(Status)
    return found


@pytest.mark.fault(50)
async def test_what_ended_is_deleted_with_all_that_belongs_to_it_and_nothing_else(backend: Backend) -> None:
    found = await _one_of_each(backend, **THEIRS)
    await backend.store.raise_contact_versions(TENANT, {uuid4(): 1})
    versions = await _count(backend, contact_versions.name)
    await _tell_all(backend)
    await backend.pass_time(2 * DAY)
    steps = await _run(backend, Task.PRUNE)
    left = {row["id"] if isinstance(row["id"], UUID) else UUID(row["id"]) for row in await _ids(backend)}
    assert left == {found[status] for status in UNFINISHED | {Status.UNKNOWN}}
    assert sum(step.notifications for step in steps) == len(FINISHED)
    assert sum(step.dead_letters for step in steps) == 1
    for table in ("notification_metadata", "dead_letters", "callbacks"):
        mine = "id" if table == "notification_metadata" else "notification_id"
        [row] = await backend.query(
            f"SELECT count(*) AS found FROM {table} WHERE {mine} NOT IN (SELECT id FROM notifications)"  # noqa: S608 - ours
        )
        assert row["found"] == 0, table
    assert await _count(backend, contact_versions.name) == versions
    assert [step.notifications for step in await _run(backend, Task.PRUNE)] == [0]


async def _ids(backend: Backend) -> Sequence[Any]:
    return await backend.query("SELECT id FROM notifications")


@pytest.mark.fault(50)
async def test_redaction_keeps_the_record_and_nothing_personal_of_what_ended(backend: Backend) -> None:
    found = await _one_of_each(backend, **THEIRS)
    await _tell_all(backend)
    await backend.pass_time(2 * DAY)
    unfinished = [found[status] for status in UNFINISHED | {Status.UNKNOWN}]
    untouched = [dict(await _row(backend, identifier)) for identifier in unfinished]
    await _run(backend, Task.REDACT)
    assert [dict(await _row(backend, identifier)) for identifier in unfinished] == untouched
    for status in FINISHED:
        assert CANARY not in str(dict(await _row(backend, found[status]))), status
        assert await backend.status(found[status]) is status
    assert "attempt" in await backend.timeline(found[Status.FAILED])
    assert await backend.reader.dead_letters.count() == 0
    await backend.query("DELETE FROM callbacks WHERE status = 'unknown'")
    await backend.query("DELETE FROM notifications WHERE redacted_at IS NULL")
    assert CANARY not in await _kept(backend)


async def _row(backend: Backend, identifier: UUID) -> Any:
    [row] = await backend.query("SELECT * FROM notifications WHERE id = :id", id=identifier)
    return row


async def test_what_is_redacted_is_not_redacted_again_unless_a_receipt_wrote_to_it(backend: Backend) -> None:
    sent = await backend.ended(Status.SENT, **THEIRS | {"callback_url": None})
    await backend.pass_time(2 * DAY)
    assert sum(step.notifications for step in await _run(backend, Task.REDACT)) == 1
    assert sum(step.notifications for step in await _run(backend, Task.REDACT)) == 0
    await backend.query("UPDATE notifications SET redacted_at = updated_at")
    if backend.engine.dialect.name == "sqlite":
        await backend.pass_time(SECOND)
    event = Event("failed", backend.clock.now(), {"status": "failed"})
    await backend.store.move(sent, tenant=TENANT, to=Status.FAILED, event=event, reason=Reason("bounced", CANARY))
    await backend.pass_time(2 * DAY)
    await _run(backend, Task.REDACT)
    assert CANARY not in await _kept(backend)


@BOTH
async def test_the_age_counts_from_the_end(backend: Backend, task: Task) -> None:
    claim = await backend.claimed(**THEIRS | {"callback_url": None})
    await backend.pass_time(10 * DAY)
    await backend.claim(claim.id)
    [again] = await backend.query("SELECT claim_token FROM notifications")
    token = again["claim_token"] if isinstance(again["claim_token"], UUID) else UUID(again["claim_token"])
    ended = result(claim, Status.SENT)
    await backend.store.record([type(ended)(id=claim.id, claim_token=token, status=Status.SENT)])
    await backend.pass_time(DAY / 2)
    assert sum(step.notifications for step in await _run(backend, task)) == 0
    assert sum(step.notifications for step in await _run(backend, task, DAY / 4)) == 1


@BOTH
async def test_a_pending_callback_protects_its_notification(backend: Backend, task: Task) -> None:
    await backend.ended(Status.SENT, **THEIRS)
    await backend.pass_time(2 * DAY)
    assert sum(step.notifications for step in await _run(backend, task)) == 0
    await _tell_all(backend)
    assert sum(step.notifications for step in await _run(backend, task)) == 1
    assert await _count(backend, "callbacks") == 0


@BOTH
async def test_foreign_dead_letters_go_by_age(backend: Backend, task: Task) -> None:
    letter = foreign_letter(
        CANARY.encode(), Reason("malformed", "x"), letter_id=uuid4(), channel=Channel.EMAIL, tenant=TENANT
    )
    await backend.store.bury([letter], [])
    assert sum(step.dead_letters for step in await _run(backend, task)) == 0
    await backend.pass_time(2 * DAY)
    assert sum(step.dead_letters for step in await _run(backend, task)) == 1
    assert await _count(backend, "dead_letters") == 0


@BOTH
@pytest.mark.fault(50)
async def test_many_in_pieces_of_every_tenant(backend: Backend, task: Task) -> None:
    for tenant, number in (("acme", BATCH + 3), ("zebra", 2)):
        await backend.accept(*(notification(tenant=tenant) for _ in range(number)))
    await backend.query("UPDATE notifications SET status = 'sent', sweep_at = NULL")
    await backend.pass_time(2 * DAY)
    steps = await _run(backend, task)
    done: Counter[str] = Counter()
    for step in steps:
        assert step.notifications <= BATCH
        done[step.tenant] += step.notifications
    assert done == {"acme": BATCH + 3, "zebra": 2}


async def test_what_may_be_done_is_counted_first(backend: Backend) -> None:
    await _one_of_each(backend, **THEIRS | {"callback_url": None})
    await backend.pass_time(2 * DAY)
    before = await _kept(backend)
    for task in Task:
        counts: Counter[Status] = Counter()
        async for found in Retention(backend.engine, backend.clock).candidates(task, await _before(backend, DAY)):
            for (status, _), number in found.notifications.items():
                counts[status] += number
        assert counts == dict.fromkeys(FINISHED, 1)
    assert await _kept(backend) == before


async def test_a_request_id_is_free_again_only_with_its_notification(backend: Backend) -> None:
    new = notification()
    await backend.accept(new)
    await backend.query("UPDATE notifications SET status = 'sent', sweep_at = NULL")
    await backend.pass_time(2 * DAY)
    again = type(new)(**{name: getattr(new, name) for name in new.__struct_fields__} | {"id": uuid4()})
    await _run(backend, Task.REDACT)
    [answer] = await backend.store.accept([again], outbox_lease=OUTBOX_LEASE)
    assert answer.outcome is AcceptOutcome.REPLAYED
    await _run(backend, Task.PRUNE)
    [answer] = await backend.store.accept([again], outbox_lease=OUTBOX_LEASE)
    assert answer.outcome is AcceptOutcome.CREATED


async def test_two_at_once_change_each_row_once(backend: Backend) -> None:
    await backend.accept(*(notification() for _ in range(2 * BATCH)))
    await backend.query("UPDATE notifications SET status = 'sent', sweep_at = NULL")
    await backend.pass_time(2 * DAY)
    told: list[UUID] = []

    async def forget(ids: Sequence[UUID]) -> None:
        told.extend(ids)

    await asyncio.gather(*(_run(backend, Task.PRUNE, elsewhere=(forget,)) for _ in range(2)))
    assert len(told) == len(set(told)) == 2 * BATCH
    assert await _ids(backend) == []
