"""What is asked of the record: one, its timeline, lists by filter and page, dead letters."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from angarium.contracts.dead_letters import DeadLetterFilter
from angarium.contracts.errors import ValidationFailed
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.model import NewDeadLetter, Reason
from angarium.notifications.store.read.notifications import CAPPED_FOR, NotificationFilter, NotificationReader
from tests.conformance.store.backends import OUTBOX_LEASE, SECOND, TENANT, Backend, notification
from tests.support.clock import ManualClock

ALL = NotificationFilter()
EVERY_LETTER = DeadLetterFilter()


async def _one_by_one(backend: Backend, count: int, **changes: object) -> list[UUID]:
    """Accepted a second apart; oldest first."""
    ids = []
    for _ in range(count):
        ids.append(await backend.accepted(**changes))
        await backend.pass_time(SECOND)
    return ids


async def _found(backend: Backend, wanted: NotificationFilter) -> list[UUID]:
    found = await backend.reader.find(TENANT, wanted, limit=100)
    assert found.total == len(found.rows)
    assert found.next_cursor is None
    return [view.notification_id for view in found.rows]


async def test_another_tenants_is_not_there(backend: Backend) -> None:
    identifier = await backend.accepted(tenant="other")
    assert await backend.reader.get(TENANT, identifier) is None
    assert await backend.reader.events(TENANT, identifier) is None
    assert await _found(backend, ALL) == []
    assert await backend.reader.get(TENANT, uuid4()) is None


async def test_a_list_is_newest_first(backend: Backend) -> None:
    ids = await _one_by_one(backend, 3)
    assert await _found(backend, ALL) == ids[::-1]


async def test_each_filter_finds_its_own(backend: Backend) -> None:
    await backend.accepted()
    sms = await backend.accepted(channel=Channel.SMS)
    other_user = await backend.accepted(user_id="u-2")
    other_template = await backend.accepted(template_code="goodbye")
    request = await backend.accepted(request_id="';-- DROP")
    sent = await backend.ended(Status.SENT)
    assert await _found(backend, NotificationFilter(notification_type=Channel.SMS)) == [sms]
    assert await _found(backend, NotificationFilter(user_id="u-2")) == [other_user]
    assert await _found(backend, NotificationFilter(template_code="goodbye")) == [other_template]
    assert await _found(backend, NotificationFilter(request_id="';-- DROP")) == [request]
    assert await _found(backend, NotificationFilter(status=Status.SENT)) == [sent]
    assert await _found(backend, NotificationFilter(status=Status.SENT, user_id="u-2")) == []
    assert len(await _found(backend, ALL)) == 6


async def test_from_is_in_and_to_is_out(backend: Backend) -> None:
    ids = await _one_by_one(backend, 4)
    views = [await backend.reader.get(TENANT, identifier) for identifier in ids]
    times = [view.created_at for view in views if view is not None]
    assert await _found(backend, NotificationFilter(from_=times[1], to=times[3])) == [ids[2], ids[1]]
    assert await _found(backend, NotificationFilter(to=times[1])) == [ids[0]]
    assert await _found(backend, NotificationFilter(from_=times[3])) == [ids[3]]


async def test_pages_by_number(backend: Backend) -> None:
    ids = (await _one_by_one(backend, 5))[::-1]
    for page, expected in ((1, ids[:2]), (2, ids[2:4]), (3, ids[4:]), (4, [])):
        found = await backend.reader.find(TENANT, ALL, page=page, limit=2)
        assert ([view.notification_id for view in found.rows], found.total) == (expected, 5)


async def test_pages_by_cursor_lose_and_repeat_nothing(backend: Backend) -> None:
    ids = await backend.accept(*(notification() for _ in range(25)))  # one batch: one time for all
    await backend.pass_time(SECOND)
    seen: list[UUID] = []
    cursor: str | None = None
    while True:
        found = await backend.reader.find(TENANT, ALL, limit=4, cursor=cursor)
        seen += [view.notification_id for view in found.rows]
        cursor = found.next_cursor
        if cursor is None:
            break
        await backend.accepted()  # a newer one does not shift the pages
    assert sorted(seen) == sorted(ids)


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "ä", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OS4x", "MS4x"])
async def test_an_invalid_cursor_is_refused(backend: Backend, cursor: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        await backend.reader.find(TENANT, ALL, cursor=cursor)
    assert refusal.value.details[0].field == "cursor"


async def _letters(backend: Backend) -> list[UUID]:
    """Three of `acme`, oldest first, and one of another tenant."""
    ids = []
    kinds = (("email", "permanent", "a"), ("email", "permanent", "b"), ("sms", "expired", "a"))
    for channel, code, template in kinds:
        letter = NewDeadLetter(
            id=uuid4(),
            tenant=TENANT,
            channel=Channel(channel),
            reason=Reason(code, f"550 {template}"),
            attempts=2,
            template_code=template,
        )
        await backend.store.bury([letter], [])
        await backend.pass_time(timedelta(hours=1))
        ids.append(letter.id)
    await backend.failed(tenant="other")
    return ids


async def test_dead_letters_by_filter(backend: Backend) -> None:
    first, second, third = await _letters(backend)
    oldest = await backend.reader.dead_letters.get(TENANT, second)
    assert oldest is not None
    for wanted, expected in (
        (EVERY_LETTER, [third, second, first]),
        (DeadLetterFilter(channel=Channel.SMS), [third]),
        (DeadLetterFilter(reason="permanent"), [second, first]),
        (DeadLetterFilter(template_code="a"), [third, first]),
        (DeadLetterFilter(older_than=oldest.failed_at), [first]),
        (DeadLetterFilter(channel=Channel.PUSH), []),
    ):
        found = await backend.reader.dead_letters.find(TENANT, wanted)
        assert [letter.id for letter in found.rows] == expected
        assert found.total == len(expected)
        assert await backend.reader.dead_letters.matching(TENANT, wanted) == expected[::-1]


async def test_dead_letters_by_cursor(backend: Backend) -> None:
    first, second, third = await _letters(backend)
    page = await backend.reader.dead_letters.find(TENANT, EVERY_LETTER, limit=2)
    assert [letter.id for letter in page.rows] == [third, second]
    rest = await backend.reader.dead_letters.find(TENANT, EVERY_LETTER, limit=2, cursor=page.next_cursor)
    assert ([letter.id for letter in rest.rows], rest.next_cursor) == ([first], None)


async def test_dead_letters_by_reason(backend: Backend) -> None:
    first, _, _ = await _letters(backend)
    oldest = await backend.reader.dead_letters.get(TENANT, first)
    assert oldest is not None
    groups = await backend.reader.dead_letters.by_reason(TENANT, EVERY_LETTER)
    assert [(group.reason, group.channel, group.count) for group in groups] == [
        ("permanent", Channel.EMAIL, 2),
        ("expired", Channel.SMS, 1),
    ]
    assert groups[0].oldest_at == oldest.failed_at
    assert groups[0].example.startswith("550 ")
    assert await backend.reader.dead_letters.by_reason("nobody", EVERY_LETTER) == []


async def test_letters_are_counted_over_all_tenants_and_shown_to_their_own(backend: Backend) -> None:
    ids = await _letters(backend)
    assert await backend.reader.dead_letters.count() == 4
    assert await backend.reader.dead_letters.get("other", ids[0]) is None


async def test_reading_waits_for_no_writer(backend: Backend) -> None:
    new = notification()
    await backend.store.accept([new], outbox_lease=OUTBOX_LEASE)
    async with backend.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE notifications SET attempts = attempts")
        assert await backend.reader.get(TENANT, new.id) is not None


async def test_times_are_aware_and_in_utc(backend: Backend) -> None:
    identifier = await backend.accepted(expires_at=datetime.fromisoformat("2100-06-01T12:00:00+02:00"))
    view = await backend.reader.get(TENANT, identifier)
    assert view is not None
    assert view.expires_at == datetime(2100, 6, 1, 10, tzinfo=UTC)
    assert view.created_at.utcoffset() == view.expires_at.utcoffset() == timedelta(0)


async def test_that_a_list_is_capped_is_remembered_for_a_moment(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting up to the cap costs more than the page; a short list is always counted."""
    monkeypatch.setattr("angarium.platform.database.counting.count_up_to.__defaults__", (2,))
    monkeypatch.setattr("angarium.notifications.store.read.notifications.TOTAL_LIMIT", 2)
    clock = ManualClock()
    reader = NotificationReader(backend.engine, clock=clock)

    async def total() -> int | None:
        return (await reader.find(TENANT, ALL, limit=1)).total

    await _one_by_one(backend, 2)
    assert await total() == 2
    last = await backend.accepted()
    assert await total() == 3
    await backend.query("DELETE FROM notifications WHERE id = :id", id=last)
    assert await total() == 3
    assert (await reader.find("other", ALL)).total == 0
    await clock.advance(CAPPED_FOR.total_seconds())
    assert await total() == 2
