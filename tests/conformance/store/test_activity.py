"""What a tenant's notifications have been doing lately, and searches by address, on every database."""

from datetime import timedelta

import pytest

from angarium.contracts.dead_letters import DeadLetterFilter
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.read import activity, notifications
from angarium.notifications.store.read.activity import SPAN, UNFINISHED, ActivityReader, Minute
from angarium.notifications.store.read.notifications import NotificationFilter
from tests.conformance.store.backends import SECOND, TENANT, Backend

HOUR = timedelta(hours=1)


async def test_minutes_count_what_was_accepted_and_what_failed_of_it(backend: Backend) -> None:
    await backend.ended(Status.SENT)
    await backend.failed()
    await backend.accepted(tenant="other")
    reader = ActivityReader(backend.engine)
    [view, _] = await backend.reader.newest(TENANT, 10)
    start = view.created_at.replace(second=0, microsecond=0) - SPAN
    starts = [start + n * SPAN for n in range(3)]
    found = await reader.minutes(TENANT, starts)
    assert [minute.start for minute in found] == starts
    assert (sum(minute.accepted for minute in found), sum(minute.failed for minute in found)) == (2, 1)
    assert await reader.minutes(TENANT, []) == []
    assert await reader.minutes("none", starts[:1]) == [Minute(starts[0], 0, 0)]


async def test_a_full_minute_is_calculated_from_the_time_its_sample_took(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "SAMPLED", 3)
    for _ in range(4):
        await backend.accepted()
        await backend.pass_time(2 * SECOND)
    newest, *_, oldest = await backend.reader.newest(TENANT, 10)
    start = oldest.created_at
    assert newest.created_at - start < SPAN
    [minute] = await ActivityReader(backend.engine).minutes(TENANT, [start])
    assert minute.accepted == pytest.approx(3 / 4 * 60, rel=0.2)


async def test_recent_ones_say_how_long_they_took_and_what_became_of_them(backend: Backend) -> None:
    claim = await backend.claimed(channel=Channel.SMS)
    await backend.pass_time(SECOND)
    await backend.failed()
    [view, _] = await backend.reader.newest(TENANT, 10)
    reader = ActivityReader(backend.engine)
    failed, sending = await reader.recent(TENANT, view.created_at - HOUR)
    assert (failed.status, failed.seconds) == (Status.FAILED, None)
    assert (sending.channel, sending.status) == (Channel.SMS, Status.SENDING)
    assert claim.attempt == 1
    assert await reader.recent(TENANT, view.created_at + HOUR) == []


async def test_what_is_unfinished_is_counted_and_the_oldest_known(backend: Backend) -> None:
    reader = ActivityReader(backend.engine)
    assert await reader.unfinished(TENANT) == dict.fromkeys(UNFINISHED, 0)
    assert await reader.oldest(TENANT, Status.PENDING) is None
    first = await backend.accepted()
    await backend.pass_time(SECOND)
    await backend.accepted()
    await backend.claimed()
    found = await reader.unfinished(TENANT)
    assert (found[Status.PENDING], found[Status.SENDING]) == (2, 1)
    view = await backend.reader.get(TENANT, first)
    assert view is not None
    assert await reader.oldest(TENANT, Status.PENDING) == view.created_at


async def test_an_address_is_found_step_by_step(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifications, "EXAMINED", 3)
    wanted = await backend.accepted(user_id=None, recipient='{"email":"a_da+1@example.com"}')
    for _ in range(4):
        await backend.pass_time(SECOND)
        await backend.accepted(user_id=None, recipient='{"email":"axda+1@example.com"}')
    everything = NotificationFilter()
    first = await backend.reader.find_by_address(TENANT, "a_da+1@example.com", everything, limit=10)
    assert first.rows == []
    assert first.next_cursor is not None
    second = await backend.reader.find_by_address(
        TENANT, "a_da+1@example.com", everything, limit=10, cursor=first.next_cursor
    )
    assert [view.notification_id for view in second.rows] == [wanted]
    assert second.next_cursor is None
    many = await backend.reader.find_by_address(TENANT, "axda+1@example.com", everything, limit=1)
    assert (len(many.rows), many.next_cursor is not None) == (1, True)
    other = await backend.reader.find_by_address("other", "axda+1@example.com", everything, limit=10)
    assert other.rows == []


async def test_letters_of_one_notification_and_of_the_newest(backend: Backend) -> None:
    identifier, letter_id = await backend.failed()
    await backend.pass_time(SECOND)
    await backend.failed()
    letters = backend.reader.dead_letters
    found = await letters.of_notification(TENANT, identifier)
    assert found is not None
    assert found.id == letter_id
    assert await letters.of_notification("other", identifier) is None
    assert (await letters.count(tenant=TENANT), await letters.count(tenant="other")) == (2, 0)
    [group] = await letters.by_reason(TENANT, DeadLetterFilter(), newest=1)
    assert group.count == 1
